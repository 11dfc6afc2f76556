"""`calls-new`: what a connection costs that is made for one call, and what TLS costs, new or kept alive.

All have the same features. A peer with TLS is another instance than the one without; its features are those
of the same configuration, so only its answers and its log are checked.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.benchmarks.features import PROBE_PATH, REFUSALS, FeatureMissing, check_features
from scripts.benchmarks.figures import Column, Goal, Measurement, Result
from scripts.benchmarks.handshake_load import HandshakePlan, make_context, run_load
from scripts.benchmarks.http_stand import CREDENTIAL, MEMORY, PER_CPU_SECOND, Cost, Stand, inside, standing
from scripts.benchmarks.machine import describe
from scripts.benchmarks.options import Asked, Defaults
from scripts.benchmarks.peers import BODY, REPLY_BYTES, TOKEN, TOKEN_HEADER, Peer, make_backend
from scripts.benchmarks.rounds import blamed_on, turns
from scripts.benchmarks.tls_peers import LISTENERS, make_certificate, make_secured
from scripts.benchmarks.tools import Say, find_debian
from scripts.benchmarks.wrk import LoadPlan

NAME = "calls-new"
HELP = "a new connection for each call, and TLS"
DEFAULTS = Defaults(rounds=5, seconds=2, peers=tuple(LISTENERS))
CONNECTIONS = 64
CLIENTS = 8  # of the load that shakes hands: each is a process, and waits for its peer
PER_SECOND, CORES = "requests/s", "cores used"
COLUMNS = (Column(PER_SECOND), Column(PER_CPU_SECOND), Column(CORES, ".2f"), Column(MEMORY, ".1f"))


@dataclass(frozen=True, slots=True)
class Way:
    """How calls come: over TLS or not, each on a connection of its own or not."""

    name: str
    tls: bool
    anew: bool


WAYS = (
    Way("new connection", tls=False, anew=True),
    Way("new TLS connection", tls=True, anew=True),
    Way("TLS kept alive", tls=True, anew=False),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add none."""


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure and return the one table; raise BenchFailed or ToolMissing."""
    find_debian("wrk", say)
    with standing(asked.form, say) as stand:
        start_all(stand, asked.peers)
        measured = tuple(_rounds(stand, asked, say))
    return [
        Result(
            name=NAME,
            title=f"New connections and TLS: {REPLY_BYTES}-byte replies, {asked.rounds} rounds of "
            f"{asked.seconds} s",
            machine=describe(),
            rows=[row(peer, way) for way in WAYS for peer in asked.peers],
            versions={
                row(peer, way): stand.peers[instance(peer, way)].version
                for way in WAYS
                for peer in asked.peers
            },
            columns=COLUMNS,
            measurements=measured,
            goals=tuple(goals(asked.peers)),
            remarks=(
                "The certificate has an ECDSA key on P-256. New TLS connections are of TLS 1.3, and no "
                "session is taken up again; those kept alive are of TLS 1.2, which is what wrk speaks.",
            ),
        )
    ]


def start_all(stand: Stand, peers: Sequence[str]) -> None:
    """Run the backend, and each peer without and with TLS."""
    stand.start_backend(make_backend(stand.place))
    certificate = make_certificate(stand.place.folder, stand.place.say)
    for name in peers:
        plain, secured = (instance(name, way) for way in WAYS[:2])
        stand.start(plain, LISTENERS[name].make(inside(stand.place, plain)), check_features)
        stand.start(secured, make_secured(name, inside(stand.place, secured), certificate), check_answers)


def check_answers(peer: Peer) -> None:
    """Raise FeatureMissing unless a peer answers over TLS, and refuses who has no token."""
    for token in (TOKEN, "wrong-token-of-this-length", None):
        connection = http.client.HTTPSConnection("127.0.0.1", peer.port, timeout=5, context=make_context())
        with contextlib.closing(connection):
            connection.request("GET", PROBE_PATH, headers={TOKEN_HEADER: token} if token else {})
            reply = connection.getresponse()
            body = reply.read().decode()
        good = (reply.status, body) == (200, BODY) if token == TOKEN else reply.status in REFUSALS
        if not good:
            raise FeatureMissing(f"it answered {reply.status} with {len(body)} bytes over TLS")


def instance(peer: str, way: Way) -> str:
    """Return the name of the instance that serves a way."""
    return f"{peer}-tls" if way.tls else peer


def row(peer: str, way: Way) -> str:
    """Return the name of a row."""
    return f"{peer}, {way.name}"


def goals(peers: Sequence[str]) -> Iterator[Goal]:
    """Yield what the gateway is compared with, each way; nothing is bound."""
    for way in WAYS if "tentaculo" in peers else ():
        for against in peers:
            if against != "tentaculo":
                yield Goal(figure=PER_CPU_SECOND, subject=row("tentaculo", way), against=row(against, way))


def _rounds(stand: Stand, asked: Asked, say: Say) -> Iterator[Measurement]:
    for number, (way, peer) in turns([(way, peer) for way in WAYS for peer in asked.peers], asked.rounds):
        measure = _shake_hands if way.tls and way.anew else _press
        calls, seconds, cost = measure(stand, peer, way, asked.seconds)
        figures = {
            PER_SECOND: calls / seconds,
            PER_CPU_SECOND: calls / cost.cpu_seconds,
            CORES: cost.cpu_seconds / seconds,
            MEMORY: cost.memory,
        }
        shown = f"{figures[PER_CPU_SECOND]:,.0f} per CPU-second"
        say(f"round {number + 1}/{asked.rounds}, {row(peer, way)}: {shown}")
        yield Measurement(row=row(peer, way), round=number, figures=figures)


def _press(stand: Stand, peer: str, way: Way, seconds: int) -> tuple[int, float, Cost]:
    close = (("Connection", "close"),) if way.anew else ()
    plan = LoadPlan(
        seconds=seconds,
        connections=CONNECTIONS,
        threads=stand.load_threads,
        headers=((TOKEN_HEADER, TOKEN), *close),
        scheme="https" if way.tls else "http",
    )
    load, cost = stand.wrk(instance(peer, way), plan)
    return load.requests, load.seconds, cost


def _shake_hands(stand: Stand, peer: str, way: Way, seconds: int) -> tuple[int, float, Cost]:
    name = instance(peer, way)
    plan = HandshakePlan(port=stand.peers[name].port, clients=CLIENTS, seconds=seconds, credential=CREDENTIAL)
    with blamed_on(row(peer, way)), stand.costing(name) as cost:
        load = run_load(plan, stand.place.form.python, stand.load_pin)
    stand.count(name, load.calls)
    return load.calls, load.seconds, cost
