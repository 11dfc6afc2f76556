"""Tests of the benchmark of added latency."""

from __future__ import annotations

import pytest

from scripts.benchmarks import latency
from scripts.benchmarks.big_calls import make_backend
from scripts.benchmarks.latency import (
    BACKEND,
    COLUMNS,
    CPU,
    MAKERS,
    MEDIAN,
    P99,
    Row,
    Seen,
    add_options,
    choose_rates,
    goals,
    measurements,
    run,
)
from scripts.benchmarks.paced_load import PacedLoad
from scripts.benchmarks.rounds import BenchFailed
from tests.benchmarks.http_runs import asked, make_bare

ROW = Row("tentaculo", "tentaculo")
BARE = Row(BACKEND, "tentaculo")


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are not these tests' matter: any machine makes 100 calls a second, and may make them late."""
    monkeypatch.setattr(latency, "find_debian", lambda program, say: program)
    monkeypatch.setattr(latency, "make_backend", make_backend)
    monkeypatch.setattr(latency, "saturation", lambda stand, name: 200.0)
    monkeypatch.setattr(latency, "LATE_MS", 1e6)


def seen(median: float, p99: float) -> Seen:
    """Return a load of two calls."""
    load = PacedLoad(calls=2, failed=0, median_ms=median, p99_ms=p99, max_ms=p99, late_ms=0.0)
    return Seen(load, cpu_seconds=0.00005)


def test_a_short_run() -> None:
    """Real gateway, backend and clients: the backend alone is measured too, and has nothing added."""
    said: list[str] = []
    (result,) = run(asked(add_options), said.append)
    assert result.rows == [BARE.name, ROW.name]
    alone, ours = result.measurements
    assert (alone.row, ours.row) == (BARE.name, ROW.name)
    assert set(ours.figures) == {column.figure for column in COLUMNS}
    assert set(alone.figures) == {MEDIAN, P99, CPU}
    assert result.remarks == ("Half of what tentaculo can do is 100 calls/s.",)
    assert said[-1].startswith("round 1/1, tentaculo, at half of tentaculo: ")


def test_a_load_that_is_late_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it measures is itself."""
    monkeypatch.setattr(latency, "LATE_MS", -1.0)
    monkeypatch.setitem(MAKERS, "tentaculo", make_bare)
    said: list[str] = []
    with pytest.raises(BenchFailed, match="the load was late in every round"):
        run(asked(add_options), said.append)
    assert said[-1].startswith("Round 1 of tentaculo, at half of tentaculo is void: the load was ")


def test_what_the_backend_takes_is_not_added() -> None:
    """Each load has that of the backend in its round taken off, and without one only itself."""
    loads = {(BARE, 0): seen(1.0, 2.0), (ROW, 0): seen(1.5, 4.0), (ROW, 1): seen(1.5, 4.0)}
    alone, ours, without = measurements(loads)
    own = {MEDIAN: 1.5, P99: 4.0, CPU: 50.0}
    assert ours.figures == {"added latency median, ms": 0.5, "added latency p99, ms": 2.0} | own
    assert without.figures == own
    assert alone.row == BARE.name


@pytest.mark.parametrize(
    ("gateway", "nginx", "rates"),
    [
        (1000.0, 1700.0, {"tentaculo": 500.0, "nginx": 850.0}),
        (1000.0, 2000.0, {"tentaculo": 500.0}),
        (2000.0, 1000.0, {"nginx": 500.0}),
    ],
    ids=["both", "too many for the gateway", "too many for nginx"],
)
def test_rates(gateway: float, nginx: float, rates: dict[str, float]) -> None:
    """A rate that is near what any peer can do would measure its queue; it is left out, and that is said."""
    remarks: list[str] = []
    assert choose_rates({"tentaculo": gateway, "nginx": nginx}, remarks) == rates
    assert len(remarks) == 2
    assert sum("left out" in remark for remark in remarks) == 2 - len(rates)


def test_goals() -> None:
    """At most twice nginx's at half of what the gateway can do; at nginx's half the ratio is shown."""
    made = list(goals(["tentaculo", "nginx"], ["tentaculo", "nginx"]))
    assert [(goal.against, goal.at_most) for goal in made] == [
        ("nginx, at half of tentaculo", 2.0),
        ("nginx, at half of tentaculo", 2.0),
        ("nginx, at half of nginx", None),
        ("nginx, at half of nginx", None),
    ]
    assert list(goals(["nginx"], ["nginx"])) == []
