"""What `streams` and `shared` do alike: rounds in which each peer in turn holds all streams for a window.

Each sample is a peer of its own that starts, is measured and ends: so memory is compared with that of a peer
that never had the streams. What it logged and counted is looked at before the sample is believed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import resource
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.event_backend import SMALLEST_EVENT
from scripts.benchmarks.event_load import EventLoad, EventPlan, run_load
from scripts.benchmarks.figures import Column, Goal, Measurement, Result
from scripts.benchmarks.form import PROJECT, Form
from scripts.benchmarks.machine import available_cores, describe, free_ports, pin, share_cores
from scripts.benchmarks.options import Asked, positive
from scripts.benchmarks.peers import TOKEN, TOKEN_HEADER, Peer, Place
from scripts.benchmarks.processes import running
from scripts.benchmarks.rounds import BenchFailed, blamed_on, turns
from scripts.benchmarks.stream_features import check_refusals, check_traces
from scripts.benchmarks.stream_peers import PATH, Feed, Row
from scripts.benchmarks.tools import Say
from scripts.benchmarks.wrk import LoadFailed

FILES_PER_STREAM = 2  # of a peer that relays: the client's and the upstream's
SPARE_FILES = 200
WARM_UP_SECONDS = 1.0
LATER_ROUNDS = 2
TOLERANCE = 0.05  # of the events that should have come
SATURATED = 0.9  # of a core: who uses more may be what is measured
KIBIBYTE = 1024

CPU_PER_EVENT = "CPU per event, μs"
MEMORY_PER_STREAM = "memory per stream, KiB"
CORES = "cores used"
MEDIAN = "latency median, ms"
P99 = "latency p99, ms"
COLUMNS = (
    Column(CPU_PER_EVENT, ".1f"),
    Column(MEMORY_PER_STREAM, ".1f"),
    Column(CORES, ".2f"),
    Column(MEDIAN, ".2f"),
    Column(P99, ".2f"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A benchmark of held streams; `goals` are those of its first number of streams."""

    name: str
    title: str
    rows: tuple[Row, ...]
    goals: tuple[Goal, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowding:
    """`streams` at a time for `seconds`; `rate` is events a second of each, `size` bytes of an event."""

    rounds: int
    seconds: int
    streams: int
    rate: int
    size: int


class Bench:
    """One crowd in front of each peer in turn, one of which is up at a time, with a backend of its own."""

    def __init__(self, crowding: Crowding, form: Form, say: Say) -> None:
        self._crowding = crowding
        self._form = form
        self._say = say
        self._cores = share_cores(available_cores())
        self.versions: dict[str, str] = {}
        self.void: list[str] = []

    def rounds(self, rows: Sequence[Row]) -> Iterator[Measurement]:
        """Measure every row in every round, and yield what is no void sample."""
        for number, row in turns(rows, self._crowding.rounds):
            said = f"round {number + 1} of {row.name} with {self._crowding.streams:,} streams"
            try:
                figures = figures_of(self.press(row))
            except LoadFailed as fault:
                self.void.append(f"{said}: {fault}")
                self._say(f"void: {self.void[-1]}")
                continue
            cost, memory = figures[CPU_PER_EVENT], figures[MEMORY_PER_STREAM]
            self._say(f"{said}: {cost:.1f} μs per event, {memory:.1f} KiB per stream")
            yield Measurement(row=row.name, round=number, figures=figures)

    def press(self, row: Row) -> EventLoad:
        """Start the row's peer and the backend, press the peer, end both; raise LoadFailed or BenchFailed."""
        with tempfile.TemporaryDirectory(prefix="tentaculo-bench-") as folder, _blamed_on(row):
            ports = free_ports()
            place = Place(Path(folder), next(ports), ports, self._say, self._form)
            peer = row.make(place, self._crowding.streams)
            self.versions[row.peer] = peer.version
            command = [*pin(self._cores.peer), *peer.command]
            with (
                running(command, folder=peer.folder, log=peer.output, port=peer.port) as pid,
                self._backend(place, row, peer) as backend_pid,
            ):
                load = self._press(place, peer, pid, backend_pid)
                if fault := fault_in(load, row, self._crowding.rate):
                    raise LoadFailed(fault)
                return load

    def _backend(self, place: Place, row: Row, peer: Peer) -> contextlib.AbstractContextManager[int]:
        port = place.backend_port
        command = [*pin(self._cores.backend), place.form.python, "-m", "scripts.benchmarks.event_backend"]
        command += backend_options(self._crowding, port, row.feed, peer)
        return running(command, folder=PROJECT, log=place.folder / "backend.out", port=port)

    def _press(self, place: Place, peer: Peer, pid: int, backend_pid: int) -> EventLoad:
        check_refusals(peer, PATH)
        plan = EventPlan(
            port=peer.port,
            pid=pid,
            backend_port=place.backend_port,
            backend_pid=backend_pid,
            path=PATH,
            credential=f"{TOKEN_HEADER}: {TOKEN}",
            streams=self._crowding.streams,
            seconds=self._crowding.seconds,
            warm_up=WARM_UP_SECONDS,
        )
        load = run_load(plan, self._form.python, pin(self._cores.load))
        check_traces(peer, PATH, load.streams)
        return load


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what both benchmarks can be asked for."""
    add = parser.add_argument
    add("--streams", type=counts, default=(1000, 5000), help="how many are open at a time (1000,5000)")
    add("--rates", type=counts, default=(10, 2), help="events a second of a stream, for each of these (10,2)")
    add("--size", type=_event_size, default=200, help="bytes of an event (200)")


def counts(text: str) -> tuple[int, ...]:
    """Read an option that lists numbers, divided by commas."""
    return tuple(map(positive, text.split(",")))


def run_study(study: Study, asked: Asked, say: Say) -> tuple[Result, ...]:
    """Measure each number of streams; raise BenchFailed or ToolMissing.

    The first is what goals are about; the others are measured in LATER_ROUNDS at most, and only shown.
    """
    rates = itertools.chain(asked.own.rates, itertools.repeat(asked.own.rates[-1]))
    results: list[Result] = []
    for streams, rate in zip(asked.own.streams, rates, strict=False):
        crowding = Crowding(
            rounds=min(asked.rounds, LATER_ROUNDS) if results else asked.rounds,
            seconds=asked.seconds,
            streams=streams,
            rate=rate,
            size=asked.own.size,
        )
        goals = [dataclasses.replace(goal, at_most=None) for goal in study.goals] if results else study.goals
        chosen = dataclasses.replace(
            study, goals=tuple(goals), rows=tuple(row for row in study.rows if row.peer in asked.peers)
        )
        results.append(measure(chosen, crowding, asked.form, say))
    return tuple(results)


def measure(study: Study, crowding: Crowding, form: Form, say: Say) -> Result:
    """Measure every row of `study`; raise BenchFailed or ToolMissing."""
    allow_files(FILES_PER_STREAM * crowding.streams + SPARE_FILES)
    bench = Bench(crowding, form, say)
    measurements = tuple(bench.rounds(study.rows))
    if not measurements:
        raise BenchFailed(f"nothing can be measured: {'; '.join(bench.void)}.")
    return Result(
        name=f"{study.name}-{crowding.streams}",
        title=f"{study.title}: {crowding.streams:,}, {crowding.rate} events/s to each, "
        f"{crowding.size}-byte events, {crowding.rounds} rounds of {crowding.seconds} s",
        machine=describe(),
        rows=tuple(row.name for row in study.rows),
        versions=bench.versions,
        columns=COLUMNS,
        measurements=measurements,
        goals=study.goals,
        remarks=(*study.remarks, *([f"Left out: {'; '.join(bench.void)}."] if bench.void else ())),
    )


def backend_options(crowding: Crowding, port: int, feed: Feed, peer: Peer) -> list[str]:
    """Return what to ask of the backend on `port` so that it feeds `peer`."""
    options = [f"--port={port}", f"--rate={crowding.rate}", f"--size={crowding.size}"]
    if feed is Feed.TOGETHER:
        options.append("--together")
    if feed is Feed.HUB and peer.features is not None:
        options.append(f"--hub={peer.features.metrics_port}")
    return options


def figures_of(load: EventLoad) -> dict[str, float]:
    """Return what the table shows of one load, and what the others beside the peer kept busy."""
    return {
        CPU_PER_EVENT: load.cpu_seconds / load.events * 1e6,
        MEMORY_PER_STREAM: (load.open_bytes - load.idle_bytes) / load.streams / KIBIBYTE,
        CORES: load.cpu_seconds / load.seconds,
        MEDIAN: load.median_ms,
        P99: load.p99_ms,
        "cores used by the clients": load.clients_cpu_seconds / load.seconds,
        "cores used by the backend": load.backend_cpu_seconds / load.seconds,
    }


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
    upstream = {Feed.ONE: 1, Feed.HUB: 0}.get(row.feed, load.streams)
    if load.upstream_streams != upstream:
        return f"{load.upstream_streams} upstream streams were open, not {upstream}"
    return _saturated(load)


def _saturated(load: EventLoad) -> str | None:
    parts = {
        "it": load.cpu_seconds,
        "the backend": load.backend_cpu_seconds,
        "the clients": load.clients_cpu_seconds,
    }
    for name, seconds in parts.items():
        if seconds > SATURATED * load.seconds:
            return f"{name} kept {seconds / load.seconds:.2f} cores busy, more than {SATURATED:g}"
    return None


@contextlib.contextmanager
def _blamed_on(row: Row) -> Iterator[None]:
    # A load that failed voids a sample; what is wrong with the peer itself ends the benchmark.
    failed: LoadFailed | None = None
    with blamed_on(row.name):
        try:
            yield
        except LoadFailed as fault:
            failed = fault
    if failed is not None:
        raise failed


def allow_files(needed: int) -> None:
    """Let this process and those it starts open `needed` files each; raise BenchFailed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < needed:
        raise BenchFailed(f"{needed} open files are needed and {hard} allowed: raise `ulimit -n`.")
    if resource.RLIM_INFINITY != soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _event_size(text: str) -> int:
    value = int(text)
    if value < SMALLEST_EVENT:
        raise argparse.ArgumentTypeError(f"must be at least {SMALLEST_EVENT}")
    return value
