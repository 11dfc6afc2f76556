"""Tests of the tables and the JSON of streams."""

from __future__ import annotations

import json

import pytest

from scripts.benchmarks.stream_report import StreamResult, as_json, as_markdown
from scripts.benchmarks.stream_samples import StreamGoal, StreamVerdict, judge
from tests.benchmarks.test_stream_samples import GOAL, OURS, THEIRS, sample


@pytest.fixture
def result() -> StreamResult:
    """Return a run of two peers, one of which lost a round."""
    return StreamResult(
        title="Streams",
        machine="a machine",
        versions={"ours": "1.0", "theirs": "2.0"},
        samples=(
            sample(OURS, 0),
            sample(THEIRS, 0, cpu_seconds=0.02),
            sample(OURS, 1, cpu_seconds=0.02),
        ),
        void=("round 2 of theirs, relayed: 1 of 500 events came",),
    )


@pytest.fixture
def verdicts(result: StreamResult) -> list[StreamVerdict]:
    """Return one goal of each outcome."""
    missed = StreamGoal(OURS, THEIRS, "memory per stream", lambda seen: seen.memory_per_stream, 0.5)
    absent = StreamGoal(THEIRS, THEIRS, "CPU per event", lambda seen: 0.0, 0.5)
    return [judge(result.samples, goal) for goal in (GOAL, missed, absent)]


def test_markdown(result: StreamResult, verdicts: list[StreamVerdict]) -> None:
    """Each row has its figures, each goal its outcome, and what was left out is said."""
    lines = as_markdown(result, verdicts, with_goals=True).splitlines()
    assert lines[0] == "## Streams"
    assert lines[2] == "a machine. ours: 1.0; theirs: 2.0."
    assert "Left out: round 2 of theirs, relayed: 1 of 500 events came." in lines
    assert (
        "| ours, relayed | 30.0 (20.0 to 40.0) | 2.0 (2.0 to 2.0) | 0.00 (0.00 to 0.00) | "
        "0.50 (0.50 to 0.50) | 1.50 (1.50 to 1.50) |" in lines
    )
    assert lines[-3:] == [
        "| CPU per event: ours, relayed, against theirs, relayed | 0.50 (0.50 to 0.50) | ≤ 1 | met |",
        "| memory per stream: ours, relayed, against theirs, relayed | 1.00 (1.00 to 1.00) | ≤ 0.5 | "
        "**not met** |",
        "| CPU per event: theirs, relayed, against theirs, relayed | not measured | ≤ 0.5 | **not met** |",
    ]


def test_markdown_without_goals(result: StreamResult, verdicts: list[StreamVerdict]) -> None:
    """Without goals only the ratios are shown."""
    text = as_markdown(result, verdicts, with_goals=False)
    assert "0.50 (0.50 to 0.50) |\n" in text
    assert "≤" not in text
    assert "met" not in text


def test_tables_are_square(result: StreamResult, verdicts: list[StreamVerdict]) -> None:
    """Every row of a table has as many cells as its head."""
    for block in as_markdown(result, verdicts, with_goals=True).split("\n\n"):
        rows = [line.count("|") for line in block.splitlines() if line.startswith("|")]
        assert len(set(rows)) <= 1


def test_json(result: StreamResult, verdicts: list[StreamVerdict]) -> None:
    """Every sample is kept with the figures that follow from it, and every ratio."""
    whole = json.loads(as_json(result, verdicts))
    assert [one["cpu_per_event"] for one in whole["samples"]] == [20.0, 40.0, 40.0]
    assert [one["row"]["peer"] for one in whole["samples"]] == ["ours", "theirs", "ours"]
    assert [one["met"] for one in whole["ratios"]] == [True, False, False]
    assert whole["ratios"][2]["ratio"] is None
    assert whole["void"] == ["round 2 of theirs, relayed: 1 of 500 events came"]
