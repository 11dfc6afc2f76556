"""Tests of the tables and the JSON."""

from __future__ import annotations

import json

import pytest

from scripts.benchmarks.report import Result, as_json, as_markdown
from scripts.benchmarks.samples import Goal, Sample, Verdict, judge
from scripts.benchmarks.wrk import Load


@pytest.fixture
def result() -> Result:
    """Return a run of two peers and two rounds."""
    speeds = {"ours": (30_000, 20_000), "theirs": (10_000, 10_000)}
    samples = tuple(
        Sample(
            peer=peer,
            round=number,
            load=Load(requests=requests, seconds=1.0, received_bytes=0, median_ms=1.5, p99_ms=4.25),
            cpu_seconds=0.5,
            resident_bytes=3 << 20,
        )
        for peer, rounds in speeds.items()
        for number, requests in enumerate(rounds)
    )
    return Result(
        title="Calls",
        machine="a machine",
        versions=(("ours", "1.0"), ("theirs", "2.0")),
        backend_per_second=98765.4,
        samples=samples,
    )


@pytest.fixture
def verdicts(result: Result) -> list[Verdict]:
    """Return one goal of each outcome."""
    goals = [Goal("theirs", 2.5), Goal("theirs", 2.6), Goal("theirs", None), Goal("absent", 1.0)]
    return [judge(result.samples, goal, "ours") for goal in goals]


def test_markdown(result: Result, verdicts: list[Verdict]) -> None:
    """Each peer and each ratio has its row, with the outcome of its goal."""
    lines = as_markdown(result, verdicts, with_goals=True).splitlines()
    assert lines[0] == "## Calls"
    assert "The backend alone answers 98,765 requests/s." in lines[3]
    assert (
        "| ours | 25,000 (20,000 to 30,000) | 50,000 (40,000 to 60,000) | 0.50 (0.50 to 0.50) |" in lines[7]
    )
    assert lines[7].endswith(" 1.50 (1.50 to 1.50) | 4.25 (4.25 to 4.25) | 3.0 (3.0 to 3.0) |")
    assert lines[-4:] == [
        "| theirs | 2.50 (2.00 to 3.00) | ≥ 2.5 | met |",
        "| theirs | 2.50 (2.00 to 3.00) | ≥ 2.6 | **not met** |",
        "| theirs | 2.50 (2.00 to 3.00) | none | shown only |",
        "| absent | not measured | ≥ 1 | **not met** |",
    ]


def test_markdown_without_goals(result: Result, verdicts: list[Verdict]) -> None:
    """Without goals only the ratios are shown."""
    text = as_markdown(result, verdicts, with_goals=False)
    assert "| theirs | 2.50 (2.00 to 3.00) |\n" in text
    assert "met" not in text


def test_tables_are_square(result: Result, verdicts: list[Verdict]) -> None:
    """Every row of a table has as many cells as its head."""
    for block in as_markdown(result, verdicts, with_goals=True).split("\n\n"):
        rows = [line.count("|") for line in block.splitlines() if line.startswith("|")]
        assert len(set(rows)) <= 1


def test_json(result: Result, verdicts: list[Verdict]) -> None:
    """Every sample is kept with the figures that follow from it, and every ratio."""
    whole = json.loads(as_json(result, verdicts))
    assert whole["versions"] == {"ours": "1.0", "theirs": "2.0"}
    assert [sample["per_cpu_second"] for sample in whole["samples"]] == [60_000, 40_000, 20_000, 20_000]
    assert [ratio["met"] for ratio in whole["ratios"]] == [True, False, True, False]
