"""`routes`: whether a call costs more where the gateway has many routes.

One gateway for each number of routes, all of one configuration else. The path called is that of a route in
the middle, and in rows of their own one that passes names and literals before it falls to the last wildcard.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.benchmarks.figures import Column, Goal, Measurement, Result
from scripts.benchmarks.http_peers import make_gateway
from scripts.benchmarks.http_stand import MEMORY, PER_CPU_SECOND, Stand, inside, standing
from scripts.benchmarks.machine import describe
from scripts.benchmarks.many_routes import CALLED_PATH, LATE_PATH, instance, make_routes
from scripts.benchmarks.options import Asked, Defaults
from scripts.benchmarks.peers import TOKEN, TOKEN_HEADER, make_backend
from scripts.benchmarks.rounds import turns
from scripts.benchmarks.tools import Say, find_debian
from scripts.benchmarks.wrk import LoadPlan

NAME = "routes"
HELP = "calls of a gateway with few and with many routes"
DEFAULTS = Defaults(rounds=10, seconds=2, peers=("tentaculo",))
COUNTS = (10, 1_000, 10_000)
CONNECTIONS = 64
LEAST = 0.9  # of the requests for each CPU-second with the fewest routes
CPU = "CPU per request, μs"
COLUMNS = (
    Column(PER_CPU_SECOND),
    Column(CPU, ".1f"),
    Column("latency median, ms", ".2f"),
    Column(MEMORY, ".1f"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A number of routes, and the path that is called."""

    count: int
    path: str

    @property
    def name(self) -> str:
        """Both, as people read them."""
        late = ", late wildcard" if self.path == LATE_PATH else ""
        return f"tentaculo, {self.count:,} routes{late}"


ROWS = tuple(Row(count, path) for path in (CALLED_PATH, LATE_PATH) for count in COUNTS)
GOALS = tuple(
    Goal(
        figure=PER_CPU_SECOND,
        subject=row.name,
        against=Row(COUNTS[0], row.path).name,
        at_least=LEAST if row.path == CALLED_PATH else None,
    )
    for row in ROWS
    if row.count != COUNTS[0]
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add none."""


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure and return the one table; raise BenchFailed or ToolMissing."""
    find_debian("wrk", say)
    with standing(asked.form, say) as stand:
        stand.start_backend(make_backend(stand.place))
        for count in COUNTS:
            place = inside(stand.place, instance(count))
            peer = make_gateway(place, "routes-tentaculo.yaml", ROUTES=make_routes(count))
            stand.start(instance(count), peer)
        measured = tuple(_rounds(stand, asked, say))
    version = stand.peers[instance(COUNTS[0])].version
    return [
        Result(
            name=NAME,
            title=f"Routes: {CONNECTIONS} keep-alive connections, {asked.rounds} rounds of {asked.seconds} s",
            machine=describe(),
            rows=[row.name for row in ROWS],
            versions={row.name: version for row in ROWS},
            columns=COLUMNS,
            measurements=measured,
            goals=GOALS,
        )
    ]


def _rounds(stand: Stand, asked: Asked, say: Say) -> Iterator[Measurement]:
    for number, row in turns(ROWS, asked.rounds):
        plan = LoadPlan(
            seconds=asked.seconds,
            connections=CONNECTIONS,
            threads=stand.load_threads,
            headers=((TOKEN_HEADER, TOKEN),),
            path=row.path,
        )
        load, cost = stand.wrk(instance(row.count), plan)
        figures = {
            PER_CPU_SECOND: load.requests / cost.cpu_seconds,
            CPU: cost.cpu_seconds / load.requests * 1e6,
            "latency median, ms": load.median_ms,
            MEMORY: cost.memory,
        }
        say(f"round {number + 1}/{asked.rounds}, {row.name}: {figures[PER_CPU_SECOND]:,.0f} per CPU-second")
        yield Measurement(row=row.name, round=number, figures=figures)
