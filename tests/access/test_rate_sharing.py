"""How instances learn what each other's calls took, and what becomes of that while they can't."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tentaculo.access import rate_sharing
from tentaculo.access.rate_limits import RateLimit, RateLimits
from tentaculo.access.rate_sharing import CHARGED_AT_ONCE, RateSharing
from tentaculo.config.settings import Rate, RateLimitSettings, RatePer, RouteSettings
from tests.access.faulty_rates import FaultyRates
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually


def limits_of(*names: str, burst: int = 4) -> RateLimits:
    """Limits of one permit a second, shared."""
    limit = RateLimitSettings(rate=Rate(rate=1.0, burst=burst), per=RatePer.CLIENT)
    routes = [RouteSettings(name=name, path="/", upstream="backend", rate_limit=limit) for name in names]
    return RateLimits(routes, shared=True)


class Instance:
    """One instance's limit of the route `api`, and its sharing."""

    def __init__(self, store: FaultyRates, clock: Clock, burst: int = 4) -> None:
        self.clock = clock
        self.limits = limits_of("api", burst=burst)
        self.sharing = RateSharing(store, lambda: self.limits, clock=clock)

    @property
    def limit(self) -> RateLimit:
        """The limit."""
        limit = self.limits.of("api")
        assert limit is not None
        return limit

    def take(self, count: int = 1, key: str = "a") -> int:
        """Make calls; return how many were allowed."""
        return sum(self.limit.take(key, self.clock()).allowed for _ in range(count))


@pytest.fixture
def clock() -> Clock:
    """The clock of all instances and of the store."""
    return Clock()


@pytest.fixture
async def store(clock: Clock) -> FaultyRates:
    """The shared buckets."""
    return FaultyRates(clock)


@pytest.fixture
async def pair(store: FaultyRates, clock: Clock) -> tuple[Instance, Instance]:
    """Two instances."""
    return Instance(store, clock), Instance(store, clock)


async def test_what_another_instance_took(pair: tuple[Instance, Instance]) -> None:
    """It is known after both have shared, by caller; in the long run all have one rate."""
    one, two = pair
    assert (one.take(3), two.take(1)) == (3, 1)
    await one.sharing.share()
    await two.sharing.share()
    assert two.take(5) == 0
    assert two.take(5, "b") == 4
    two.clock.advance(1)
    assert two.take(5) == 1


async def test_burst_of_both_is_paid_back(pair: tuple[Instance, Instance]) -> None:
    """What was taken before they heard of each other is missing until all of it has come back."""
    one, two = pair
    assert (one.take(9), two.take(9)) == (4, 4)
    for instance in (one, two, one):
        await instance.sharing.share()
    assert two.limit.take("a", two.clock()).retry_after == 5
    for _ in range(4):
        two.clock.advance(1)
        assert two.take() == 0
    two.clock.advance(1)
    assert two.take(2) == 1


async def test_one_step_for_all_callers(store: FaultyRates, clock: Clock) -> None:
    """Nothing is asked where nothing was taken; all that was is charged in one step, once."""
    limits = limits_of("api", "other")
    sharing = RateSharing(store, lambda: limits, clock=clock)
    await sharing.share()
    assert store.charged == []
    for limit in limits:
        for key in "aab":
            limit.take(key, clock())
    await sharing.share()
    await sharing.share()
    (charges,) = store.charged
    assert [(c.route, c.key, c.taken, c.filling) for c in charges] == [
        ("api", "a", 2.0, 4.0),
        ("api", "b", 1.0, 4.0),
        ("other", "a", 2.0, 4.0),
        ("other", "b", 1.0, 4.0),
    ]


async def test_many_callers(store: FaultyRates, clock: Clock) -> None:
    """No step is of more than so many."""
    instance = Instance(store, clock)
    for number in range(2 * CHARGED_AT_ONCE + 1):
        instance.take(key=str(number))
    await instance.sharing.share()
    assert [len(charges) for charges in store.charged] == [CHARGED_AT_ONCE, CHARGED_AT_ONCE, 1]


async def test_taken_while_the_store_answers(pair: tuple[Instance, Instance], store: FaultyRates) -> None:
    """It is missing at once, and charged the next time."""
    one, two = pair
    two.take(1)
    await two.sharing.share()
    one.take(1)
    store.delivers.clear()
    sharing = asyncio.ensure_future(one.sharing.share())
    await eventually(lambda: len(store.charged) == 2)
    assert one.take(1) == 1
    store.delivers.set()
    await sharing
    assert one.take(9) == 1
    await one.sharing.share()
    assert [charge.taken for charge in store.charged[-1]] == [2.0]


async def test_answer_that_comes_late(pair: tuple[Instance, Instance], store: FaultyRates) -> None:
    """Nobody waits for the time that it took."""
    one, _ = pair
    one.take(4)
    store.delivers.clear()
    sharing = asyncio.ensure_future(one.sharing.share())
    await eventually(lambda: len(store.charged) == 1)
    one.clock.advance(1)
    store.delivers.set()
    await sharing
    assert one.take(2) == 1


async def test_store_that_is_away(pair: tuple[Instance, Instance], store: FaultyRates) -> None:
    """Each instance goes on by itself; what was taken meanwhile is charged to nobody afterwards."""
    one, two = pair
    store.away = True
    allowed = 0
    for _ in range(100):
        allowed += one.take(9) + two.take(9)
        await one.sharing.share()
        await two.sharing.share()
        one.clock.advance(1)
    assert allowed == 2 * (4 + 99)
    store.away = False
    one.clock.advance(4)
    assert (one.take(2), two.take(1)) == (2, 1)
    await one.sharing.share()
    await two.sharing.share()
    assert two.take(9) == 1


async def test_after_a_reload(store: FaultyRates, clock: Clock) -> None:
    """What counts is shared from now on, adopted limits with what they had taken before."""
    instance = Instance(store, clock)
    instance.take(2)
    after = limits_of("api", "new")
    after.adopt(instance.limits)
    instance.limits = after
    for limit in after:
        limit.take("a", clock())
    await instance.sharing.share()
    assert [(c.route, c.taken) for c in store.charged[0]] == [("api", 3.0), ("new", 1.0)]


@pytest.mark.parametrize("fault", [None, RuntimeError("a bug")], ids=["away", "bug"])
async def test_goes_on_after_a_fault(
    fault: Exception | None,
    pair: tuple[Instance, Instance],
    store: FaultyRates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever fails, it is tried again; what is no mere absence is reported."""
    monkeypatch.setattr(rate_sharing, "PAUSE", 0.0)
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    store.away, store.fault = fault is None, fault
    one, two = pair
    one.take()
    running = asyncio.ensure_future(one.sharing.run())
    await eventually(lambda: len(store.charged) == 1)
    store.away, store.fault = False, None
    one.take()
    await eventually(lambda: len(store.charged) == 2)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert {context["exception"] for context in reported} == ({fault} if fault else set())
    two.take()
    await two.sharing.share()
    assert two.take(9) == 2
