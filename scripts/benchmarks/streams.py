"""`streams`: what an open event stream costs, relayed or shared, in CPU time for each event and in memory.

Each sample is a peer of its own that starts, holds all streams open for a window, and ends: so memory is
compared with that of a peer that never had them.
"""

from __future__ import annotations

import contextlib
import resource
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from scripts.benchmarks.event_load import EventPlan, run_load
from scripts.benchmarks.features import REFUSALS, FeatureMissing
from scripts.benchmarks.form import PROJECT, Form
from scripts.benchmarks.machine import available_cores, describe, free_ports, pin, share_cores
from scripts.benchmarks.peers import TOKEN, TOKEN_HEADER, Peer, Place
from scripts.benchmarks.processes import running
from scripts.benchmarks.rounds import BenchFailed, blamed_on, turns
from scripts.benchmarks.stream_peers import MAKERS, PATH, Row, choose_rows
from scripts.benchmarks.stream_report import StreamResult
from scripts.benchmarks.stream_samples import StreamSample, fault_in
from scripts.benchmarks.tools import Say

FILES_PER_STREAM = 2  # of a peer that relays: the client's and the upstream's
SPARE_FILES = 1000
WARM_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for: `rate` is events a second of each stream, `size` bytes of an event."""

    rounds: int
    seconds: int
    streams: int
    rate: int
    size: int
    peers: tuple[str, ...]
    cases: tuple[str, ...]
    form: Form


class StreamsBench:
    """The peers of one run, one of which is up at a time, before a backend that always is."""

    def __init__(self, options: Options, place: Place) -> None:
        self._options = options
        self._place = place
        self._cores = share_cores(available_cores())
        rows = choose_rows(options.peers, options.cases)
        self.peers: Mapping[Row, Peer] = {
            row: MAKERS[row.peer][row.case](place, options.streams) for row in rows
        }
        self.void: list[str] = []

    def start_backend(self, stack: contextlib.ExitStack) -> None:
        """Run the backend until `stack` closes."""
        options, place = self._options, self._place
        command = [*pin(self._cores.backend), place.form.python, "-m", "scripts.benchmarks.event_backend"]
        asked = [f"--port={place.backend_port}", f"--rate={options.rate}", f"--size={options.size}"]
        log = place.folder / "backend.out"
        started = running([*command, *asked], folder=PROJECT, log=log, port=place.backend_port)
        with blamed_on("the backend"):
            stack.enter_context(started)

    def measure(self, row: Row, number: int) -> StreamSample | None:
        """Start the row's peer, press it for one round and end it; None where the sample is void."""
        peer, options = self.peers[row], self._options
        command = [*pin(self._cores.peer), *peer.command]
        with (
            blamed_on(row.name),
            running(command, folder=peer.folder, log=peer.output, port=peer.port) as pid,
        ):
            check_refusals(peer.port)
            plan = EventPlan(
                port=peer.port,
                pid=pid,
                backend_port=self._place.backend_port,
                path=PATH,
                credential=f"{TOKEN_HEADER}: {TOKEN}",
                streams=options.streams,
                seconds=options.seconds,
                warm_up=WARM_UP_SECONDS,
            )
            load = run_load(plan, self._place.form.python, pin(self._cores.load))
        if fault := fault_in(load, row, options.rate):
            self.void.append(f"round {number + 1} of {row.name}: {fault}")
            return None
        return StreamSample(row=row, round=number, load=load)


def run(options: Options, say: Say) -> StreamResult:
    """Measure and return everything; raise BenchFailed or ToolMissing."""
    allow_files(FILES_PER_STREAM * options.streams + SPARE_FILES)
    with tempfile.TemporaryDirectory(prefix="tentaculo-bench-") as folder:
        ports = free_ports()
        place = Place(Path(folder), next(ports), ports, say, options.form)
        bench = StreamsBench(options, place)
        with contextlib.ExitStack() as stack:
            bench.start_backend(stack)
            samples = tuple(_rounds(bench, options.rounds, say))
    for row in bench.peers:
        if not any(sample.row == row for sample in samples):
            raise BenchFailed(f"{row.name} can't be measured: {'; '.join(bench.void)}.")
    return StreamResult(
        title=f"Streams: {options.streams:,} of {options.rate} events/s each, {options.size}-byte events, "
        f"{options.rounds} rounds of {options.seconds} s",
        machine=describe(),
        versions={peer.name: peer.version for peer in bench.peers.values()},
        samples=samples,
        void=tuple(bench.void),
    )


def allow_files(needed: int) -> None:
    """Let this process and those it starts open `needed` files each; raise BenchFailed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < needed:
        raise BenchFailed(f"{needed} open files are needed and {hard} allowed: raise `ulimit -n`.")
    if resource.RLIM_INFINITY != soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def check_refusals(port: int) -> None:
    """Raise FeatureMissing unless the peer on `port` refuses a stream without the right token."""
    for token in ("wrong-token-of-this-length", None):
        with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", PATH, headers={TOKEN_HEADER: token} if token else {})
            status = connection.getresponse().status
        if status not in REFUSALS:
            raise FeatureMissing(f"it answered {status} to a {'wrong' if token else 'missing'} token")


def _rounds(bench: StreamsBench, rounds: int, say: Say) -> Iterator[StreamSample]:
    for number, row in turns(bench.peers, rounds):
        sample = bench.measure(row, number)
        if sample is None:
            say(f"void: {bench.void[-1]}")
            continue
        figures = f"{sample.cpu_per_event:.1f} μs per event, {sample.memory_per_stream:.1f} KiB per stream"
        say(f"round {number + 1}/{rounds}, {row.name}: {figures}")
        yield sample
