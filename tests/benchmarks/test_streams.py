"""Tests of the benchmark of relayed streams."""

from __future__ import annotations

import pytest

from scripts.benchmarks import streams
from scripts.benchmarks.held_streams import CPU_PER_EVENT, MEDIAN, MEMORY_PER_STREAM, P99, Study
from scripts.benchmarks.stream_peers import RELAYING
from tests.benchmarks.test_shared import asked


def test_goals_of_the_project() -> None:
    """No more than nginx in both figures, and much less CPU time than Envoy; what that costs is shown."""
    assert [(goal.subject, goal.against, goal.figure, goal.at_most) for goal in streams.GOALS] == [
        ("tentaculo", "nginx", CPU_PER_EVENT, 1.0),
        ("tentaculo", "envoy", CPU_PER_EVENT, 0.7),
        ("tentaculo", "nginx", MEMORY_PER_STREAM, 1.0),
        ("tentaculo", "nginx", MEDIAN, None),
        ("tentaculo", "nginx", P99, None),
        ("tentaculo, ungathered", "nginx", CPU_PER_EVENT, None),
        ("tentaculo, ungathered", "envoy", CPU_PER_EVENT, None),
    ]
    names = {row.name for row in RELAYING}
    assert {name for goal in streams.GOALS for name in (goal.subject, goal.against)} <= names


def test_what_is_studied(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows that relay, five rounds, in the words of the table."""
    seen: list[Study] = []
    monkeypatch.setattr(streams, "run_study", lambda study, asked, say: seen.append(study))
    streams.run(asked(streams), print)
    assert (seen[0].name, seen[0].rows, seen[0].goals) == ("streams", RELAYING, streams.GOALS)
    assert streams.DEFAULTS.rounds >= 5
