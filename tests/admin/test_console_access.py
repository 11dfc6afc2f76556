"""The console of a whole gateway: every path with each credential, what it sees of an edit and of the end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.admin.consoles import Viewer, bearer
from tests.admin.listing import ADMIN, ROUTES, call
from tests.admin.stacks import Stack, running
from tests.fakes.client import Fields, RawClient, request, told
from tests.fakes.gates import soon
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.editing import EVENTS, EditedGateway, edited, write
from tests.functional.running import GOOD, TOKEN

API = (
    ("GET", "/routes"),
    ("GET", "/upstreams"),
    ("GET", "/streams"),
    ("DELETE", "/streams/nothing"),
    ("POST", "/reload"),
    ("POST", "/console/token"),
)
STREAM = ("GET", "/console/events")


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    """A gateway with an admin token."""
    async with running(ROUTES) as stack:
        yield stack


async def console_token(stack: Stack) -> str:
    """Sign in."""
    return str(told(await call(stack, "/console/token", "POST"))["sse_token"])


async def credentials(stack: Stack) -> dict[str, Fields]:
    """Return one of each kind."""
    issued = await stack.gateway.call("/tokens/query", GOOD, method="POST")
    return {
        "nothing": (),
        "admin": ADMIN,
        "console": bearer(await console_token(stack)),
        "principal": bearer(TOKEN),
        "principal header": GOOD,
        "stream": bearer(told(issued)["sse_token"]),
        "both": (*ADMIN, *bearer(await console_token(stack))),
    }


async def status(stack: Stack, method: str, target: str, fields: Fields) -> int:
    """Return the status of a call whose body may have no end."""
    client = await RawClient.connect("127.0.0.1", stack.gateway.admin_port)
    await client.send(request(method, target, fields))
    head = await client.head()
    client.leave()
    return int(head.start.split(" ")[1])


@pytest.mark.parametrize(("method", "target"), API, ids=[f"{method} {path}" for method, path in API])
async def test_api(method: str, target: str, stack: Stack) -> None:
    """What is read or done takes the admin token, and the token for the stream is none."""
    for kind, fields in (await credentials(stack)).items():
        allowed = 404 if target == "/streams/nothing" else 200
        assert await status(stack, method, target, fields) == (allowed if kind == "admin" else 401), kind


async def test_stream(stack: Stack) -> None:
    """The stream takes its own token, and the admin token is none."""
    for kind, fields in (await credentials(stack)).items():
        assert await status(stack, *STREAM, fields) == (200 if kind == "console" else 401), kind


@pytest.mark.parametrize("path", ["/", "/console", "/console/", "/console/event-source.js"])
async def test_page(path: str, stack: Stack) -> None:
    """The page takes no token, and no notice of one."""
    expected = 302 if path in ("/", "/console") else 200
    for kind, fields in (await credentials(stack)).items():
        assert await status(stack, "GET", path, fields) == expected, kind


async def test_off_without_an_admin_token() -> None:
    """Where none is configured nothing of it is there, whatever comes along."""
    paths = [*API, STREAM, *(("GET", path) for path in ("/", "/console", "/console/event-source.js"))]
    async with running(ROUTES, admin_token="") as stack:
        for fields in ((), ADMIN, bearer(TOKEN), bearer("c1f0b1a8-5f3e-4f57-9d8e-6a1f0f6f3b21")):
            for method, target in (*paths, ("GET", "/console/")):
                reply = await call(stack, target, method, fields)
                assert (reply.status, told(reply)["code"]) == (404, "route_not_found"), target


@asynccontextmanager
async def viewing(stack: Stack) -> AsyncIterator[Viewer]:
    """Look at a gateway's console."""
    client = await RawClient.connect("127.0.0.1", stack.gateway.admin_port)
    await client.send(request("GET", "/console/events", bearer(await console_token(stack))))
    yield Viewer(client, await client.head())
    client.leave()


async def test_edits(tmp_path: Path) -> None:
    """A console sees what is wrong with an edit, with its place, and that a good one took effect."""
    file = tmp_path / "tentaculo.yaml"
    gateway = EditedGateway(file, edited(9))
    gateway.errors_expected = True
    await gateway.start()
    async with viewing(Stack(gateway, ScriptedUpstream({}), "")) as viewer:
        assert (await viewer.until("figures"))["routes"] == ["events", "other", "rest"]
        assert await viewer.until("problems") == []
        write(file, edited(9, EVENTS, "{name: rest, path: 7, upstream: backend}"))
        (problem,) = await viewer.until("problems")
        assert re.match(rf"{re.escape(str(file))}:\d+:\d+: ", problem)
        write(file, edited(9, EVENTS))
        assert await viewer.until("problems") == []
        assert await viewer.until("reloaded") == {}
        assert (await viewer.until("figures", lambda now: "routes" in now))["routes"] == ["events"]
    await gateway.stop()
    gateway.check_log()


async def test_stop_with_open_consoles() -> None:
    """They see that the gateway drains, are told of the end, and hold nothing up."""
    async with running("\n  - {name: api, path: /*, upstream: backend}") as stack, viewing(stack) as viewer:
        assert (await viewer.until("figures"))["ready"]
        client = await stack.gateway.client()
        await client.send(request("GET", "/slow-head", GOOD))
        await stack.upstream.next()
        stopping = asyncio.ensure_future(stack.gateway.shut_down())
        drains = await viewer.until("figures", lambda now: now["draining"])
        assert not drains["ready"]
        stack.upstream.gates.open("head")
        assert await viewer.until("draining") == {"reason": "draining"}
        await soon(stopping, 1)
        (ended,) = stack.gateway.logs.named("console.ended")
        assert ended["end_reason"] == "draining"
