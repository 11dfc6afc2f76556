"""`reload`: how long calls take while the gateway's file is written anew each second, and that none fails.

Calls come at a fixed moderate rate, and each is measured from the moment that it was due: a gateway that
stands still while it reloads makes all of them late.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.features import count_total
from scripts.benchmarks.figures import Column, Goal, Measurement, Result
from scripts.benchmarks.http_peers import GATEWAY_CONFIG, make_gateway
from scripts.benchmarks.http_stand import CREDENTIAL, Stand, inside, standing
from scripts.benchmarks.machine import describe
from scripts.benchmarks.many_routes import CALLED_PATH, instance, make_routes
from scripts.benchmarks.options import Asked, Defaults
from scripts.benchmarks.paced_load import PacedPlan, run_load
from scripts.benchmarks.peers import Peer, make_backend
from scripts.benchmarks.rounds import BenchFailed, blamed_on, turns
from scripts.benchmarks.tools import Say

NAME = "reload"
HELP = "calls while the configuration is written anew each second"
DEFAULTS = Defaults(rounds=5, seconds=5, peers=("tentaculo",))
COUNTS = (10, 1_000)
RATE = 1000
CONFIG = "routes-tentaculo.yaml"
PERIOD_SECONDS = 1.0
PAUSE_SECONDS = 0.5  # a reload begins and ends within it
SETTLE_SECONDS = 10.0  # within which the last content must be in effect
RELOADS = r'^tentaculo_config_reloads_total\{outcome="applied"\} (\S+)$'
REJECTED = RELOADS.replace("applied", "rejected")
EXTRA = "\n  - {name: extra, path: /extra, upstream: backend}"
MEDIAN, P99, LONGEST = "latency median, ms", "latency p99, ms", "latency longest, ms"
CPU = "CPU per call, μs"
FAILED, SEEN = "failed calls", "reloads seen"
COLUMNS = (
    Column(MEDIAN, ".3f"),
    Column(P99, ".3f"),
    Column(LONGEST, ".1f"),
    Column(FAILED),
    Column(SEEN),
    Column(CPU, ".1f"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A number of routes, with or without reloads."""

    count: int
    reloads: bool

    @property
    def name(self) -> str:
        """Both, as people read them."""
        return f"tentaculo, {self.count:,} routes, {'reloading' if self.reloads else 'at rest'}"


ROWS = tuple(Row(count, reloads) for count in COUNTS for reloads in (False, True))
GOALS = tuple(
    Goal(figure=figure, subject=Row(count, True).name, against=Row(count, False).name)
    for count in COUNTS
    for figure in (MEDIAN, P99, LONGEST)
)


class Rewriter:
    """Writes one of two contents into a file in turn, as editors do: a new file in its place."""

    def __init__(self, file: Path, extra: str) -> None:
        self._file = file
        self._contents = (file.read_text(), file.read_text() + extra + "\n")
        self._stop = threading.Event()
        self._written = 0

    @contextlib.contextmanager
    def writing(self, period: float) -> Iterator[None]:
        """Write once in each period until the end of the block."""
        self._stop.clear()
        thread = threading.Thread(target=self._write_on, args=(period,), name="rewriter")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def write(self) -> None:
        """Write the content that is not there now."""
        self._written += 1
        new = self._file.with_suffix(".new")
        new.write_text(self._contents[self._written % 2])
        new.replace(self._file)

    def _write_on(self, period: float) -> None:
        while not self._stop.wait(period):
            self.write()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the rate."""
    parser.add_argument("--rate", type=int, default=RATE, help=f"calls a second ({RATE})")


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure and return the one table; raise BenchFailed where a call failed, or ToolMissing."""
    with standing(asked.form, say) as stand:
        stand.start_backend(make_backend(stand.place))
        writers: dict[int, Rewriter] = {}
        for count in COUNTS:
            place = inside(stand.place, instance(count))
            stand.start(instance(count), make_gateway(place, CONFIG, ROUTES=make_routes(count)))
            writers[count] = Rewriter(place.folder / GATEWAY_CONFIG / CONFIG, EXTRA)
        measured = tuple(_rounds(stand, writers, asked, say))
    version = stand.peers[instance(COUNTS[0])].version
    return [
        Result(
            name=NAME,
            title=f"Reloads each second: {asked.own.rate:,} calls/s, "
            f"{asked.rounds} rounds of {asked.seconds} s",
            machine=describe(),
            rows=[row.name for row in ROWS],
            versions={row.name: version for row in ROWS},
            columns=COLUMNS,
            measurements=measured,
            goals=GOALS,
        )
    ]


def read_metric(peer: Peer, pattern: str) -> float:
    """Return the sum of what `pattern` finds in a gateway's metrics."""
    assert peer.features is not None
    port, path = peer.features.metrics_port, peer.features.metrics_path
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path)
        return count_total(connection.getresponse().read().decode(), pattern)


def check(row: Row, figures: Mapping[str, float]) -> None:
    """Raise BenchFailed where a call failed, or where there were no reloads to measure."""
    if figures[FAILED]:
        raise BenchFailed(f"{row.name}: {figures[FAILED]:.0f} calls failed.")
    if row.reloads and not figures[SEEN]:
        raise BenchFailed(f"{row.name}: no reload was seen.")


def _rounds(stand: Stand, writers: dict[int, Rewriter], asked: Asked, say: Say) -> Iterator[Measurement]:
    for number, row in turns(ROWS, asked.rounds):
        with blamed_on(row.name):
            figures = _measure(stand, row, writers[row.count], asked)
        say(
            f"round {number + 1}/{asked.rounds}, {row.name}: {figures[P99]:.3f} ms p99, "
            f"{figures[LONGEST]:.1f} ms longest, {figures[SEEN]:.0f} reloads"
        )
        check(row, figures)
        yield Measurement(row=row.name, round=number, figures=figures)


def _measure(stand: Stand, row: Row, writer: Rewriter, asked: Asked) -> dict[str, float]:
    name, peer = instance(row.count), stand.peers[instance(row.count)]
    before = read_metric(peer, RELOADS)
    plan = PacedPlan(
        port=peer.port, rate=asked.own.rate, seconds=asked.seconds, credential=CREDENTIAL, path=CALLED_PATH
    )
    writing = writer.writing(PERIOD_SECONDS) if row.reloads else contextlib.nullcontext()
    with stand.costing(name) as cost, writing:
        load = run_load(plan, stand.place.form.python, stand.load_pin)
    stand.count(name, load.calls)
    return {
        MEDIAN: load.median_ms,
        P99: load.p99_ms,
        LONGEST: load.max_ms,
        FAILED: load.failed,
        SEEN: _settled(peer) - before,
        CPU: cost.cpu_seconds / plan.calls * 1e6,
    }


def _settled(peer: Peer) -> float:
    """Return how many reloads a gateway has applied, once that grows no more."""
    until, seen = time.monotonic() + SETTLE_SECONDS, -1.0
    while (now := read_metric(peer, RELOADS)) != seen and time.monotonic() < until:
        seen = now
        time.sleep(PAUSE_SECONDS)
    if read_metric(peer, REJECTED):
        raise BenchFailed("a content was rejected")
    return seen
