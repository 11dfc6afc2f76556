"""How many tokens a principal may have at once, and in the long run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.access.issue_rate import Bucket, IssueRates
from tentaculo.config.settings import PrincipalSettings, Rate
from tests.fakes.clock import Clock


def taken(bucket: Bucket, now: float, most: int = 100) -> int:
    """How many permits there are at a time."""
    return next(count for count in range(most + 1) if bucket.take(now))


@pytest.mark.parametrize(
    ("seconds", "permits"),
    [(0.0, 0), (0.4, 0), (0.5, 1), (1.0, 2), (1.4, 2), (2.5, 5), (1e9, 5)],
    ids=["at once", "too early", "one", "two", "in between", "full", "never more"],
)
def test_bucket_fills_up_again(seconds: float, permits: int) -> None:
    """After its burst there are as many as its rate makes in that time, and never more than the burst."""
    bucket = Bucket(Rate(rate=2.0, burst=5), 1000.0)
    assert taken(bucket, 1000.0) == 5
    assert taken(bucket, 1000.0 + seconds) == permits


@pytest.mark.parametrize(("rate", "seconds"), [(50.0, 1), (1.0, 1), (0.5, 2), (0.3, 4), (0.1, 10)], ids=str)
def test_wait_is_told_in_whole_seconds(rate: float, seconds: int) -> None:
    """It is never zero, and whoever waits so long is served."""
    bucket = Bucket(Rate(rate=rate, burst=1), 0.0)
    assert [bucket.take(0.0), bucket.take(0.0)] == [0, seconds]
    assert bucket.take(float(seconds)) == 0


def test_refusal_costs_nothing() -> None:
    """Whoever asks again and again is not served later for that."""
    bucket = Bucket(Rate(rate=1.0, burst=1), 0.0)
    bucket.take(0.0)
    for tenth in range(1, 10):
        assert bucket.take(tenth / 10) == 1
    assert bucket.take(1.0) == 0


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_more_than_rate_and_burst(pauses: list[float]) -> None:
    """However the calls are spread, there are never more than the burst and what time has made."""
    bucket, now, served = Bucket(Rate(rate=2.0, burst=3), 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        served += bucket.take(now) == 0
    assert served <= 3 + 2.0 * now + 1e-6


def test_clock_that_stands_makes_no_permits() -> None:
    """Nor does one that goes back."""
    bucket = Bucket(Rate(rate=1.0, burst=1), 100.0)
    bucket.take(100.0)
    assert bucket.take(50.0) == 1


def test_principals_have_buckets_of_their_own() -> None:
    """What one takes leaves the others theirs."""
    clock = Clock()
    settings = [
        PrincipalSettings(name=name, digests=(), issue_rate=Rate(rate=1.0, burst=burst))
        for name, burst in (("one", 1), ("two", 2))
    ]
    rates = IssueRates(settings, clock)
    assert [rates.take("one") for _ in range(2)] == [0, 1]
    assert [rates.take("two") for _ in range(3)] == [0, 0, 1]
    clock.advance(1)
    assert rates.take("one") == 0
