"""What is looked after from time to time, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tentaculo.access import upkeep
from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.access.measured_store import MeasuredStore
from tentaculo.access.standings import Standings
from tentaculo.access.store import Client, Grant, Lease, Revoked, Standing, Terms
from tentaculo.access.upkeep import Upkeep
from tentaculo.telemetry.metrics import Metrics
from tests.access.faulty_store import FaultyStore
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually

GRANT = Grant(principal="one", fingerprint="f", routes=("events",))
CLIENT = Client(binding=None, agent="a", address="b")
ALL_STEPS = ["renew", "standings", "census"]


class Bench:
    """Upkeep of one open stream, that says whose streams it ended."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = FaultyStore(self.clock)
        self.metrics = Metrics(version="0")
        measured = MeasuredStore(self.store, self.metrics.tokens)
        self.tokens = EphemeralTokens(measured, self.metrics.tokens)
        self.standings = Standings(self.clock)
        self.ended: list[str] = []
        self.upkeep = Upkeep(
            self.tokens,
            measured,
            self.standings,
            principals=lambda: ["one", "two"],
            end_streams=self.ended.append,
        )

    async def open(self) -> None:
        """Open a stream."""
        await self.tokens.start(self.upkeep.heard)
        token = await self.tokens.issue(GRANT, Terms(ttl=60.0))
        lease = (await self.tokens.redeem(token.encode(), "events", CLIENT)).lease
        assert isinstance(lease, Lease)
        self.tokens.hold(lease, lambda reason: None)
        self.store.taken.clear()


@pytest.fixture
async def bench() -> Bench:
    """Upkeep of one stream."""
    bench = Bench()
    await bench.open()
    return bench


async def test_look_does_everything_once(bench: Bench) -> None:
    """Leases are renewed, principals asked for, and what expired is counted."""
    await bench.upkeep.look()
    assert bench.store.taken == ALL_STEPS
    assert bench.metrics.registry.get_sample_value("ephemeral_tokens_valid") == 1
    assert bench.ended == []


async def test_store_that_is_away_is_asked_once(bench: Bench) -> None:
    """The rest is left for the next time, when all is done again."""
    bench.store.away = True
    await bench.upkeep.look()
    assert bench.store.taken == ["renew"]
    bench.store.away = False
    await bench.upkeep.look()
    assert bench.store.taken == ["renew", *ALL_STEPS]


async def test_a_look_tells_whether_the_store_is_up() -> None:
    """Nobody calls and no stream is open: each look still finds out."""
    bench = Bench()
    shown: list[float | None] = []
    for away in (False, True, False):
        bench.store.away = away
        await bench.upkeep.look()
        shown.append(bench.metrics.registry.get_sample_value("tentaculo_token_store_up"))
    assert shown == [1, 0, 1]


async def test_message_of_the_store(bench: Bench) -> None:
    """A revocation ends streams at once, and blocks; looking again ends nothing twice."""
    await bench.upkeep.look()
    await bench.tokens.revoke("one", block=60)
    assert bench.ended == ["one"]
    assert bench.standings.is_blocked("one")
    assert not bench.standings.is_blocked("two")
    await bench.upkeep.look()
    assert bench.ended == ["one"]


async def test_first_message_counts(bench: Bench) -> None:
    """What the store tells is a revocation also where nothing was known before."""
    bench.upkeep.heard(Revoked("two", Standing(1, 0.0)))
    assert bench.ended == ["two"]


async def test_lost_message_is_noted_at_the_next_look(bench: Bench) -> None:
    """Streams end and the block holds although nobody told."""
    await bench.upkeep.look()
    bench.store.loses_messages = True
    await bench.tokens.revoke("two", block=60)
    assert bench.ended == []
    await bench.upkeep.look()
    assert bench.ended == ["two"]
    assert bench.standings.is_blocked("two")


async def test_store_that_counts_anew(bench: Bench) -> None:
    """A store that lost everything revokes nobody; what is revoked afterwards counts."""
    await bench.tokens.revoke("one")
    await bench.upkeep.look()
    bench.ended.clear()
    bench.store._epochs.clear()
    await bench.upkeep.look()
    assert bench.ended == []
    bench.store.loses_messages = True
    bench.store._epochs["one"] = 100  # Redis never gives a number twice
    await bench.tokens.revoke("one")
    await bench.upkeep.look()
    assert bench.ended == ["one"]


async def test_revoked_before_the_store_was_heard(bench: Bench) -> None:
    """What an instance missed while its store was away ends streams at the first look."""
    bench.store.loses_messages = True
    await bench.tokens.revoke("one")
    await bench.upkeep.look()
    await bench.upkeep.look()
    assert bench.ended == ["one"]


async def test_block_that_the_store_lost(bench: Bench) -> None:
    """A store that forgets a block does not lift it: that runs out by itself."""
    await bench.tokens.revoke("one", block=60)
    bench.store._blocks.clear()
    bench.clock.advance(59)
    await bench.upkeep.look()
    assert bench.standings.is_blocked("one")
    bench.clock.advance(1)
    assert not bench.standings.is_blocked("one")


@pytest.mark.parametrize("fault", [None, RuntimeError("a bug")], ids=["away", "bug"])
async def test_goes_on_after_a_fault(
    fault: Exception | None, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails, the next look comes; what is no mere absence is reported."""
    monkeypatch.setattr(upkeep, "RENEW_SECONDS", 0.0)
    reported: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: reported.append(context))
    bench.store.away, bench.store.fault = fault is None, fault
    running = asyncio.ensure_future(bench.upkeep.run())
    await eventually(lambda: bench.store.taken.count("renew") >= 2)
    bench.store.away, bench.store.fault = False, None
    await eventually(lambda: "census" in bench.store.taken)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert {context["exception"] for context in reported} == ({fault} if fault else set())
