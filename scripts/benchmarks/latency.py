"""`latency`: what a proxy adds to the time of a call, at the same fixed rates for all.

The rates are half of what each peer can do. Each round also calls the backend alone, and what that takes is
no proxy's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scripts.benchmarks.figures import Column, Goal, Measurement, Result
from scripts.benchmarks.http_peers import make_gateway
from scripts.benchmarks.http_stand import CREDENTIAL, Stand, inside, standing
from scripts.benchmarks.machine import describe
from scripts.benchmarks.options import Asked, Defaults
from scripts.benchmarks.paced_load import PacedLoad, PacedPlan, run_load
from scripts.benchmarks.peers import REPLY_BYTES, TOKEN, TOKEN_HEADER, make_backend, make_nginx
from scripts.benchmarks.rounds import BenchFailed, blamed_on, turns
from scripts.benchmarks.tools import Say, find_debian
from scripts.benchmarks.wrk import LoadPlan

NAME = "latency"
HELP = "what a proxy adds to the time of a call, at a fixed rate"
DEFAULTS = Defaults(rounds=10, seconds=2, peers=("tentaculo", "nginx"))
BACKEND = "backend"
MAKERS = {"tentaculo": make_gateway, "nginx": make_nginx}
CONNECTIONS = 64
SATURATION_SECONDS = 2
SHARE = 0.5  # of a saturation
HIGHEST_SHARE = 0.9  # of any peer's saturation: beyond that its queue is measured
LATE_MS = 1.0  # a load that is later than that at its 99th percentile measures itself
MEDIAN, P99 = "latency median, ms", "latency p99, ms"
ADDED = {MEDIAN: "added latency median, ms", P99: "added latency p99, ms"}
CPU = "CPU per call, μs"
COLUMNS = (*(Column(figure, ".3f") for figure in (*ADDED.values(), MEDIAN, P99)), Column(CPU, ".1f"))


@dataclass(frozen=True, slots=True)
class Row:
    """A peer, or the backend alone, at half of what `base` can do."""

    peer: str
    base: str

    @property
    def name(self) -> str:
        """Both, as people read them."""
        return f"{self.peer}, at half of {self.base}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A load, and the peer's CPU time for each of its calls in seconds."""

    load: PacedLoad
    cpu_seconds: float

    @property
    def figures(self) -> dict[str, float]:
        """What it shows by itself."""
        return {MEDIAN: self.load.median_ms, P99: self.load.p99_ms, CPU: self.cpu_seconds * 1e6}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add none."""


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure and return the one table; raise BenchFailed or ToolMissing."""
    find_debian("wrk", say)
    remarks: list[str] = []
    with standing(asked.form, say) as stand:
        stand.start_backend(make_backend(stand.place))
        for name in asked.peers:
            stand.start(name, MAKERS[name](inside(stand.place, name)))
        rates = choose_rates({name: saturation(stand, name) for name in asked.peers}, remarks)
        rows = [Row(peer, base) for base in rates for peer in (BACKEND, *asked.peers)]
        loads = dict(_rounds(stand, rows, rates, asked, remarks))
    for row in rows:
        if not any(row == measured for measured, _ in loads):
            raise BenchFailed(f"{row.name} can't be measured: the load was late in every round.")
    return [
        Result(
            name=NAME,
            title=f"Added latency: {REPLY_BYTES}-byte replies at a fixed rate over {CONNECTIONS} keep-alive "
            f"connections, {asked.rounds} rounds of {asked.seconds} s",
            machine=describe(),
            rows=[row.name for row in rows],
            versions={row.name: stand.peers[row.peer].version for row in rows},
            columns=COLUMNS,
            measurements=tuple(measurements(loads)),
            goals=tuple(goals(asked.peers, tuple(rates))),
            remarks=tuple(remarks),
        )
    ]


def saturation(stand: Stand, name: str) -> float:
    """Return how many calls a second a peer answers when it is pressed as hard as can be."""
    load, _ = stand.wrk(
        name,
        LoadPlan(
            seconds=SATURATION_SECONDS,
            connections=CONNECTIONS,
            threads=stand.load_threads,
            headers=((TOKEN_HEADER, TOKEN),),
        ),
    )
    return load.requests / load.seconds


def choose_rates(saturations: Mapping[str, float], remarks: list[str]) -> dict[str, float]:
    """Return half of each saturation where no peer is too slow for it; add what to say of them."""
    highest, rates = HIGHEST_SHARE * min(saturations.values()), {}
    for name, most in saturations.items():
        half = SHARE * most
        said = f"Half of what {name} can do is {half:,.0f} calls/s"
        if half <= highest:
            rates[name] = half
            remarks.append(f"{said}.")
        else:
            remarks.append(f"{said}, too many for another peer: that is left out.")
    return rates


def measurements(loads: Mapping[tuple[Row, int], Seen]) -> Iterator[Measurement]:
    """Yield the figures of each load, with what was added to the backend's of the same round."""
    for (row, number), seen in loads.items():
        figures = seen.figures
        alone = loads.get((Row(BACKEND, row.base), number))
        if alone is not None and row.peer != BACKEND:
            figures |= {added: figures[what] - alone.figures[what] for what, added in ADDED.items()}
        yield Measurement(row=row.name, round=number, figures=figures)


def goals(peers: Sequence[str], bases: Sequence[str]) -> Iterator[Goal]:
    """Yield what is compared: at half of the gateway's saturation there is a bound."""
    if "tentaculo" not in peers:
        return
    for base in bases:
        for against in peers:
            bound = 2.0 if (base, against) == ("tentaculo", "nginx") else None
            for figure in ADDED.values() if against != "tentaculo" else ():
                subject = Row("tentaculo", base).name
                yield Goal(figure=figure, subject=subject, against=Row(against, base).name, at_most=bound)


def _rounds(
    stand: Stand, rows: Sequence[Row], rates: Mapping[str, float], asked: Asked, remarks: list[str]
) -> Iterator[tuple[tuple[Row, int], Seen]]:
    for number, row in turns(rows, asked.rounds):
        seen = _measure(stand, row.peer, rates[row.base], asked)
        load = seen.load
        if load.late_ms > LATE_MS:
            remarks.append(
                f"Round {number + 1} of {row.name} is void: the load was {load.late_ms:.1f} ms late."
            )
            stand.place.say(remarks[-1])
            continue
        times = f"{load.median_ms:.3f} ms median, {load.p99_ms:.3f} ms p99"
        stand.place.say(f"round {number + 1}/{asked.rounds}, {row.name}: {times}")
        yield (row, number), seen


def _measure(stand: Stand, name: str, rate: float, asked: Asked) -> Seen:
    plan = PacedPlan(
        port=stand.peers[name].port,
        rate=rate,
        seconds=asked.seconds,
        credential=CREDENTIAL,
        connections=CONNECTIONS,
    )
    with blamed_on(name), stand.costing(name) as cost:
        load = run_load(plan, stand.place.form.python, stand.load_pin)
    if load.failed:
        raise BenchFailed(f"{name} can't be measured: {load.failed} of {load.calls} calls failed.")
    stand.count(name, load.calls)
    return Seen(load, cost.cpu_seconds / plan.calls)
