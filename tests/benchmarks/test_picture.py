"""Tests of the picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.image import imread

from scripts.benchmarks.figures import Goal, Spread, Verdict
from scripts.benchmarks.picture import (
    DOTS_PER_INCH,
    MET,
    MISSED,
    PANEL_HEIGHT,
    ROW_HEIGHT,
    SHOWN,
    bars_of,
    colour_of,
    draw,
    labels_of,
)
from tests.benchmarks.results import goal, make_result


def test_a_picture_grows_with_its_bars(tmp_path: Path) -> None:
    """It is a PNG file with a panel for each result, and every bar has the same room."""
    one = make_result([goal(at_least=2)])
    many = make_result([goal(at_least=2), goal(at_most=2), goal()], name="streams")
    heights = []
    for results in ([one], [one, many]):
        draw(results, tmp_path / "bench.png")
        heights.append(imread(tmp_path / "bench.png").shape[0])
    assert heights[1] - heights[0] == pytest.approx((PANEL_HEIGHT + 3 * ROW_HEIGHT) * DOTS_PER_INCH, abs=1)
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_without_ratios_there_is_no_picture(tmp_path: Path) -> None:
    """Nothing to show writes nothing."""
    draw([make_result(), make_result([goal("absent")])], tmp_path / "bench.png")
    assert list(tmp_path.iterdir()) == []


def test_bars_are_what_was_measured() -> None:
    """A goal that was not measured has none."""
    bars = bars_of(make_result([goal("absent", at_least=1), goal(at_least=1)]))
    assert [(verdict.goal.against, ratio.median) for verdict, ratio in bars] == [("theirs", 2.5)]


@pytest.mark.parametrize(
    ("wanted", "colour"),
    [(goal(at_least=2), MET), (goal(at_least=3), MISSED), (goal(at_most=2), MISSED), (goal(), SHOWN)],
    ids=["met", "too little", "too much", "no goal"],
)
def test_colours(wanted: Goal, colour: str) -> None:
    """The colour says how it ended."""
    assert colour_of(Verdict(wanted, Spread(2.5, 2.0, 3.0))) == colour


def test_a_figure_that_all_share_is_said_once() -> None:
    """Where figures differ, each bar says its own."""
    verdicts = [Verdict(goal("one"), None), Verdict(goal("two"), None)]
    assert labels_of(verdicts) == ("calls per second", ["ours to one", "ours to two"])
    other = Verdict(Goal(figure="memory, MiB", subject="ours", against="two"), None)
    assert labels_of([verdicts[0], other]) == (
        "",
        ["ours to one: calls per second", "ours to two: memory, MiB"],
    )
