"""The arithmetic of `streams`: what one round showed of one peer, what makes it void, and goals.

Pure; a ratio compares peers of the same round, and less is better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts.benchmarks.event_load import EventLoad
from scripts.benchmarks.samples import Spread, spread
from scripts.benchmarks.stream_peers import RELAYED, SHARED, Row

TOLERANCE = 0.05  # of the events that should have come
KIBIBYTE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSample:
    """One row in one round."""

    row: Row
    round: int
    load: EventLoad

    @property
    def cpu_per_event(self) -> float:
        """Microseconds of user and system time of the peer's process tree for each delivered event."""
        return self.load.cpu_seconds / self.load.events * 1e6

    @property
    def memory_per_stream(self) -> float:
        """KiB of resident memory that each open stream added."""
        return (self.load.open_bytes - self.load.idle_bytes) / self.load.streams / KIBIBYTE

    @property
    def cores_used(self) -> float:
        """How many cores the peer kept busy."""
        return self.load.cpu_seconds / self.load.seconds


Figure = Callable[[StreamSample], float]


@dataclass(frozen=True, slots=True)
class StreamGoal:
    """At most `at_most` times the figure of `against`; `what` names the figure."""

    subject: Row
    against: Row
    what: str
    figure: Figure
    at_most: float


@dataclass(frozen=True, slots=True)
class StreamVerdict:
    """A goal and what was seen; `ratio` is None when it was not measured."""

    goal: StreamGoal
    ratio: Spread | None

    @property
    def met(self) -> bool:
        """Whether it was measured and nothing is missing to the goal."""
        return self.ratio is not None and self.ratio.median <= self.goal.at_most


NGINX = Row("nginx", RELAYED)
GOALS = (
    StreamGoal(Row("tentaculo", RELAYED), NGINX, "CPU per event", lambda sample: sample.cpu_per_event, 1.0),
    StreamGoal(
        Row("tentaculo", RELAYED), NGINX, "memory per stream", lambda sample: sample.memory_per_stream, 1.0
    ),
    StreamGoal(Row("tentaculo", SHARED), NGINX, "CPU per event", lambda sample: sample.cpu_per_event, 0.5),
)


def fault_in(load: EventLoad, row: Row, rate: float) -> str | None:
    """Say what makes a load no measurement of `row`, or return None.

    `rate` is a stream's events a second; at the edges of the window one may be missing or too many.
    """
    each = rate * load.seconds
    slack = max(TOLERANCE * each, 1.0)
    if abs(load.events / load.streams - each) > slack:
        return f"{load.events:,} of {each * load.streams:,.0f} events came"
    if load.fewest < each - slack - 1:
        return f"one stream got {load.fewest} of {each:.0f} events"
    upstream = 1 if row.case == SHARED else load.streams
    if load.upstream_streams != upstream:
        return f"{load.upstream_streams} upstream streams were open, not {upstream}"
    return None


def judge(samples: Sequence[StreamSample], goal: StreamGoal) -> StreamVerdict:
    """Compare the goal's two rows, round by round."""
    figures = {(sample.row, sample.round): goal.figure(sample) for sample in samples}
    ratios = [
        figure / figures[goal.against, number]
        for (row, number), figure in figures.items()
        if row == goal.subject and figures.get((goal.against, number), 0.0) > 0
    ]
    return StreamVerdict(goal, spread(ratios) if ratios else None)
