"""Tests of the benchmark of shared streams."""

from __future__ import annotations

import sys

import pytest

from scripts.benchmarks import shared
from scripts.benchmarks.form import Form
from scripts.benchmarks.held_streams import CPU_PER_EVENT, Study
from scripts.benchmarks.options import Asked, Benchmark, own_defaults
from scripts.benchmarks.stream_peers import SHARING


def asked(benchmark: Benchmark) -> Asked:
    """Return what a benchmark is asked for where the user says nothing."""
    defaults = benchmark.DEFAULTS
    return Asked(
        rounds=defaults.rounds,
        seconds=defaults.seconds,
        peers=defaults.peers,
        form=Form(sys.executable),
        own=own_defaults(benchmark.add_options),
    )


def test_goals_of_the_project() -> None:
    """Half of who relays, less than the hub; what HAProxy buys with time is only shown."""
    assert {goal.figure for goal in shared.GOALS} == {CPU_PER_EVENT}
    assert {goal.subject for goal in shared.GOALS} == {"tentaculo, shared"}
    assert {goal.against: goal.at_most for goal in shared.GOALS} == {
        "nginx": 0.5,
        "haproxy, no-delay": 0.5,
        "nchan": 0.9,
        "nginx, at once": None,
        "haproxy": None,
    }
    assert {goal.against for goal in shared.GOALS} < {row.name for row in SHARING}


def test_what_is_studied(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows, five rounds, in the words of the table."""
    seen: list[Study] = []
    monkeypatch.setattr(shared, "run_study", lambda study, asked, say: seen.append(study))
    shared.run(asked(shared), print)
    assert (seen[0].name, seen[0].rows, seen[0].goals) == ("shared", SHARING, shared.GOALS)
    assert shared.DEFAULTS.rounds >= 5
