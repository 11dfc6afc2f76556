"""Tests of the tables and the JSON."""

from __future__ import annotations

import dataclasses
import json

import pytest

from scripts.benchmarks.figures import Result, Spread
from scripts.benchmarks.report import as_json, as_markdown, as_page, bound, cell
from tests.benchmarks.results import goal, make_result


@pytest.fixture
def result() -> Result:
    """Return a run of two peers and two rounds, with one goal of each outcome."""
    goals = (goal(at_least=2.5), goal(at_least=2.6), goal(at_most=3), goal(), goal("absent", at_least=1))
    return make_result(goals)


def test_markdown(result: Result) -> None:
    """Each peer and each ratio has its row, with the outcome of its goal."""
    assert as_markdown(result, with_goals=True).splitlines() == [
        "## Some calls",
        "",
        "a machine. ours: ours 1.0; theirs: theirs 1.0.",
        "",
        "The machine was busy.",
        "Each figure is the median over the rounds (lowest to highest).",
        "",
        "| peer | calls per second | memory, MiB |",
        "| --- | ---: | ---: |",
        "| ours | 25,000 (20,000 to 30,000) | none |",
        "| theirs | 10,000 | none |",
        "",
        "| compared | ratio | goal | result |",
        "| --- | ---: | ---: | ---: |",
        "| ours to theirs: calls per second | 2.50 (2.00 to 3.00) | ≥ 2.5 | met |",
        "| ours to theirs: calls per second | 2.50 (2.00 to 3.00) | ≥ 2.6 | **not met** |",
        "| ours to theirs: calls per second | 2.50 (2.00 to 3.00) | ≤ 3 | met |",
        "| ours to theirs: calls per second | 2.50 (2.00 to 3.00) | none | shown only |",
        "| ours to absent: calls per second | not measured | ≥ 1 | **not met** |",
    ]


def test_markdown_without_goals(result: Result) -> None:
    """Without goals only the ratios are shown."""
    text = as_markdown(result, with_goals=False)
    assert "| ours to theirs: calls per second | 2.50 (2.00 to 3.00) |\n" in text
    assert "met" not in text


def test_a_result_that_compares_nothing() -> None:
    """There is no empty table then."""
    assert as_markdown(make_result(), with_goals=True).count("| --- ") == 1


def test_rows_of_one_peer_name_its_version_once() -> None:
    """The ways of a peer are the same program."""
    versions = {"ours": "1", "ours, plain": "1", "theirs": "2"}
    text = as_markdown(dataclasses.replace(make_result(), versions=versions), with_goals=True)
    assert "a machine. ours: 1; theirs: 2.\n" in text


def test_a_page_of_all(result: Result) -> None:
    """Every result is there, and what could not be measured is named."""
    text = as_page([result, make_result(name="streams")], {"tokens": "redis is missing."}, with_goals=True)
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Some calls",
        "## Some streams",
    ]
    assert text.endswith("\n\n- tokens was not measured: redis is missing.\n")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Spread(1.25, 1.0, 1.5), "1.2 (1.0 to 1.5)"),
        (Spread(1.0, 1.0, 1.0), "1.0"),
        (None, "none"),
    ],
    ids=["spread", "always the same", "not measured"],
)
def test_cells(value: Spread | None, shown: str) -> None:
    """Extremes are shown where there are any."""
    assert cell(value, ".1f") == shown


@pytest.mark.parametrize(
    ("at_least", "at_most", "shown"),
    [(0.5, None, "≥ 0.5"), (None, 2, "≤ 2"), (0.9, 1.1, "≥ 0.9 and ≤ 1.1"), (None, None, "")],
    ids=["least", "most", "both", "none"],
)
def test_bounds(at_least: float | None, at_most: float | None, shown: str) -> None:
    """They are shown as one reads them."""
    assert bound(goal(at_least=at_least, at_most=at_most)) == shown


def test_json(result: Result) -> None:
    """Every measurement and every ratio is kept, and why something is missing."""
    whole = json.loads(as_json([result], {"tokens": "redis is missing."}))
    assert whole["missing"] == {"tokens": "redis is missing."}
    (one,) = whole["results"]
    assert (one["name"], one["versions"]["ours"], one["rows"]) == ("calls", "ours 1.0", ["ours", "theirs"])
    assert one["measurements"][1] == {"row": "ours", "round": 1, "figures": {"calls per second": 20_000}}
    assert [ratio["met"] for ratio in one["ratios"]] == [True, False, True, True, False]
    assert one["ratios"][0] == {
        "name": "ours to theirs: calls per second",
        "figure": "calls per second",
        "subject": "ours",
        "against": "theirs",
        "at_least": 2.5,
        "at_most": None,
        "ratio": {"median": 2.5, "low": 2.0, "high": 3.0},
        "met": True,
    }
    assert one["ratios"][4]["ratio"] is None
