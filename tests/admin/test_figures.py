"""The figures of a relay, on a clock that a test moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tentaculo import __version__
from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.admin import figures as figures_module
from tentaculo.admin.figures import Figures
from tentaculo.config.settings import StreamSettings
from tentaculo.relay.streams import Claim
from tests.admin.stacks import ROUTES, configuration
from tests.fakes.client import request, told
from tests.fakes.gates import Gates, soon
from tests.functional.running import GOOD
from tests.relay.front import Front


class Census:
    """Counts the valid tokens as the gateway does, after a gate."""

    def __init__(self, tokens: EphemeralTokens) -> None:
        self.tokens = tokens
        self.gates = Gates()
        self.gates.open("census")
        self.taken = 0

    async def __call__(self) -> None:
        """Count."""
        self.taken += 1
        await self.gates.passed("census")
        await self.tokens.expire()


class OpenStream:
    """An open stream."""

    def end_stream(self, reason: str) -> None:
        """End."""

    def settle(self) -> None:
        """Count."""


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    """A relay without an upstream behind it."""
    front = Front(configuration(9, ROUTES))
    await front.start()
    yield front
    await front.aclose()


@pytest.fixture
def census(front: Front) -> Census:
    """The census of its tokens."""
    return Census(front.tokens)


@pytest.fixture
def figures(front: Front, census: Census) -> Figures:
    """Its figures."""
    return Figures(front.relay, census)


async def test_at_rest(front: Front, figures: Figures) -> None:
    """Where nothing has happened yet they say so, at once."""
    front.clock.advance(100.5)
    before = time.time()
    told_ = dict(await figures.latest())
    assert before - 0.001 <= told_.pop("at") <= time.time() + 0.001
    refused = told_["tokens"].pop("refused")
    assert set(refused.values()) == {0}
    assert "token_used" in refused
    assert told_ == {
        "calls_per_second": 0.0,
        "errors_per_second": 0.0,
        "refused_per_second": 0.0,
        "error_rate": None,
        "latency_ms": {"p50": None, "p90": None, "p99": None},
        "tokens": {"issued_per_second": 0.0, "refused_per_second": 0.0, "valid": 0},
        "open_streams": 0,
        "connections": 0,
        "ready": True,
        "draining": False,
        "version": __version__,
        "uptime_seconds": 100.5,
    }


async def test_what_happens(front: Front, figures: Figures) -> None:
    """Calls, streams, connections and tokens are those of the relay."""
    await figures.latest()
    issued = [told(await front.call("/tokens/query", method="POST"))["sse_token"] for _ in range(3)]
    assert (await front.call(f"/sse/query?token={issued[0][:-4]}0000", ())).status == 401
    assert (await front.call("/tokens/query", (), method="POST")).status == 401
    front.relay.metrics.route("query").request_finished("GET", 502, 0.002)
    client = await front.client()
    await client.send(request("GET", "/health", GOOD))
    assert (await client.reply()).status == 200
    stream = OpenStream()
    front.relay.streams.opened(stream, Claim("query", StreamSettings(), None, None, "127.0.0.1"))
    front.relay.drain()
    front.clock.advance(2)
    now = await figures.latest()
    assert (now["refused_per_second"], now["errors_per_second"]) == (1.0, 0.5)
    assert now["error_rate"] == pytest.approx(0.5 / now["calls_per_second"], abs=1e-4)
    assert (now["open_streams"], now["connections"]) == (1, 1)
    assert (now["ready"], now["draining"]) == (False, True)
    tokens = now["tokens"]
    assert (tokens["issued_per_second"], tokens["refused_per_second"], tokens["valid"]) == (1.5, 0.5, 3)
    assert tokens["refused"]["token_unknown"] == 1
    assert now["latency_ms"]["p99"] > 0
    front.relay.streams.ended(stream)


async def test_once_a_second(front: Front, figures: Figures, census: Census) -> None:
    """However many ask, and at once after a pause."""
    first = await figures.latest()
    front.clock.advance(0.9)
    assert await figures.latest() is first
    front.clock.advance(0.15)  # a little late, which the next one is not for that
    second = await figures.latest()
    assert second is not first
    front.clock.advance(0.94)
    assert await figures.latest() is second
    front.clock.advance(0.01)
    third = await figures.latest()
    assert third is not second
    front.clock.advance(3600)
    after = await figures.latest()
    assert after is not third
    front.clock.advance(0.4)
    assert await figures.latest() is after
    assert census.taken == 4


async def test_all_at_once(front: Front, figures: Figures, census: Census) -> None:
    """Those who ask while they are taken wait for the same ones."""
    census.gates = Gates()
    asking = [asyncio.ensure_future(figures.latest()) for _ in range(8)]
    await asyncio.sleep(0)
    census.gates.open("census")
    first, *others = await soon(asyncio.gather(*asking))
    assert all(other is first for other in others)
    assert census.taken == 1


async def test_many_routes(front: Front, figures: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are counted, and other work goes on between them."""
    monkeypatch.setattr(figures_module, "SLICE", 10)
    for number in range(100):
        front.relay.metrics.route(f"route {number}")
    await figures.latest()
    for number in range(100):
        front.relay.metrics.route(f"route {number}").request_finished("GET", 200, 0.01)
    front.clock.advance(1)
    turns = 0
    asking = asyncio.ensure_future(figures.latest())
    while not asking.done():
        turns += 1
        await asyncio.sleep(0)
    assert (await asking)["calls_per_second"] == 100.0
    assert turns >= 10
