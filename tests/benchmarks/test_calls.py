"""Tests of the benchmark of plain calls: its goals, and short runs of all of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from scripts.benchmarks.call_peers import WAYS, choose_rows
from scripts.benchmarks.calls import DEFAULTS, REMARKS, add_options, figures_of, goals, run
from scripts.benchmarks.form import PROJECT, Form
from scripts.benchmarks.http_stand import PER_CPU_SECOND, Cost
from scripts.benchmarks.options import Asked, own_defaults
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.wrk import Load
from tests.benchmarks.programs import put_programs

BOUND = {"nginx": 0.5, "envoy": 1.2, "caddy": 2.0, "obvious": 2.5}


def asked(*peers: str, rounds: int = 1) -> Asked:
    """Return a run of the peers, with and without features."""
    own = own_defaults(add_options)
    return Asked(rounds=rounds, seconds=1, peers=peers, form=Form(sys.executable), own=own)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins are found before what the machine has."""
    put_programs(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    return tmp_path


@pytest.mark.usefixtures("programs")
def test_a_short_run() -> None:
    """Real gateway, obvious proxy, backend and load: each row has each figure in each round."""
    said: list[str] = []
    (result,) = run(asked("tentaculo", "obvious", rounds=2), said.append)
    assert result.rows == ("tentaculo", "tentaculo, plain", "obvious")
    assert sorted((one.row, one.round) for one in result.measurements) == sorted(
        (row, number) for row in result.rows for number in (0, 1)
    )
    for row in result.rows:
        for column in result.columns:
            seen = result.spread_of(row, column.figure)
            assert seen is not None
            assert seen.low > 0
    measured = {verdict.goal.against: verdict.ratio is not None for verdict in result.verdicts()}
    assert measured == {"nginx": False, "envoy": False, "caddy": False, "obvious": True}
    assert result.versions["tentaculo"].startswith("this tree, ")
    assert result.remarks[1:] == tuple(REMARKS.values())
    assert said[-1].startswith("round 2/2, ")


@pytest.mark.parametrize(
    ("made", "claimed", "said"),
    [(5, 50, "replies were shorter than the backend's"), (50, 100, "logged 1.. of 200 requests")],
    ids=["short replies", "calls that are not logged"],
)
def test_a_row_that_did_not_do_its_work(made: int, claimed: int, said: str, programs: Path) -> None:
    """It is named, and nothing is returned."""
    put_programs(programs, made=made, claimed=claimed)
    with pytest.raises(BenchFailed, match=said):
        run(asked("tentaculo"), print)


def test_figures() -> None:
    """Requests are divided by wall clock for one figure and by processor time for the other."""
    load = Load(requests=1000, seconds=2.0, received_bytes=0, median_ms=1.5, p99_ms=4.5)
    assert figures_of(load, Cost(cpu_seconds=0.5, resident_bytes=3 << 20)) == {
        "requests/s": 500,
        "requests per CPU-second": 2000,
        "cores used": 0.25,
        "latency median, ms": 1.5,
        "latency p99, ms": 4.5,
        "memory, MiB": 3,
    }


def test_goals_are_those_of_all_peers() -> None:
    """One with a bound is there whether or not it is measured, so that leaving a peer out meets nothing."""
    every = goals(choose_rows(DEFAULTS.peers, WAYS))
    assert {goal.against: goal.at_least for goal in every if goal.at_least is not None} == BOUND
    assert {goal.against: goal.at_least for goal in goals(["tentaculo"])} == BOUND
    assert {goal.figure for goal in every} == {PER_CPU_SECOND}


def test_other_ratios_are_shown_where_they_are_measured() -> None:
    """HAProxy has no bound, and what is plain is compared with what is plain."""
    shown = [
        goal
        for goal in goals(["tentaculo", "haproxy", "tentaculo, plain", "nginx, plain"])
        if not goal.at_least
    ]
    assert [(goal.subject, goal.against) for goal in shown] == [
        ("tentaculo", "haproxy"),
        ("tentaculo, plain", "nginx, plain"),
    ]
