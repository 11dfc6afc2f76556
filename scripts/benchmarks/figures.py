"""What every benchmark measures and how it is compared: figures of rows in rounds, and goals as ratios.

Pure. A ratio compares two rows of the same round, so that drift of the machine hits both sides alike, and the
median over the rounds counts.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One row (a peer, in one of its ways) in one round; a figure is keyed by the heading of its column."""

    row: str
    round: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Column:
    """A figure that the table shows; `style` is a format specification."""

    figure: str
    style: str = ",.0f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The figure of `subject` divided by that of `against`; without bounds it is only shown."""

    figure: str
    subject: str
    against: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def name(self) -> str:
        """What is compared, as people read it; one benchmark has no two of the same."""
        return f"{self.subject} to {self.against}: {self.figure}"


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its extremes."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what was seen; `ratio` is None when it was not measured."""

    goal: Goal
    ratio: Spread | None

    @property
    def met(self) -> bool:
        """Whether it was measured and nothing is missing to the goal; what is only shown is always met."""
        goal = self.goal
        if goal.at_least is None and goal.at_most is None:
            return True
        if self.ratio is None:
            return False
        least = goal.at_least is None or self.ratio.median >= goal.at_least
        return least and (goal.at_most is None or self.ratio.median <= goal.at_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One table of a run: rows in the order of `rows`, each with a version; `remarks` are whole sentences."""

    name: str
    title: str
    machine: str
    rows: Sequence[str]
    versions: Mapping[str, str]
    columns: Sequence[Column]
    measurements: Sequence[Measurement]
    goals: Sequence[Goal] = ()
    remarks: Sequence[str] = ()

    def spread_of(self, row: str, figure: str) -> Spread | None:
        """Return the spread of one figure over the rounds, or None where there is none."""
        values = [
            measured.figures[figure]
            for measured in self.measurements
            if measured.row == row and figure in measured.figures
        ]
        return spread(values) if values else None

    def verdicts(self) -> tuple[Verdict, ...]:
        """Judge every goal."""
        return tuple(judge(self.measurements, goal) for goal in self.goals)


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the extremes of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def judge(measurements: Sequence[Measurement], goal: Goal) -> Verdict:
    """Compare the goal's two rows, round by round."""
    figures = {
        (measured.row, measured.round): measured.figures[goal.figure]
        for measured in measurements
        if goal.figure in measured.figures
    }
    ratios = [
        figure / figures[goal.against, number]
        for (row, number), figure in figures.items()
        if row == goal.subject and figures.get((goal.against, number), 0.0) > 0
    ]
    return Verdict(goal, spread(ratios) if ratios else None)
