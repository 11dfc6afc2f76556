"""Tests of medians, ratios and goals."""

from __future__ import annotations

import pytest

from scripts.benchmarks.samples import Goal, Sample, Spread, Verdict, judge, spread, spread_of
from scripts.benchmarks.wrk import Load


def sample(peer: str, number: int, *, requests: int, cpu_seconds: float = 1.0) -> Sample:
    """Return a sample of two seconds."""
    load = Load(requests=requests, seconds=2.0, received_bytes=0, median_ms=1.0, p99_ms=2.0)
    return Sample(peer=peer, round=number, load=load, cpu_seconds=cpu_seconds, resident_bytes=1 << 20)


def test_figures_of_a_sample() -> None:
    """Requests are divided by wall clock for one figure and by processor time for the other."""
    seen = sample("a", 0, requests=1000, cpu_seconds=0.5)
    assert (seen.per_second, seen.per_cpu_second, seen.cores_used) == (500.0, 2000.0, 0.25)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], Spread(3.0, 3.0, 3.0)),
        ([9.0, 1.0, 2.0], Spread(2.0, 1.0, 9.0)),
        ([4.0, 1.0, 2.0, 3.0], Spread(2.5, 1.0, 4.0)),
    ],
    ids=["one", "odd", "even"],
)
def test_spread(values: list[float], expected: Spread) -> None:
    """The median is the middle one, or between the two middle ones, whatever their order."""
    assert spread(values) == expected


def test_spread_of_one_peer() -> None:
    """Only the named peer's rounds count."""
    samples = [sample("a", 0, requests=10), sample("b", 0, requests=99), sample("a", 1, requests=30)]
    assert spread_of(samples, "a", lambda each: each.load.requests) == Spread(20, 10, 30)


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that halves its speed in one round leaves every ratio as it was."""
    speeds = [(300, 100), (150, 50), (330, 100)]
    samples = [
        each
        for number, (ours, theirs) in enumerate(speeds)
        for each in (sample("a", number, requests=ours), sample("b", number, requests=theirs))
    ]
    ratio = judge(samples, Goal("b", 3.0), "a").ratio
    assert ratio == Spread(3.0, 3.0, pytest.approx(3.3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at_least", "median", "met"),
    [(2.5, 2.5, True), (2.5, 2.4999, False), (2.5, None, False), (None, 0.1, True), (None, None, True)],
    ids=["just met", "just missed", "not measured", "no goal", "no goal and not measured"],
)
def test_goals(at_least: float | None, median: float | None, met: bool) -> None:
    """A goal is met from its figure on; one that was not measured is not met."""
    ratio = None if median is None else Spread(median, 0.0, 9.0)
    assert Verdict(Goal("b", at_least), ratio).met is met


def test_a_peer_that_was_not_measured_has_no_ratio() -> None:
    """Neither a missing subject nor a missing peer gives a number."""
    samples = [sample("a", 0, requests=10), sample("b", 1, requests=10)]
    assert judge(samples, Goal("c", 1.0), "a").ratio is None
    assert judge(samples, Goal("a", 1.0), "c").ratio is None
    assert judge(samples, Goal("b", 1.0), "a").ratio is None
