"""`calls`: plain calls with keep-alive through each peer in turn, in rounds, on one core each.

Starts the backend and all peers, checks their features, warms them up, then presses one at a time; at the end
every request must be found in the peer's log.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.benchmarks.cpu import read_usage
from scripts.benchmarks.features import check_features, count_lines
from scripts.benchmarks.form import Form
from scripts.benchmarks.machine import available_cores, describe, free_ports, pin, share_cores
from scripts.benchmarks.peers import (
    PEERS,
    REPLY_BYTES,
    TOKEN,
    TOKEN_HEADER,
    Peer,
    Place,
    make_backend,
)
from scripts.benchmarks.processes import running
from scripts.benchmarks.report import Result
from scripts.benchmarks.rounds import BenchFailed, blamed_on, turns
from scripts.benchmarks.samples import Goal, Sample
from scripts.benchmarks.tools import Say, find_debian
from scripts.benchmarks.wrk import Load, LoadFailed, LoadPlan, press

SUBJECT = "tentaculo"
GOALS = (Goal("obvious", 2.5), Goal("envoy", 0.9), Goal("nginx", None))
WARM_UP_SECONDS = 2
LOGGED_SHARE = 0.99  # the rest may fall between counting a log and emptying it


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for."""

    rounds: int
    seconds: int
    connections: int
    peers: tuple[str, ...]
    form: Form


class CallsBench:
    """The peers of one run while they are up."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._cores = share_cores(available_cores())
        self._pids: dict[str, int] = {}
        self._requests: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()

    def start(self, peer: Peer, stack: contextlib.ExitStack) -> None:
        """Start `peer` until `stack` closes, and see that it does what it is measured for."""
        cores = self._cores.backend if peer.name == "backend" else self._cores.peer
        started = running([*pin(cores), *peer.command], folder=peer.folder, log=peer.output, port=peer.port)
        with blamed_on(peer.name):
            self._pids[peer.name] = stack.enter_context(started)
            check_features(peer)

    def warm_up(self, peer: Peer) -> Load:
        """Press `peer` for a moment, so that pools, caches and memory are what they stay."""
        return self._press(peer, replace(self._plan, seconds=WARM_UP_SECONDS))

    def measure(self, peer: Peer, number: int) -> Sample:
        """Press `peer` for one round."""
        pid = self._pids[peer.name]
        before = read_usage(pid)
        load = self._press(peer, self._plan)
        after = read_usage(pid)
        self._count(peer)
        return Sample(
            peer=peer.name,
            round=number,
            load=load,
            cpu_seconds=after.cpu_seconds - before.cpu_seconds,
            resident_bytes=after.resident_bytes,
        )

    def check_logs(self, peers: Mapping[str, Peer]) -> None:
        """After the end of all: raise BenchFailed when a peer did not log each request."""
        for name, peer in peers.items():
            self._count(peer)
            if peer.features is not None and self._lines[name] < self._requests[name] * LOGGED_SHARE:
                raise BenchFailed(f"{name} logged {self._lines[name]} of {self._requests[name]} requests.")

    def _press(self, peer: Peer, plan: LoadPlan) -> Load:
        with blamed_on(peer.name):
            load = press(plan, peer.port, pin(self._cores.load))
            if load.received_bytes < load.requests * REPLY_BYTES:
                raise LoadFailed("replies were shorter than the backend's")
        self._requests[peer.name] += load.requests
        return load

    def _count(self, peer: Peer) -> None:
        if peer.features is not None:
            self._lines[peer.name] += count_lines(peer.features.log)


def run(options: Options, say: Say) -> Result:
    """Measure and return everything; raise BenchFailed or ToolMissing."""
    find_debian("wrk", say)
    with tempfile.TemporaryDirectory(prefix="tentaculo-bench-") as folder:
        ports = free_ports()
        place = Place(Path(folder), next(ports), ports, say, options.form)
        backend = make_backend(place)
        peers = {name: PEERS[name](place) for name in options.peers}
        bench = CallsBench(make_plan(options))
        with contextlib.ExitStack() as stack:
            bench.start(backend, stack)
            alone = bench.warm_up(backend)
            for peer in peers.values():
                say(f"starting {peer.name}")
                bench.start(peer, stack)
                bench.warm_up(peer)
            samples = tuple(_rounds(bench, peers, options.rounds, say))
        bench.check_logs(peers)
    return Result(
        title=f"Plain calls: {REPLY_BYTES}-byte replies, {options.connections} keep-alive connections, "
        f"{options.rounds} rounds of {options.seconds} s",
        machine=describe(),
        versions=tuple((peer.name, peer.version) for peer in peers.values()),
        backend_per_second=alone.requests / alone.seconds,
        samples=samples,
    )


def make_plan(options: Options) -> LoadPlan:
    """Return the load of one round: what a program would send, with the token."""
    headers = {
        "User-Agent": "bench/1.0",
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        TOKEN_HEADER: TOKEN,
    }
    threads = max(1, len(share_cores(available_cores()).load))
    return LoadPlan(
        seconds=options.seconds,
        connections=options.connections,
        threads=threads,
        headers=tuple(headers.items()),
    )


def _rounds(bench: CallsBench, peers: Mapping[str, Peer], rounds: int, say: Say) -> Iterator[Sample]:
    for number, name in turns(peers, rounds):
        sample = bench.measure(peers[name], number)
        say(f"round {number + 1}/{rounds}, {name}: {sample.per_cpu_second:,.0f} per CPU-second")
        yield sample
