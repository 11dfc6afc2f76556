"""Tests of the benchmark of idle streams: its figures, its limits, and a short run of all of it."""

from __future__ import annotations

import argparse
import dataclasses
import resource
import sys

import pytest

from scripts.benchmarks import idle
from scripts.benchmarks.figures import Goal
from scripts.benchmarks.form import Form
from scripts.benchmarks.held_streams import MEMORY_PER_STREAM
from scripts.benchmarks.idle import (
    CPU_PER_MINUTE,
    MEMORY,
    IdleBench,
    file_limit,
    minute_figures,
    run,
    step_figures,
    steps_within,
)
from scripts.benchmarks.idle_load import IdleLoad, IdlePlan
from scripts.benchmarks.options import Asked, own_defaults
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.stream_peers import IDLING, Feed, Row, make_relayed

MEBIBYTE = 1 << 20
LOAD = IdleLoad(
    streams=4,
    idle_bytes=MEBIBYTE,
    step_bytes=[2 * MEBIBYTE, 3 * MEBIBYTE],
    minute_bytes=[3 * MEBIBYTE, 4 * MEBIBYTE],
    minute_cpu_seconds=[0.5, 0.25],
    beats=[4, 3],
)
OURS = IDLING[0]


def asked(*, minutes: int = 2, streams: tuple[int, ...] = (2, 4)) -> Asked:
    """Return a run that asks this gateway alone to hold a few streams."""
    own = own_defaults(idle.add_options)
    own.minutes, own.streams = minutes, streams
    return Asked(rounds=1, seconds=1, peers=("tentaculo",), form=Form(sys.executable), own=own)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> IdleBench:
    """Return a run whose loads are made up."""
    monkeypatch.setattr(IdleBench, "_hold", lambda *given: LOAD)
    bench = IdleBench(asked(), lambda text: None)
    bench.measure(OURS, 0)
    return bench


def test_what_is_measured_unless_told_otherwise() -> None:
    """Up to ten thousand streams, for ten minutes."""
    assert own_defaults(idle.add_options) == argparse.Namespace(streams=(1000, 5000, 10_000), minutes=10)


def test_figures_of_steps() -> None:
    """The memory that each stream added since there was none, and all of it."""
    first, second = step_figures(OURS, 1, (1024, 2048), LOAD)
    assert (first.row, first.round) == ("tentaculo, 1,024 streams", 1)
    assert first.figures == {MEMORY_PER_STREAM: 1.0, MEMORY: 2.0}
    assert second.figures == {MEMORY_PER_STREAM: 1.0, MEMORY: 3.0}


def test_figures_of_minutes() -> None:
    """The memory at its end, and the CPU time in it."""
    first, second = minute_figures(OURS, 1, LOAD)
    assert (first.row, second.row) == ("tentaculo, minute 1", "tentaculo, minute 2")
    assert second.figures == {MEMORY: 4.0, CPU_PER_MINUTE: 0.25}


def test_memory_is_to_grow_with_the_streams_alone(bench: IdleBench) -> None:
    """The last step is held against the first."""
    result = bench.by_step()
    assert result.rows == ("tentaculo, 2 streams", "tentaculo, 4 streams")
    assert list(result.goals) == [
        Goal(figure=MEMORY_PER_STREAM, subject=result.rows[1], against=result.rows[0], at_most=1.1)
    ]
    assert result.remarks == []


def test_memory_is_not_to_grow_with_time(bench: IdleBench) -> None:
    """The last minute is held against the second, or against the first where there are two."""
    result = bench.by_minute()
    assert [(goal.subject, goal.against, goal.at_most) for goal in result.goals] == [
        ("tentaculo, minute 2", "tentaculo, minute 1", 1.02)
    ]
    assert not result.verdicts()[0].met


@pytest.mark.parametrize(("minutes", "against"), [(10, ["tentaculo, minute 2"]), (1, [])])
def test_the_minute_compared_with(minutes: int, against: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One minute alone has nothing to be compared with."""
    load = dataclasses.replace(LOAD, minute_bytes=[1] * minutes, minute_cpu_seconds=[0.0] * minutes)
    monkeypatch.setattr(IdleBench, "_hold", lambda *given: load)
    bench = IdleBench(asked(minutes=minutes), lambda text: None)
    bench.measure(OURS, 0)
    assert [goal.against for goal in bench.by_minute().goals] == against


def test_heartbeats_must_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that sends none saves what is measured."""
    monkeypatch.setattr(IdleBench, "_hold", lambda *given: dataclasses.replace(LOAD, beats=[4, 1]))
    with pytest.raises(BenchFailed, match="tentaculo can't be measured: a stream beat 1 times in a minute"):
        IdleBench(asked(), print).measure(OURS, 0)


@pytest.mark.parametrize(
    ("feed", "files", "steps"),
    [
        (Feed.OWN, 100_000, (1000, 10_000)),
        (Feed.OWN, 20_000, (1000, 9900)),
        (Feed.ONE, 20_000, (1000, 10_000)),
        (Feed.OWN, 2000, (900,)),
    ],
    ids=["enough", "too few", "enough for one each", "too few for any"],
)
def test_steps_within_the_limit_of_files(feed: Feed, files: int, steps: tuple[int, ...]) -> None:
    """Who relays needs two files for a stream; what is too much becomes the most that is possible."""
    assert steps_within((10_000, 1000), Row("it", make_relayed, feed), files) == steps


def test_a_low_limit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer streams than asked for are no secret."""
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1000, 1000))
    monkeypatch.setattr(IdleBench, "_hold", lambda *given: LOAD)
    bench = IdleBench(asked(streams=(100, 900)), lambda text: None)
    bench.measure(OURS, 0)
    assert bench.by_step().rows == ("tentaculo, 100 streams", "tentaculo, 400 streams")
    assert bench.by_step().remarks == [
        "A process may open 1,000 files here, which bounds the streams that are relayed."
    ]


def test_no_limit_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is room for all."""
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1, resource.RLIM_INFINITY))
    assert file_limit() == sys.maxsize


def test_a_short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real gateway, backend and clients; nobody waits for heartbeats."""
    monkeypatch.setattr(idle, "BEATS", 0)
    monkeypatch.setattr(idle, "IdlePlan", lambda **given: IdlePlan(**given | {"settle": 0.05, "minute": 0.2}))
    steps, minutes = run(asked(), lambda text: None)
    assert steps.rows[:2] == ("tentaculo, 2 streams", "tentaculo, 4 streams")
    assert minutes.rows == ("tentaculo, minute 1", "tentaculo, minute 2", "tentaculo, shared, minute 1")
    assert all(measured.figures[MEMORY] > 1 for measured in (*steps.measurements, *minutes.measurements))
    assert steps.versions["tentaculo"].startswith("this tree, ")
