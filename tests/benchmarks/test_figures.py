"""Tests of medians, ratios and goals."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from scripts.benchmarks.figures import Goal, Measurement, Result, Spread, Verdict, judge, spread

SPEED, COST = "calls per second", "CPU per call, ms"
RATIO = Goal(figure=SPEED, subject="a", against="b")


def measured(row: str, number: int, **figures: float) -> Measurement:
    """Return one row in one round; the figures are `speed` and `cost`."""
    names = {"speed": SPEED, "cost": COST}
    return Measurement(row=row, round=number, figures={names[name]: value for name, value in figures.items()})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], Spread(3.0, 3.0, 3.0)),
        ([9.0, 1.0, 2.0], Spread(2.0, 1.0, 9.0)),
        ([4.0, 1.0, 2.0, 3.0], Spread(2.5, 1.0, 4.0)),
    ],
    ids=["one", "odd", "even"],
)
def test_spread(values: list[float], expected: Spread) -> None:
    """The median is the middle one, or between the two middle ones, whatever their order."""
    assert spread(values) == expected


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that halves its speed in one round leaves every ratio as it was."""
    speeds = [(300, 100), (150, 50), (330, 100)]
    measurements = [
        each
        for number, (ours, theirs) in enumerate(speeds)
        for each in (measured("a", number, speed=ours), measured("b", number, speed=theirs))
    ]
    ratio = judge(measurements, RATIO).ratio
    assert ratio == Spread(3.0, 3.0, pytest.approx(3.3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bounds", "median", "met"),
    [
        ({"at_least": 2.5}, 2.5, True),
        ({"at_least": 2.5}, 2.4999, False),
        ({"at_most": 0.5}, 0.5, True),
        ({"at_most": 0.5}, 0.5001, False),
        ({"at_least": 0.9, "at_most": 1.1}, 1.0, True),
        ({"at_least": 0.9, "at_most": 1.1}, 1.2, False),
        ({"at_least": 0.9, "at_most": 1.1}, 0.8, False),
        ({"at_least": 2.5}, None, False),
        ({"at_most": 0.5}, None, False),
        ({}, 0.1, True),
        ({}, None, True),
    ],
    ids=[
        "just enough",
        "too little",
        "just within",
        "too much",
        "between",
        "above both",
        "below both",
        "least not measured",
        "most not measured",
        "shown only",
        "shown only and not measured",
    ],
)
def test_goals(bounds: Mapping[str, float], median: float | None, met: bool) -> None:
    """A goal is met at its bounds and between them; one that was not measured is not met."""
    ratio = None if median is None else Spread(median, 0.0, 9.0)
    assert Verdict(Goal(figure=SPEED, subject="a", against="b", **bounds), ratio).met is met


@pytest.mark.parametrize(
    "measurements",
    [
        [measured("a", 0, speed=10)],
        [measured("b", 0, speed=10)],
        [measured("a", 0, speed=10), measured("b", 1, speed=10)],
        [measured("a", 0, speed=10), measured("b", 0, cost=10)],
        [measured("a", 0, speed=10), measured("b", 0, speed=0)],
    ],
    ids=["no other", "no subject", "other rounds", "other figure", "nothing to divide by"],
)
def test_what_was_not_measured_has_no_ratio(measurements: list[Measurement]) -> None:
    """Both rows must have the figure in the same round."""
    assert judge(measurements, RATIO).ratio is None


def test_a_result_sums_up_its_rounds() -> None:
    """The spread is that of one row's figure, and each goal is judged by its own."""
    cheaper = Goal(figure=COST, subject="a", against="b", at_most=0.5)
    result = Result(
        name="calls",
        title="Calls",
        machine="a machine",
        rows=("a", "b"),
        versions={},
        columns=(),
        measurements=[
            measured("a", 0, speed=10, cost=1),
            measured("a", 1, speed=30),
            measured("b", 0, speed=5, cost=4),
        ],
        goals=(RATIO, cheaper),
    )
    assert result.spread_of("a", SPEED) == Spread(20, 10, 30)
    assert result.spread_of("b", COST) == Spread(4, 4, 4)
    assert result.spread_of("c", COST) is None
    assert result.verdicts() == (Verdict(RATIO, Spread(2, 2, 2)), Verdict(cheaper, Spread(0.25, 0.25, 0.25)))


def test_a_goal_has_a_name() -> None:
    """It says what is divided by what."""
    assert RATIO.name == "a to b: calls per second"
