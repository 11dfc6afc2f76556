"""The second listener's answers, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import NoReturn

import pytest
from aiohttp import web

from tentaculo.admin.api import AdminApi
from tentaculo.admin.app import build_app
from tests.fakes.client import RawClient, request, told
from tests.fakes.messages import Message

Call = Callable[..., Awaitable[Message]]
EXPOSITION = "text/plain; version=1.0.0; charset=utf-8"


class Facts:
    """What the application asks for."""

    def __init__(self) -> None:
        self.live = True
        self.ready = True
        self.rejected = False
        self.store_answers = True
        self.calls = 0

    def is_ready(self) -> bool:
        """Say whether the gateway may get traffic."""
        return self.ready

    async def is_live(self) -> bool:
        """Say whether nobody is stuck."""
        return self.live

    def is_rejected(self) -> bool:
        """Say whether the last edit was bad."""
        return self.rejected

    async def store_is_there(self) -> bool:
        """Say whether tokens can be issued and redeemed."""
        return self.store_answers

    async def exposition(self) -> tuple[bytes, str]:
        """Count how often the metrics were asked for."""
        self.calls += 1
        return b"calls %d\n" % self.calls, EXPOSITION


async def _revoke(name: str, seconds: float) -> None:
    raise AssertionError(name)


def _unwanted() -> NoReturn:
    raise AssertionError


@pytest.fixture
def facts() -> Facts:
    """Facts that a test may change."""
    return Facts()


@pytest.fixture
async def call(facts: Facts) -> AsyncIterator[Call]:
    """Make one call to the application."""
    async with AsyncExitStack() as stack:
        app = build_app(
            is_ready=facts.is_ready,
            is_rejected=facts.is_rejected,
            is_live=facts.is_live,
            store_answers=facts.store_is_there,
            exposition=facts.exposition,
            api=AdminApi(
                lambda: None, revoke=_revoke, is_principal=bool, reload=_unwanted, outline=_unwanted
            ),
        )
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]

        async def make(target: str, method: str = "GET") -> Message:
            client = await RawClient.connect(host, port)
            await client.send(request(method, target, [("Connection", "close")]))
            reply = await client.reply(method)
            await client.aclose()
            return reply

        yield make


async def test_stuck(facts: Facts, call: Call) -> None:
    """Who answers for others says that one of them does not."""
    facts.live = False
    reply = await call("/live")
    assert (reply.status, reply.body) == (503, b'{"status": "stuck"}')
    assert (await call("/ready")).status == 200


@pytest.mark.parametrize(
    ("target", "ready", "status", "body"),
    [
        ("/live", True, 200, b'{"status": "live"}'),
        ("/live", False, 200, b'{"status": "live"}'),
        ("/ready", True, 200, b'{"status": "ready"}'),
        ("/ready", False, 503, b'{"status": "not_ready"}'),
    ],
)
async def test_probes(target: str, ready: bool, status: int, body: bytes, call: Call, facts: Facts) -> None:
    """A gateway that ends is live but not ready."""
    facts.ready = ready
    reply = await call(target)
    assert (reply.status, reply.body) == (status, body)
    assert reply.head.value("Content-Type") == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("ready", "status", "body"),
    [(True, 200, b'{"status": "degraded", "token_store": "away"}'), (False, 503, b'{"status": "not_ready"}')],
    ids=["serving", "ending"],
)
async def test_store_that_is_away(ready: bool, status: int, body: bytes, call: Call, facts: Facts) -> None:
    """The gateway still gets traffic, since header tokens need no store, and says what is missing."""
    facts.ready, facts.store_answers = ready, False
    reply = await call("/ready")
    assert (reply.status, reply.body) == (status, body)
    assert (await call("/live")).body == b'{"status": "live"}'


@pytest.mark.parametrize(
    ("ready", "store", "status", "body"),
    [
        (True, True, 200, b'{"status": "ready", "config": "rejected"}'),
        (True, False, 200, b'{"status": "degraded", "token_store": "away", "config": "rejected"}'),
        (False, True, 503, b'{"status": "not_ready"}'),
    ],
    ids=["serving", "degraded", "ending"],
)
async def test_rejected_configuration(
    ready: bool, store: bool, status: int, body: bytes, call: Call, facts: Facts
) -> None:
    """The configuration before goes on, so the gateway still gets traffic, and says what is wrong."""
    facts.ready, facts.store_answers, facts.rejected = ready, store, True
    reply = await call("/ready")
    assert (reply.status, reply.body) == (status, body)
    facts.rejected = False
    assert b"config" not in (await call("/ready")).body


async def test_api_is_there(call: Call) -> None:
    """The admin API has its paths on the same listener, and is off where it has no token."""
    reply = await call("/principals/operator-ui/tokens", "DELETE")
    assert (reply.status, told(reply)["code"]) == (404, "route_not_found")


async def test_metrics_are_those_of_now(call: Call) -> None:
    """Each scrape asks anew, and the content type is the exposition's own."""
    replies = [await call("/metrics") for _ in range(2)]
    assert [reply.body for reply in replies] == [b"calls 1\n", b"calls 2\n"]
    assert replies[0].head.values("Content-Type") == [EXPOSITION]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("HEAD", "/live", 200),
        ("HEAD", "/metrics", 200),
        ("POST", "/ready", 405),
        ("GET", "/", 404),
        ("GET", "/live/", 404),
        ("GET", "/health", 404),
    ],
)
async def test_nothing_else(method: str, target: str, status: int, call: Call) -> None:
    """Without the API it has three paths, to be read."""
    assert (await call(target, method)).status == status
