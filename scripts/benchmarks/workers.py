"""`workers`: calls through one, two and four worker processes of the gateway, each on a core of its own.

Backend and load need cores too: where there are too few for all, only the CPU time of a request is measured.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from scripts.benchmarks.calls import COLUMNS, PER_SECOND, figures_of, make_plan
from scripts.benchmarks.figures import Goal, Measurement, Result
from scripts.benchmarks.http_peers import make_gateway
from scripts.benchmarks.http_stand import PER_CPU_SECOND, Stand, inside, standing
from scripts.benchmarks.machine import available_cores, describe, pin, share_cores
from scripts.benchmarks.options import Asked, Defaults, positive
from scripts.benchmarks.peers import REPLY_BYTES, Peer, Place, make_backend
from scripts.benchmarks.processes import running
from scripts.benchmarks.rounds import blamed_on, turns
from scripts.benchmarks.tools import Say, find_debian
from scripts.benchmarks.wrk import LoadPlan, press

NAME = "workers"
HELP = "calls through 1, 2 and 4 worker processes"
DEFAULTS = Defaults(rounds=7, seconds=3, peers=("tentaculo",))
COUNTS = (1, 2, 4)
TWO_AT_LEAST = 1.8
WARM_UP_SECONDS = 2


def row_of(workers: int) -> str:
    """Name the row of so many workers."""
    return f"tentaculo, {workers} {'worker' if workers == 1 else 'workers'}"


GOAL = Goal(figure=PER_SECOND, subject=row_of(2), against=row_of(1), at_least=TWO_AT_LEAST)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add how many connections press."""
    parser.add_argument("--connections", type=positive, default=64, help="keep-alive connections (64)")


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure and return the one table; raise BenchFailed or ToolMissing."""
    find_debian("wrk", say)
    redis, cores = find_debian("redis-server", say), available_cores()
    with standing(asked.form, say) as stand:
        stand.start_backend(make_backend(stand.place))
        plan = make_plan(asked, threads=1)
        with _redis(stand.place, redis) as port:
            for workers in COUNTS:
                place = inside(stand.place, f"workers-{workers}")
                stand.start(row_of(workers), make_workers(place, port, workers, cores))
                _press(stand, workers, replace(plan, seconds=WARM_UP_SECONDS), cores)
            measurements = tuple(_rounds(stand, plan, asked.rounds, cores))
    return (
        Result(
            name=NAME,
            title=f"Workers: calls of {REPLY_BYTES} bytes, {plan.connections} keep-alive connections, "
            f"{asked.rounds} rounds of {asked.seconds} s",
            machine=describe(),
            rows=tuple(map(row_of, COUNTS)),
            versions={row_of(workers): stand.peers[row_of(workers)].version for workers in COUNTS},
            columns=COLUMNS,
            measurements=measurements,
            goals=(GOAL,),
            remarks=remarks(cores),
        ),
    )


def worker_cores(workers: int, cores: Sequence[int]) -> tuple[int, ...]:
    """Return a core for each worker beside those of backend and load, none where there are too few."""
    taken = {*share_cores(cores).backend, *load_cores(cores)}
    left = [core for core in sorted(cores, reverse=True) if core not in taken]
    return tuple(left[:workers]) if len(left) >= workers else ()


def load_cores(cores: Sequence[int]) -> tuple[int, ...]:
    """Return the core of the load."""
    return share_cores(cores).load[:1]


def remarks(cores: Sequence[int]) -> tuple[str, ...]:
    """Say how it was measured."""
    crowded = [workers for workers in COUNTS if not worker_cores(workers, cores)]
    told = ["Each worker has a core of its own, and so have the backend and the load."]
    if crowded:
        names = " and ".join(map(str, crowded))
        told.append(
            f"For {names} workers there are too few cores beside those of backend and load, "
            "so only the CPU time of a request is shown."
        )
    return tuple(told)


def make_workers(place: Place, redis: int, workers: int, cores: Sequence[int]) -> Peer:
    """Return the gateway with so many workers, on their cores."""
    peer = make_gateway(place, "workers-tentaculo.yaml", REDIS=str(redis))
    pinned = pin(worker_cores(workers, cores) or sorted(cores))
    return replace(peer, command=(*pinned, *peer.command, "--workers", str(workers)))


def shown(figures: dict[str, float], workers: int, cores: Sequence[int]) -> dict[str, float]:
    """Return of the figures what means anything where so many workers may have shared their cores."""
    if worker_cores(workers, cores):
        return figures
    return {PER_CPU_SECOND: figures[PER_CPU_SECOND]}


@contextlib.contextmanager
def _redis(place: Place, program: str) -> Iterator[int]:
    port, folder = next(place.ports), place.folder
    options = {"port": str(port), "bind": "127.0.0.1", "save": "", "dir": str(folder)}
    command = [program, *(word for name, value in options.items() for word in (f"--{name}", value))]
    with (
        blamed_on("redis-server"),
        running(
            [*pin(share_cores(available_cores()).backend), *command],
            folder=folder,
            log=folder / "redis.log",
            port=port,
        ),
    ):
        yield port


def _press(stand: Stand, workers: int, plan: LoadPlan, cores: Sequence[int]) -> dict[str, float]:
    row = row_of(workers)
    with blamed_on(row), stand.costing(row) as cost:
        load = press(plan, stand.peers[row].port, pin(load_cores(cores)))
    stand.count(row, load.requests)
    return shown(figures_of(load, cost), workers, cores)


def _rounds(stand: Stand, plan: LoadPlan, rounds: int, cores: Sequence[int]) -> Iterator[Measurement]:
    for number, workers in turns(COUNTS, rounds):
        figures = _press(stand, workers, plan, cores)
        row = row_of(workers)
        stand.place.say(f"round {number + 1}/{rounds}, {row}: {figures[PER_CPU_SECOND]:,.0f} per CPU-second")
        yield Measurement(row=row, round=number, figures=figures)
