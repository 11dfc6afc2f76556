"""A result as a benchmark returns it, for tests of what is made of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.benchmarks.figures import Column, Goal, Measurement, Result

SPEED = "calls per second"
SPEEDS = {"ours": (30_000, 20_000), "theirs": (10_000, 10_000)}


def goal(against: str = "theirs", *, at_least: float | None = None, at_most: float | None = None) -> Goal:
    """Return a goal of `ours`."""
    return Goal(figure=SPEED, subject="ours", against=against, at_least=at_least, at_most=at_most)


def make_result(
    goals: Sequence[Goal] = (), *, name: str = "calls", speeds: Mapping[str, Sequence[float]] = SPEEDS
) -> Result:
    """Return the result of a round for each of the speeds."""
    measurements = [
        Measurement(row=row, round=number, figures={SPEED: speed})
        for row, rounds in speeds.items()
        for number, speed in enumerate(rounds)
    ]
    return Result(
        name=name,
        title=f"Some {name}",
        machine="a machine",
        rows=tuple(speeds),
        versions={row: f"{row} 1.0" for row in speeds},
        columns=(Column(SPEED), Column("memory, MiB", ".1f")),
        measurements=measurements,
        goals=goals,
        remarks=("The machine was busy.",),
    )
