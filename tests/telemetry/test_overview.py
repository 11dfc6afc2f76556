"""Rates and latencies from counts, without clock or event loop."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from tentaculo.telemetry.overview import QUANTILES, Overview, Sample, quantile, sample_of
from tentaculo.telemetry.tallies import REQUEST_SECONDS, Tally

NONE = {"p50": None, "p90": None, "p99": None}


def slots(**counts: int) -> tuple[int, ...]:
    """Return slots by number: `_0=3` are three calls in the first."""
    return tuple(counts.get(f"_{number}", 0) for number in range(len(REQUEST_SECONDS) + 1))


# Sums.


def test_totals() -> None:
    """They are the sums over all routes, by how calls ended and how long they took."""
    total = Tally()
    first, second, unused = Tally(), Tally(), Tally()
    for status, seconds in ((200, 0.0005), (404, 0.0005), (503, 40.0), (999, 0.002)):
        first.add("GET", status, seconds)
    for status in (200, 401, 500, 502):
        second.add("POST", status, None)
    second.add("GET", 304, 0.002)
    for tally in (first, second, unused):
        total.take_over(tally)
    sample = sample_of(total, at=7.0, tokens_issued=3, tokens_refused=2)
    assert (sample.at, sample.tokens_issued, sample.tokens_refused) == (7.0, 3, 2)
    assert (sample.calls, sample.refused, sample.errors) == (9, 2, 3)
    assert sample.slots == slots(_0=2, _1=2, _14=1)
    assert sum(second.slots) == 1


# Rates.


def test_first_sample() -> None:
    """Alone it says nothing of rates, however much was counted before."""
    rates = Overview().add(Sample(at=5.0, calls=100, errors=50, slots=slots(_3=100)))
    assert (rates.calls, rates.errors, rates.refused, rates.error_rate) == (0.0, 0.0, 0.0, None)
    assert (rates.tokens_issued, rates.tokens_refused) == (0.0, 0.0)
    assert rates.latency_ms == NONE


def test_rates() -> None:
    """They are what came since the sample before, by the time between."""
    overview = Overview()
    overview.add(Sample(at=0.0))
    overview.add(Sample(at=1.0, calls=1000, errors=1000))
    rates = overview.add(
        Sample(at=3.0, calls=1010, errors=1004, refused=2, tokens_issued=6, tokens_refused=1)
    )
    assert (rates.calls, rates.errors, rates.refused) == (5.0, 2.0, 1.0)
    assert rates.error_rate == 0.4
    assert (rates.tokens_issued, rates.tokens_refused) == (3.0, 0.5)


def test_nothing_happened() -> None:
    """Without calls there is no share of failed ones, and no latency."""
    overview = Overview()
    for at in (0.0, 1.0):
        rates = overview.add(Sample(at=at, calls=7, errors=7))
    assert (rates.calls, rates.error_rate, rates.latency_ms) == (0.0, None, NONE)


def test_same_moment() -> None:
    """Two samples of one moment are no division by nothing."""
    overview = Overview()
    overview.add(Sample(at=1.0))
    rates = overview.add(Sample(at=1.0, calls=5))
    assert (rates.calls, rates.error_rate) == (0.0, 0.0)


def test_latency_is_that_of_the_window() -> None:
    """It is of the last ten seconds: what is older goes out of it, what is newer comes in."""
    overview, shown = Overview(), []
    for second in range(30):
        fast, slow = min(second, 15), max(second - 20, 0)
        rates = overview.add(Sample(at=float(second), slots=slots(_0=fast * 10, _5=slow * 10)))
        shown.append(rates.latency_ms["p50"])
    assert shown[0] is None
    assert set(shown[1:21]) == {0.5}
    assert shown[-1] == pytest.approx(37.5)
    assert len(overview._samples) == 11


def test_after_a_pause() -> None:
    """What happened while nobody looked is in no figure."""
    overview = Overview()
    overview.add(Sample(at=0.0))
    rates = overview.add(Sample(at=3600.0, calls=1000, errors=9, slots=slots(_0=1000)))
    assert (rates.calls, rates.error_rate, rates.latency_ms) == (0.0, None, NONE)
    rates = overview.add(Sample(at=3601.0, calls=1001, slots=slots(_0=1001), errors=9))
    assert (rates.calls, rates.error_rate, rates.latency_ms["p50"]) == (1.0, 0.0, 0.5)


# Quantiles.


CASES: dict[str, tuple[Sequence[int], float, float | None]] = {
    "no calls": (slots(), 0.5, None),
    "one call": (slots(_0=1), 0.5, 0.0005),
    "middle of a slot": (slots(_2=10), 0.5, 0.00375),
    "end of a slot": (slots(_0=5, _3=5), 0.5, 0.001),
    "next slot": (slots(_0=5, _3=5), 0.6, 0.006),
    "over a gap": (slots(_0=1, _13=1), 0.75, 20.0),
    "all": (slots(_0=1, _1=1), 1.0, 0.0025),
    "longer than all": (slots(_14=3), 0.5, 30.0),
    "few are longer than all": (slots(_0=98, _14=2), 0.99, 30.0),
}


@pytest.mark.parametrize(("counts", "share", "seconds"), CASES.values(), ids=CASES)
def test_quantile(counts: Sequence[int], share: float, seconds: float | None) -> None:
    """Between the bounds of a slot it is straight."""
    assert quantile(counts, share) == (None if seconds is None else pytest.approx(seconds))


def test_quantiles_of_known_times() -> None:
    """They are in the same slot as those of the times themselves, and never fall."""
    spread = random.Random(7)
    times = [spread.expovariate(20) for _ in range(5000)]
    tally = Tally()
    for seconds in times:
        tally.add("GET", 200, seconds)
    found = [quantile(tally.slots, share) or 0.0 for share in QUANTILES.values()]
    assert found == sorted(found)
    for seconds, share in zip(found, QUANTILES.values(), strict=True):
        true = sorted(times)[int(share * len(times))]
        lower = max([bound for bound in REQUEST_SECONDS if bound < true], default=0.0)
        upper = min(bound for bound in REQUEST_SECONDS if bound >= true)
        assert lower <= seconds <= upper
