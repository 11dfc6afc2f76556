"""A store whose steps are measured."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tentaculo.access.measured_store import MeasuredStore
from tentaculo.access.store import (
    Census,
    Client,
    Grant,
    Lease,
    Redeemed,
    Revoked,
    Standing,
    StoreEvent,
    Terms,
    TokenRefused,
    TokenStoreUnavailable,
)
from tests.access.faulty_store import FaultyStore
from tests.fakes.clock import Clock

DIGEST = b"d" * 32
GRANT = Grant(principal="one", fingerprint="f", routes=("events",))
CLIENT = Client(binding=None, agent="a", address="b")
Step = Callable[[MeasuredStore], Awaitable[object]]
STEPS: dict[str, Step] = {
    "issue": lambda store: store.issue(DIGEST, GRANT, Terms(ttl=60.0)),
    "redeem": lambda store: store.redeem(DIGEST, "events", CLIENT),
    "renew": lambda store: store.renew([Lease(DIGEST, 1)]),
    "release": lambda store: store.release(Lease(DIGEST, 1)),
    "revoke": lambda store: store.revoke("one", block=5.0),
    "standings": lambda store: store.standings(["one"]),
    "census": lambda store: store.census(),
}
ANSWERS: dict[str, object] = {
    "issue": None,
    "redeem": Redeemed(grant=GRANT, age=0.0, lease=Lease(DIGEST, 1)),
    "renew": [],
    "release": None,
    "revoke": None,
    "standings": {"one": Standing(0, 0.0)},
    "census": Census(1, 0),
}


class Watch:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.answered: list[tuple[str, float]] = []
        self.failed: list[str] = []
        self.up: bool | None = None

    def store_worked(self) -> None:
        """Keep that it is up."""
        self.up = True

    def store_answered(self, step: str, seconds: float) -> None:
        """Keep a step."""
        self.answered.append((step, seconds))

    def store_failed(self, step: str) -> None:
        """Keep a failed step, and that it is away."""
        self.failed.append(step)
        self.up = False


class Slow(FaultyStore):
    """Takes a quarter of a second for every step."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(Clock())
        self._passing = clock

    def _answer(self, step: str) -> None:
        self._passing.advance(0.25)
        super()._answer(step)


@pytest.fixture
def watch() -> Watch:
    """Nothing measured yet."""
    return Watch()


@pytest.fixture
async def slow() -> Slow:
    """A slow store with one token."""
    store = Slow(Clock())
    await store.issue(DIGEST, GRANT, Terms(ttl=60.0))
    return store


@pytest.fixture
def measured(slow: Slow, watch: Watch) -> MeasuredStore:
    """The slow store, measured."""
    return MeasuredStore(slow, watch, clock=slow._passing)


@pytest.mark.parametrize("step", STEPS)
async def test_step_is_passed_on_and_measured(step: str, measured: MeasuredStore, watch: Watch) -> None:
    """It answers what the store does, and its time is told."""
    assert await STEPS[step](measured) == ANSWERS[step]
    assert (watch.answered, watch.failed, watch.up) == ([(step, 0.25)], [], True)


@pytest.mark.parametrize("step", STEPS)
async def test_step_that_fails(step: str, measured: MeasuredStore, slow: Slow, watch: Watch) -> None:
    """A store that is away is counted, with the time that it took to find out."""
    slow.away = True
    with pytest.raises(TokenStoreUnavailable):
        await STEPS[step](measured)
    assert (watch.answered, watch.failed, watch.up) == ([(step, 0.25)], [step], False)


async def test_refusal_is_an_answer(measured: MeasuredStore, watch: Watch) -> None:
    """A token that is no good is no fault of the store's."""
    with pytest.raises(TokenRefused):
        await measured.redeem(b"other", "events", CLIENT)
    assert (len(watch.answered), watch.failed) == (1, [])


@pytest.mark.parametrize("fault", [asyncio.CancelledError(), RuntimeError("a bug")], ids=["left", "bug"])
async def test_step_that_tells_nothing(
    fault: BaseException, measured: MeasuredStore, slow: Slow, watch: Watch
) -> None:
    """A caller that left, or a bug, says neither that the store is up nor that it is away."""
    slow.fault = fault
    with pytest.raises(type(fault)):
        await measured.census()
    assert (len(watch.answered), watch.failed, watch.up) == (1, [], None)


async def test_listening_and_closing_are_passed_on(measured: MeasuredStore, slow: Slow, watch: Watch) -> None:
    """They are no steps: nothing is waited for."""
    heard: list[StoreEvent] = []
    await measured.start(heard.append)
    await slow.revoke("one")
    await measured.close()
    await slow.revoke("one")
    assert heard == [Revoked("one", Standing(1, 0.0))]
    assert watch.answered == []


@pytest.mark.parametrize("away", [False, True], ids=["there", "away"])
async def test_availability_is_the_stores(away: bool, measured: MeasuredStore, slow: Slow) -> None:
    """Whether it answers is asked, not measured."""
    slow.away = away
    assert await measured.is_available() is not away
