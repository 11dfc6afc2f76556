"""Every fault becomes problem details, and none of them a second answer."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from examples.vx11.problems import CORRELATION_ID, Refused, abort, answer_problems, mark_response
from examples.vx11.service import Service
from tests.fakes.gates import soon

SECRET = "planted-secret-text"
ABORTED = web.AppKey("aborted", asyncio.Event)


async def _refuse(request: web.Request) -> web.Response:
    raise Refused(503, "token_store_unavailable", "The token store does not answer", retry_after=7)


async def _crash(request: web.Request) -> web.Response:
    raise LookupError(SECRET)


async def _crash_late(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"begun")
    raise LookupError(SECRET)


async def _abort(request: web.Request) -> web.Response:
    abort(request)
    try:
        await asyncio.Event().wait()
    finally:
        abort(request)  # the connection is gone by now
        request.app[ABORTED].set()
    return web.Response()


async def _echo(request: web.Request) -> web.Response:
    return web.Response(text=request[CORRELATION_ID])


@pytest.fixture
def aborted() -> asyncio.Event:
    """Set when the handler that breaks its connection has ended."""
    return asyncio.Event()


@pytest.fixture
async def base(aborted: asyncio.Event) -> AsyncIterator[str]:
    """The URL of an application with one handler for each fault."""
    app = web.Application(middlewares=[answer_problems])
    app.on_response_prepare.append(mark_response)
    app.router.add_get("/refuse", _refuse)
    app.router.add_get("/crash", _crash)
    app.router.add_get("/crash-late", _crash_late)
    app.router.add_get("/abort", _abort)
    app.router.add_get("/echo", _echo)
    app[ABORTED] = aborted
    service = Service(app, "127.0.0.1", 0)
    await service.start()
    yield f"http://127.0.0.1:{service.address[1]}"
    await service.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "headers"),
    [
        pytest.param("GET", "/refuse", 503, "token_store_unavailable", {"Retry-After": "7"}, id="refused"),
        pytest.param("GET", "/nowhere", 404, "not_found", {}, id="no-such-path"),
        pytest.param("POST", "/echo", 405, "method_not_allowed", {"Allow": "GET,HEAD"}, id="method"),
        pytest.param("GET", "/crash", 500, "internal_error", {}, id="crash"),
    ],
)
async def test_a_fault_is_problem_details(
    base: str,
    session: aiohttp.ClientSession,
    method: str,
    path: str,
    status: int,
    code: str,
    headers: dict[str, str],
) -> None:
    """The body tells status and code, and is never cached."""
    async with session.request(method, base + path) as response:
        body = await response.json()
    assert response.content_type == "application/problem+json"
    assert (response.status, body["status"], body["code"]) == (status, status, code)
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["correlation_id"] == response.headers["X-Correlation-Id"]
    assert response.headers["Cache-Control"] == "no-store"
    assert {name: response.headers.get(name) for name in headers} == headers


async def test_a_crash_is_logged_by_its_kind_and_place_only(
    base: str, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the exception's type and frames, and neither log nor body its text."""
    async with session.get(f"{base}/crash") as response:
        body = await response.text()
    assert "LookupError" in caplog.text
    assert "in _crash" in caplog.text
    assert SECRET not in caplog.text + body


async def test_a_started_answer_is_cut_and_not_answered_again(
    base: str, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that fails after its first byte leaves a body that is seen as truncated."""
    async with session.get(f"{base}/crash-late") as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert response.status == 200
    assert [record.levelno for record in caplog.records if record.name == "vx11.problems"] == [logging.ERROR]


@pytest.mark.parametrize(
    ("presented", "kept"),
    [
        pytest.param("order-66/b", True, id="plain"),
        pytest.param("x" * 128, True, id="longest"),
        pytest.param("x" * 129, False, id="too-long"),
        pytest.param("two words", False, id="space"),
        pytest.param("ñ", False, id="not-ascii"),
        pytest.param(None, False, id="none"),
    ],
)
async def test_the_correlation_id_is_kept_or_made(
    base: str, session: aiohttp.ClientSession, presented: str | None, kept: bool
) -> None:
    """A sound id is kept through the service; otherwise a new one is made."""
    headers = {} if presented is None else {"X-Correlation-Id": presented}
    async with session.get(f"{base}/echo", headers=headers) as response:
        text = await response.text()
    assert response.headers["X-Correlation-Id"] == text
    assert text == presented if kept else uuid.UUID(text).version == 4


async def test_an_unknown_expectation_is_refused(base: str, session: aiohttp.ClientSession) -> None:
    """A fault raised ahead of the handlers is answered too."""
    async with session.get(f"{base}/echo", headers={"Expect": "the-unexpected"}) as response:
        assert response.status == 417


async def test_an_aborted_connection_is_broken_at_once_and_only_once(
    base: str, session: aiohttp.ClientSession, aborted: asyncio.Event
) -> None:
    """The client sees the connection go, its handler ends, and aborting again does nothing."""
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await session.get(f"{base}/abort")
    await soon(aborted.wait())
