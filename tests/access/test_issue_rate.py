"""How many tokens a principal may have at once, and in the long run."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.access.issue_rate import IssueRates
from tentaculo.access.rate_sharing import RateSharing
from tentaculo.config.settings import PrincipalSettings, Rate
from tests.access.faulty_rates import FaultyRates
from tests.fakes.clock import Clock


def rates_of(clock: Clock, *, shared: bool = False, **limits: Rate) -> IssueRates:
    """Return the limits of principals with these names."""
    settings = [PrincipalSettings(name=name, digests=(), issue_rate=rate) for name, rate in limits.items()]
    return IssueRates(settings, shared=shared, clock=clock)


def taken(rates: IssueRates, most: int = 100) -> int:
    """How many permits there are at a time."""
    return next(count for count in range(most + 1) if rates.take("ui"))


@pytest.mark.parametrize(
    ("seconds", "permits"),
    [(0.0, 0), (0.4, 0), (0.5, 1), (1.0, 2), (1.4, 2), (2.5, 5), (1e9, 5)],
    ids=["at once", "too early", "one", "two", "in between", "full", "never more"],
)
def test_permits_come_back(seconds: float, permits: int) -> None:
    """After its burst there are as many as its rate makes in that time, and never more than the burst."""
    clock = Clock()
    rates = rates_of(clock, ui=Rate(rate=2.0, burst=5))
    assert taken(rates) == 5
    clock.advance(seconds)
    assert taken(rates) == permits


@pytest.mark.parametrize(("rate", "seconds"), [(50.0, 1), (1.0, 1), (0.5, 2), (0.3, 4), (0.1, 10)], ids=str)
def test_wait_is_told_in_whole_seconds(rate: float, seconds: int) -> None:
    """It is never zero, and whoever waits so long is served."""
    clock = Clock()
    rates = rates_of(clock, ui=Rate(rate=rate, burst=1))
    assert [rates.take("ui"), rates.take("ui")] == [0, seconds]
    clock.advance(seconds)
    assert rates.take("ui") == 0


def test_refusal_costs_nothing() -> None:
    """Whoever asks again and again is not served later for that."""
    clock = Clock()
    rates = rates_of(clock, ui=Rate(rate=1.0, burst=1))
    rates.take("ui")
    for _ in range(7):
        clock.advance(1 / 8)
        assert rates.take("ui") == 1
    clock.advance(1 / 8)
    assert rates.take("ui") == 0


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_more_than_rate_and_burst(pauses: list[float]) -> None:
    """However the calls are spread, there are never more than the burst and what time has made."""
    clock, served = Clock(), 0
    began, rates = clock.now, rates_of(clock, ui=Rate(rate=2.0, burst=3))
    for pause in pauses:
        clock.advance(pause)
        served += rates.take("ui") == 0
    assert served <= 3 + 2.0 * (clock.now - began) + 1e-4


def test_principals_have_limits_of_their_own() -> None:
    """What one takes leaves the others theirs."""
    clock = Clock()
    rates = rates_of(clock, one=Rate(rate=1.0, burst=1), two=Rate(rate=1.0, burst=2))
    assert [rates.take("one") for _ in range(2)] == [0, 1]
    assert [rates.take("two") for _ in range(3)] == [0, 0, 1]
    clock.advance(1)
    assert rates.take("one") == 0


async def test_instances_share_them() -> None:
    """What one instance issued is gone at the other, once both have told of it."""
    clock = Clock()
    store = FaultyRates(clock)
    both = [rates_of(clock, shared=True, ui=Rate(rate=0.01, burst=10)) for _ in range(2)]
    for rates in both:
        assert [rates.take("ui") for _ in range(5)] == [0] * 5
        await RateSharing(store, partial(iter, rates), clock=clock).share()
    assert [rates.take("ui") > 0 for rates in both] == [False, True], "the first has not heard of it yet"
    await RateSharing(store, partial(iter, both[0]), clock=clock).share()
    assert both[0].take("ui") > 0


def test_reload_gives_no_new_permits() -> None:
    """Who has the same rate goes on where it stands; with another one it begins anew."""
    clock = Clock()
    same, other = Rate(rate=1.0, burst=3), Rate(rate=1.0, burst=4)
    before = rates_of(clock, ui=same, jobs=same)
    assert (taken(before), before.take("jobs")) == (3, 0)
    after = rates_of(clock, ui=same, jobs=other, new=same)
    after.adopt(before)
    assert after.take("ui") == 1
    assert [after.take("jobs") for _ in range(5)] == [0, 0, 0, 0, 1]
    assert after.take("new") == 0
