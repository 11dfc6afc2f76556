"""Tests of the benchmark of many routes."""

from __future__ import annotations

import pytest

from scripts.benchmarks import routes
from scripts.benchmarks.big_calls import make_backend
from scripts.benchmarks.http_stand import Cost, Stand
from scripts.benchmarks.routes import COUNTS, GOALS, ROWS, add_options, run
from scripts.benchmarks.wrk import Load, LoadPlan
from tests.benchmarks.http_runs import asked


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return who was called by which path; wrk is not needed then."""
    seen: list[tuple[str, str]] = []

    def wrk(stand: Stand, name: str, plan: LoadPlan) -> tuple[Load, Cost]:
        seen.append((name, plan.path))
        load = Load(requests=100, seconds=1.0, received_bytes=1, median_ms=1.0, p99_ms=1.0)
        return load, Cost(0.01, 1 << 20)

    monkeypatch.setattr(Stand, "wrk", wrk)
    monkeypatch.setattr(routes, "find_debian", lambda program, say: program)
    monkeypatch.setattr(routes, "make_backend", make_backend)
    return seen


def test_a_short_run(paths: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Real gateways with their routes are up and have their features; each is called by both paths."""
    few = tuple(row for row in ROWS if row.count <= 1000)
    monkeypatch.setattr(routes, "COUNTS", COUNTS[:2])
    monkeypatch.setattr(routes, "ROWS", few)
    (result,) = run(asked(add_options), print)
    assert result.rows == [
        "tentaculo, 10 routes",
        "tentaculo, 1,000 routes",
        "tentaculo, 10 routes, late wildcard",
        "tentaculo, 1,000 routes, late wildcard",
    ]
    assert [one.row for one in result.measurements] == result.rows
    assert paths == [(f"tentaculo-{row.count}", row.path) for row in few]
    assert result.measurements[0].figures["requests per CPU-second"] == 10_000
    assert result.measurements[0].figures["CPU per request, μs"] == 100


def test_goals() -> None:
    """Ten times and a thousand times the routes may cost a tenth; late wildcards are shown only."""
    assert [(goal.subject, goal.against, goal.at_least) for goal in GOALS] == [
        ("tentaculo, 1,000 routes", "tentaculo, 10 routes", 0.9),
        ("tentaculo, 10,000 routes", "tentaculo, 10 routes", 0.9),
        ("tentaculo, 1,000 routes, late wildcard", "tentaculo, 10 routes, late wildcard", None),
        ("tentaculo, 10,000 routes, late wildcard", "tentaculo, 10 routes, late wildcard", None),
    ]
