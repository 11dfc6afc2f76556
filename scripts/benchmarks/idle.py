"""`idle`: what open streams cost on which nothing is said.

Memory, whether it grows with time or faster than the streams, and the CPU time of heartbeats.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmarks.event_backend import SMALLEST_EVENT
from scripts.benchmarks.figures import Column, Goal, Measurement, Result
from scripts.benchmarks.form import PROJECT
from scripts.benchmarks.held_streams import (
    FILES_PER_STREAM,
    KIBIBYTE,
    MEMORY_PER_STREAM,
    SPARE_FILES,
    allow_files,
    counts,
)
from scripts.benchmarks.idle_load import IdleLoad, IdlePlan, check_beats, run_idle
from scripts.benchmarks.machine import available_cores, describe, free_ports, pin, share_cores
from scripts.benchmarks.options import Asked, Defaults, positive
from scripts.benchmarks.peers import TOKEN, TOKEN_HEADER, Peer, Place
from scripts.benchmarks.processes import running
from scripts.benchmarks.rounds import blamed_on, turns
from scripts.benchmarks.stream_features import check_refusals, check_traces
from scripts.benchmarks.stream_peers import IDLING, PATH, Feed, Row, peers_of
from scripts.benchmarks.tools import Say

NAME = "idle"
HELP = "open event streams on which nothing is said"
DEFAULTS = Defaults(rounds=1, seconds=16, peers=peers_of(IDLING))
LONG = "tentaculo"  # the row whose streams are held for all minutes, to see whether its memory grows
BEATS = 3  # in each minute: one each 15 seconds, and one may fall beyond its edge
LINEAR = 1.1
GROWTH = 1.02
ROUND_STEP = 100
MEBIBYTE = 1 << 20
MEMORY = "memory, MiB"
CPU_PER_MINUTE = "CPU per minute, s"
STEP_COLUMNS = (Column(MEMORY_PER_STREAM, ".2f"), Column(MEMORY, ".1f"))
MINUTE_COLUMNS = (Column(MEMORY, ".2f"), Column(CPU_PER_MINUTE, ".2f"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    add = parser.add_argument
    add("--streams", type=counts, default=(1000, 5000, 10_000), help="open streams (1000,5000,10000)")
    add("--minutes", type=positive, default=10, help="how long the last of these are held (10)")


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure memory step by step, then minute by minute; raise BenchFailed or ToolMissing."""
    bench = IdleBench(asked, say)
    for number, row in turns([row for row in IDLING if row.peer in asked.peers], asked.rounds):
        bench.measure(row, number)
    return (bench.by_step(), bench.by_minute())


