"""The arithmetic: what one round showed of one peer, medians over rounds, ratios within a round.

Pure; a ratio compares peers of the same round, so that drift of the machine hits both sides alike.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from scripts.benchmarks.wrk import Load


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One peer in one round."""

    peer: str
    round: int
    load: Load
    cpu_seconds: float
    resident_bytes: int

    @property
    def per_second(self) -> float:
        """Requests per second of wall clock."""
        return self.load.requests / self.load.seconds

    @property
    def per_cpu_second(self) -> float:
        """Requests per second of user and system time of the peer's process tree."""
        return self.load.requests / self.cpu_seconds

    @property
    def cores_used(self) -> float:
        """How many cores the peer kept busy: near 1.0 when it was the bottleneck."""
        return self.cpu_seconds / self.load.seconds


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its extremes."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Goal:
    """At least `at_least` times the requests per CPU-second of `against`; None only shows the ratio."""

    against: str
    at_least: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what was seen; `ratio` is None when it was not measured."""

    goal: Goal
    ratio: Spread | None

    @property
    def met(self) -> bool:
        """Whether nothing is missing to the goal."""
        if self.goal.at_least is None:
            return True
        return self.ratio is not None and self.ratio.median >= self.goal.at_least


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the extremes of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def spread_of(samples: Iterable[Sample], peer: str, figure: Callable[[Sample], float]) -> Spread:
    """Return the spread of one figure of one peer over the rounds."""
    return spread([figure(sample) for sample in samples if sample.peer == peer])


def judge(samples: Sequence[Sample], goal: Goal, subject: str) -> Verdict:
    """Compare `subject` with the goal's peer, round by round."""
    by_round = {(sample.peer, sample.round): sample.per_cpu_second for sample in samples}
    ratios = [
        figure / by_round[goal.against, number]
        for (peer, number), figure in by_round.items()
        if peer == subject and (goal.against, number) in by_round
    ]
    return Verdict(goal, spread(ratios) if ratios else None)
