"""`calls`: plain calls with keep-alive through each peer in turn, in rounds, on one core each.

Starts the backend and all peers, checks their features, warms them up, then presses one at a time; at the end
every request must be found in the log of a peer that writes one.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from scripts.benchmarks.call_peers import FULL, MAKERS, PLAIN, WAYS, choose_rows, make_peer, name_of
from scripts.benchmarks.figures import Column, Goal, Measurement, Result
from scripts.benchmarks.http_stand import MEMORY, PER_CPU_SECOND, Cost, Stand, standing
from scripts.benchmarks.machine import describe
from scripts.benchmarks.options import Asked, Defaults, positive, some_of
from scripts.benchmarks.peers import REPLY_BYTES, TOKEN, TOKEN_HEADER, make_backend
from scripts.benchmarks.rounds import BenchFailed, turns
from scripts.benchmarks.tools import Say, find_debian
from scripts.benchmarks.wrk import Load, LoadPlan

NAME = "calls"
HELP = "plain calls with and without header check, JSON log and metrics"
DEFAULTS = Defaults(rounds=7, seconds=2, peers=tuple(MAKERS))

WARM_UP_SECONDS = 2
PER_SECOND, CORES = "requests/s", "cores used"
MEDIAN, P99 = "latency median, ms", "latency p99, ms"
COLUMNS = (
    Column(PER_SECOND),
    Column(PER_CPU_SECOND),
    Column(CORES, ",.2f"),
    Column(MEDIAN, ",.2f"),
    Column(P99, ",.2f"),
    Column(MEMORY, ",.1f"),
)
SUBJECT, PLAIN_SUBJECT = "tentaculo", name_of("tentaculo", PLAIN)
AT_LEAST = {"nginx": 0.5, "envoy": 1.2, "caddy": 2.0, "obvious": 2.5}
REMARKS = {
    FULL: "Those not plain check a token, write a JSON line for each request and count it; obvious is plain.",
    PLAIN: "The plain ones only forward; the gateway has a public route then and a log level at which a call "
    "writes no line, and still counts.",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add how many connections press, and which rows there are."""
    parser.add_argument("--connections", type=positive, default=64, help="keep-alive connections (64)")
    parser.add_argument(
        "--ways",
        type=some_of(WAYS),
        default=WAYS,
        help="full, with header check, JSON log and metrics, or plain (both)",
    )


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure and return the one table; raise BenchFailed or ToolMissing."""
    find_debian("wrk", say)
    with standing(asked.form, say) as stand:
        plan = make_plan(asked, stand.load_threads)
        backend = make_backend(stand.place)
        stand.start_backend(backend)
        alone, _ = press(stand, backend.name, replace(plan, seconds=WARM_UP_SECONDS))
        rows = choose_rows(asked.peers, asked.own.ways)
        for row, make in rows.items():
            stand.start(row, make_peer(stand.place, row, make))
            press(stand, row, replace(plan, seconds=WARM_UP_SECONDS))
        measurements = tuple(_rounds(stand, tuple(rows), plan, asked.rounds))
    return [
        Result(
            name=NAME,
            title=f"Plain calls: {REPLY_BYTES}-byte replies, {plan.connections} keep-alive connections, "
            f"{asked.rounds} rounds of {asked.seconds} s",
            machine=describe(),
            rows=tuple(rows),
            versions={row: stand.peers[row].version for row in rows},
            columns=COLUMNS,
            measurements=measurements,
            goals=goals(rows),
            remarks=(
                f"The backend alone answers {alone.requests / alone.seconds:,.0f} requests/s.",
                *(REMARKS[way] for way in asked.own.ways),
            ),
        )
    ]


def make_plan(asked: Asked, threads: int) -> LoadPlan:
    """Return the load of one round: what a program would send, with the token."""
    headers = {
        "User-Agent": "bench/1.0",
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        TOKEN_HEADER: TOKEN,
    }
    return LoadPlan(
        seconds=asked.seconds,
        connections=asked.own.connections,
        threads=threads,
        headers=tuple(headers.items()),
    )


def press(stand: Stand, row: str, plan: LoadPlan) -> tuple[Load, Cost]:
    """Press a row; raise BenchFailed when its replies were shorter than the backend's."""
    load, cost = stand.wrk(row, plan)
    if load.received_bytes < load.requests * REPLY_BYTES:
        raise BenchFailed(f"{row} can't be measured: replies were shorter than the backend's.")
    return load, cost


def figures_of(load: Load, cost: Cost) -> dict[str, float]:
    """Return what one round of a row showed."""
    return {
        PER_SECOND: load.requests / load.seconds,
        PER_CPU_SECOND: load.requests / cost.cpu_seconds,
        CORES: cost.cpu_seconds / load.seconds,
        MEDIAN: load.median_ms,
        P99: load.p99_ms,
        MEMORY: cost.memory,
    }


def goals(rows: Collection[str]) -> tuple[Goal, ...]:
    """Return those with a bound, measured or not, and a ratio of what else was measured."""
    bound = [
        Goal(figure=PER_CPU_SECOND, subject=SUBJECT, against=against, at_least=least)
        for against, least in AT_LEAST.items()
    ]
    pairs = [(SUBJECT, "haproxy")]
    pairs += [(PLAIN_SUBJECT, row) for row in rows if row.endswith(f", {PLAIN}") and row != PLAIN_SUBJECT]
    shown = [
        Goal(figure=PER_CPU_SECOND, subject=subject, against=against)
        for subject, against in pairs
        if {subject, against} <= set(rows)
    ]
    return (*bound, *shown)


def _rounds(stand: Stand, rows: Sequence[str], plan: LoadPlan, rounds: int) -> Iterator[Measurement]:
    for number, row in turns(rows, rounds):
        figures = figures_of(*press(stand, row, plan))
        stand.place.say(f"round {number + 1}/{rounds}, {row}: {figures[PER_CPU_SECOND]:,.0f} per CPU-second")
        yield Measurement(row=row, round=number, figures=figures)