class IdleBench:
    """The peers of one run, one of which is up at a time, before a backend that says nothing."""

    def __init__(self, asked: Asked, say: Say) -> None:
        self._asked = asked
        self._say = say
        self._cores = share_cores(available_cores())
        self._versions: dict[str, str] = {}
        self._steps: list[Measurement] = []
        self._minutes: list[Measurement] = []

    def measure(self, row: Row, number: int) -> None:
        """Start the row's peer and the backend, open and hold the streams, and end both."""
        steps = steps_within(self._asked.own.streams, row, file_limit())
        minutes = self._asked.own.minutes if row.name == LONG else 1
        self._say(f"round {number + 1} of {row.name}: {steps[-1]:,} streams, minutes: {minutes}")
        allow_files(files_of(row) * steps[-1] + SPARE_FILES)
        with tempfile.TemporaryDirectory(prefix="tentaculo-bench-") as folder, blamed_on(row.name):
            ports = free_ports()
            place = Place(Path(folder), next(ports), ports, self._say, self._asked.form)
            peer = row.make(place, steps[-1])
            self._versions[row.peer] = peer.version
            load = self._hold(place, peer, steps, minutes)
            if row.peer == LONG:
                check_beats(load, BEATS)
        self._steps += step_figures(row, number, steps, load)
        self._minutes += minute_figures(row, number, load)

    def _hold(self, place: Place, peer: Peer, steps: Sequence[int], minutes: int) -> IdleLoad:
        port, python = place.backend_port, place.form.python
        backend = [*pin(self._cores.backend), python, "-m", "scripts.benchmarks.event_backend"]
        silent = [f"--port={port}", "--rate=0", f"--size={SMALLEST_EVENT}"]
        command = [*pin(self._cores.peer), *peer.command]
        with (
            running([*backend, *silent], folder=PROJECT, log=place.folder / "backend.out", port=port),
            running(command, folder=peer.folder, log=peer.output, port=peer.port) as pid,
        ):
            check_refusals(peer, PATH)
            plan = IdlePlan(
                port=peer.port,
                pid=pid,
                path=PATH,
                credential=f"{TOKEN_HEADER}: {TOKEN}",
                steps=steps,
                minutes=minutes,
                settle=self._asked.seconds,
            )
            load = run_idle(plan, python, pin(self._cores.load))
            check_traces(peer, PATH, steps[-1])
            return load

    def by_step(self) -> Result:
        """Return the memory with each number of streams; it is to grow no faster than they do."""
        rows = rows_of(self._steps)
        ours = [row for row in rows if row.startswith(f"{LONG}, ") and "shared" not in row]
        goals = (
            [Goal(figure=MEMORY_PER_STREAM, subject=ours[-1], against=ours[0], at_most=LINEAR)]
            if ours
            else []
        )
        fewer = max(self._asked.own.streams) * FILES_PER_STREAM + SPARE_FILES > file_limit()
        limited = (
            f"A process may open {file_limit():,} files here, which bounds the streams that are relayed."
        )
        return Result(
            name=NAME,
            title="Silent streams: memory, with a heartbeat each 15 s from the gateway",
            machine=describe(),
            rows=rows,
            versions=self._versions,
            columns=STEP_COLUMNS,
            measurements=self._steps,
            goals=goals,
            remarks=[limited] if fewer else [],
        )

    def by_minute(self) -> Result:
        """Return what the most streams take minute by minute; the first minute is not compared."""
        rows = rows_of(self._minutes)
        last = self._asked.own.minutes
        against = f"{LONG}, minute {min(2, last - 1)}"
        goal = Goal(figure=MEMORY, subject=f"{LONG}, minute {last}", against=against, at_most=GROWTH)
        return Result(
            name=f"{NAME}-minutes",
            title="Silent streams: memory and CPU time while all are held",
            machine=describe(),
            rows=rows,
            versions=self._versions,
            columns=MINUTE_COLUMNS,
            measurements=self._minutes,
            goals=[goal] if against in rows else [],
        )


def step_figures(row: Row, number: int, steps: Sequence[int], load: IdleLoad) -> list[Measurement]:
    """Return what each step showed in one round."""
    return [
        Measurement(
            row=f"{row.name}, {streams:,} streams",
            round=number,
            figures={
                MEMORY_PER_STREAM: (held - load.idle_bytes) / streams / KIBIBYTE,
                MEMORY: held / MEBIBYTE,
            },
        )
        for streams, held in zip(steps, load.step_bytes, strict=True)
    ]


def minute_figures(row: Row, number: int, load: IdleLoad) -> list[Measurement]:
    """Return what each minute showed in one round."""
    return [
        Measurement(
            row=f"{row.name}, minute {minute}",
            round=number,
            figures={MEMORY: held / MEBIBYTE, CPU_PER_MINUTE: seconds},
        )
        for minute, (held, seconds) in enumerate(
            zip(load.minute_bytes, load.minute_cpu_seconds, strict=True), start=1
        )
    ]


def rows_of(measurements: Sequence[Measurement]) -> tuple[str, ...]:
    """Return the names of the rows that were measured, each once."""
    return tuple(dict.fromkeys(measured.row for measured in measurements))


def file_limit() -> int:
    """Return how many files a process can be allowed to open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def files_of(row: Row) -> int:
    """Return how many files the peer of `row` holds open for a stream."""
    return 1 if row.feed is Feed.ONE else FILES_PER_STREAM


def steps_within(steps: Sequence[int], row: Row, files: int) -> tuple[int, ...]:
    """Return the steps that are possible with so many open files; a larger one becomes the largest."""
    most = (files - SPARE_FILES) // files_of(row) // ROUND_STEP * ROUND_STEP
    return tuple(dict.fromkeys(min(step, most) for step in sorted(steps)))
