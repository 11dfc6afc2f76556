"""`calls-big`: what big bodies cost, up and down, in CPU time for each byte and in memory.

Before anything is measured each peer has carried a body both ways unchanged.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.benchmarks.big_backend import CHECKED_PATH, DOWN_PATH, make_body
from scripts.benchmarks.big_load import BigPlan, run_load
from scripts.benchmarks.features import FeatureMissing, check_features
from scripts.benchmarks.figures import Column, Goal, Measurement, Result
from scripts.benchmarks.form import PROJECT
from scripts.benchmarks.http_peers import make_big_nginx, make_gateway
from scripts.benchmarks.http_stand import CREDENTIAL, MEBIBYTE, MEMORY, Stand, inside, standing
from scripts.benchmarks.machine import describe
from scripts.benchmarks.options import Asked, Defaults
from scripts.benchmarks.peers import TOKEN, TOKEN_HEADER, Peer, Place, make_envoy
from scripts.benchmarks.rounds import blamed_on, turns
from scripts.benchmarks.tools import Say

NAME = "calls-big"
HELP = "big bodies, up and down"
DEFAULTS = Defaults(rounds=5, seconds=2, peers=("tentaculo", "nginx", "envoy"))
MAKERS = {"tentaculo": make_gateway, "nginx": make_big_nginx, "envoy": make_envoy}
CHECKED_BYTES = 3 * MEBIBYTE + 1
CONNECTIONS = 4
LEAST = 0.5  # of nginx's bytes for each CPU-second
PER_CPU = "MiB per CPU-second"
COLUMNS = (Column(PER_CPU), Column("MiB/s"), Column("cores used", ".2f"), Column(MEMORY, ".1f"))


@dataclass(frozen=True, slots=True)
class Way:
    """Bodies of one size in one direction."""

    name: str
    size: int
    up: bool


WAYS = (
    Way("1 MiB down", MEBIBYTE, False),
    Way("100 MiB down", 100 * MEBIBYTE, False),
    Way("1 MiB up", MEBIBYTE, True),
    Way("100 MiB up", 100 * MEBIBYTE, True),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add none."""


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure and return the one table; raise BenchFailed or ToolMissing."""
    with standing(asked.form, say) as stand:
        stand.start_backend(make_backend(stand.place))
        for name in asked.peers:
            stand.start(name, MAKERS[name](inside(stand.place, name)), check_bodies)
        measured = tuple(_rounds(stand, asked, say))
    return [
        Result(
            name=NAME,
            title=f"Big bodies on {CONNECTIONS} keep-alive connections, "
            f"{asked.rounds} rounds of {asked.seconds} s",
            machine=describe(),
            rows=[row(peer, way) for way in WAYS for peer in asked.peers],
            versions={row(peer, way): stand.peers[peer].version for way in WAYS for peer in asked.peers},
            columns=COLUMNS,
            measurements=measured,
            goals=tuple(goals(asked.peers)),
        )
    ]


def make_backend(place: Place) -> Peer:
    """Return the backend that sends and swallows bodies."""
    command = (place.form.python, "-m", "scripts.benchmarks.big_backend", f"--port={place.backend_port}")
    return Peer(
        name="backend",
        version="uvloop",
        command=command,
        port=place.backend_port,
        output=place.folder / "backend.out",
        folder=PROJECT,
    )


def check_bodies(peer: Peer) -> None:
    """Raise FeatureMissing unless a peer has its features and carries a body unchanged, up and down."""
    check_features(peer)
    body, headers = make_body(CHECKED_BYTES), {TOKEN_HEADER: TOKEN}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", peer.port, timeout=10)) as connection:
        connection.request("GET", f"{DOWN_PATH}{CHECKED_BYTES}", headers=headers)
        if connection.getresponse().read() != body:
            raise FeatureMissing("a body changed on its way down")
        connection.request("POST", CHECKED_PATH, body=body, headers=headers)
        if connection.getresponse().read() != b"%d %d" % (len(body), zlib.crc32(body)):
            raise FeatureMissing("a body changed on its way up")


def row(peer: str, way: Way) -> str:
    """Return the name of a row."""
    return f"{peer}, {way.name}"


def goals(peers: Sequence[str]) -> Iterator[Goal]:
    """Yield what the gateway is compared with, each way; against nginx there is a bound."""
    for way in WAYS if "tentaculo" in peers else ():
        for against in peers:
            if against != "tentaculo":
                yield Goal(
                    figure=PER_CPU,
                    subject=row("tentaculo", way),
                    against=row(against, way),
                    at_least=LEAST if against == "nginx" else None,
                )


def _rounds(stand: Stand, asked: Asked, say: Say) -> Iterator[Measurement]:
    for number, (way, peer) in turns([(way, peer) for way in WAYS for peer in asked.peers], asked.rounds):
        figures = _measure(stand, peer, way, asked)
        say(f"round {number + 1}/{asked.rounds}, {row(peer, way)}: {figures[PER_CPU]:,.0f} {PER_CPU}")
        yield Measurement(row=row(peer, way), round=number, figures=figures)


def _measure(stand: Stand, peer: str, way: Way, asked: Asked) -> dict[str, float]:
    plan = BigPlan(
        port=stand.peers[peer].port,
        size=way.size,
        up=way.up,
        seconds=asked.seconds,
        credential=CREDENTIAL,
        connections=CONNECTIONS,
    )
    with blamed_on(row(peer, way)), stand.costing(peer) as cost:
        load = run_load(plan, stand.place.form.python, stand.load_pin)
    stand.count(peer, load.bodies)
    carried = load.bodies * way.size / MEBIBYTE
    return {
        PER_CPU: carried / cost.cpu_seconds,
        "MiB/s": carried / load.seconds,
        "cores used": cost.cpu_seconds / load.seconds,
        MEMORY: cost.memory,
    }
