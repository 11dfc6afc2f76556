"""Tests of the figures, faults and goals of streams."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.benchmarks.event_load import EventLoad
from scripts.benchmarks.samples import Spread
from scripts.benchmarks.stream_peers import RELAYED, SHARED, Row
from scripts.benchmarks.stream_samples import (
    GOALS,
    StreamGoal,
    StreamSample,
    StreamVerdict,
    fault_in,
    judge,
)

OURS, THEIRS = Row("ours", RELAYED), Row("theirs", RELAYED)
LOAD = EventLoad(
    streams=10,
    upstream_streams=10,
    events=500,
    fewest=49,
    seconds=5.0,
    cpu_seconds=0.01,
    idle_bytes=1 << 20,
    open_bytes=(1 << 20) + 10 * 2048,
    median_ms=0.5,
    p99_ms=1.5,
)
GOAL = StreamGoal(OURS, THEIRS, "CPU per event", lambda sample: sample.cpu_per_event, 1.0)


def sample(row: Row, number: int, **changes: float) -> StreamSample:
    """Return a sample like LOAD but for `changes`."""
    return StreamSample(row=row, round=number, load=replace(LOAD, **changes))  # type: ignore[arg-type]


def test_figures_of_a_sample() -> None:
    """CPU time is divided by delivered events, added memory by open streams."""
    seen = sample(OURS, 0)
    assert (seen.cpu_per_event, seen.memory_per_stream, seen.cores_used) == (20.0, 2.0, 0.002)


@pytest.mark.parametrize(
    ("changes", "case", "said"),
    [
        ({}, RELAYED, None),
        ({"events": 475}, RELAYED, None),
        ({"events": 474}, RELAYED, "474 of 500 events came"),
        ({"events": 526}, RELAYED, "526 of 500 events came"),
        ({"fewest": 40}, RELAYED, "one stream got 40 of 50 events"),
        ({"seconds": 1.0, "events": 90, "fewest": 9}, RELAYED, None),
        ({"seconds": 1.0, "events": 89, "fewest": 8}, RELAYED, "89 of 100 events came"),
        ({"upstream_streams": 1}, SHARED, None),
        ({"upstream_streams": 1}, RELAYED, "1 upstream streams were open, not 10"),
        ({}, SHARED, "10 upstream streams were open, not 1"),
    ],
    ids=[
        "good",
        "just enough",
        "too few",
        "too many",
        "a starved stream",
        "an event at the edge",
        "more than the edge",
        "one for all",
        "relayed by sharing",
        "shared by relaying",
    ],
)
def test_what_makes_a_load_void(changes: dict[str, float], case: str, said: str | None) -> None:
    """Events that did not come, and streams that were not served in the way that is measured."""
    assert fault_in(replace(LOAD, **changes), Row("ours", case), 10) == said  # type: ignore[arg-type]


def test_ratios_are_taken_within_a_round() -> None:
    """A round that lacks one side gives none."""
    samples = [
        sample(OURS, 0, cpu_seconds=0.02),
        sample(THEIRS, 0, cpu_seconds=0.04),
        sample(OURS, 1, cpu_seconds=0.9),
        sample(OURS, 2, cpu_seconds=0.03),
        sample(THEIRS, 2, cpu_seconds=0.03),
    ]
    verdict = judge(samples, GOAL)
    assert verdict.ratio == Spread(0.75, 0.5, 1.0)
    assert verdict.met


def test_a_peer_that_needs_nothing_has_no_ratio() -> None:
    """Nothing is divided by zero, nor by a figure that was not measured."""
    assert judge([sample(OURS, 0), sample(THEIRS, 0, cpu_seconds=0.0)], GOAL).ratio is None
    assert judge([sample(OURS, 0)], GOAL).ratio is None


@pytest.mark.parametrize(
    ("median", "met"), [(1.0, True), (1.01, False), (None, False)], ids=["just met", "missed", "not measured"]
)
def test_goals_are_upper_bounds(median: float | None, met: bool) -> None:
    """Less is better; what was not measured is not met."""
    ratio = None if median is None else Spread(median, 0.0, 9.0)
    assert StreamVerdict(GOAL, ratio).met is met


def test_goals_of_the_project() -> None:
    """Relayed no more than nginx in both figures, shared half of it."""
    assert [(goal.subject.case, goal.against.name, goal.what, goal.at_most) for goal in GOALS] == [
        (RELAYED, "nginx, relayed", "CPU per event", 1.0),
        (RELAYED, "nginx, relayed", "memory per stream", 1.0),
        (SHARED, "nginx, relayed", "CPU per event", 0.5),
    ]
    assert [goal.figure(sample(OURS, 0)) for goal in GOALS] == [20.0, 2.0, 20.0]
