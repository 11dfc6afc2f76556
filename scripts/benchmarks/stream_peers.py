"""What `streams` measures: each peer in each way that it can serve, with its configuration written out.

All are one worker on plain HTTP in front of the same backend, check the token, log JSON and count. A further
peer is a function that returns its Peer, and a line in MAKERS.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scripts.benchmarks import tools
from scripts.benchmarks.peers import ASK_VERSION, TOKEN, Peer, Place, nginx_peer, write_config

PATH = "/operator/api/events/stream"
RELAYED = "relayed"  # each client has an upstream stream of its own
SHARED = "shared"  # all clients are fed from one
CASES = (RELAYED, SHARED)
GATEWAY_OPTIONS = {
    RELAYED: "{heartbeat: null, max_age: null}",
    SHARED: "{shared: true, heartbeat: null, max_age: null}",
}
SPARE_CONNECTIONS = 500


Make = Callable[[Place, int], Peer]  # the number is how many streams it must hold


def make_relayed(place: Place, streams: int) -> Peer:
    """Return this gateway with an upstream stream for each client."""
    return _make_tentaculo(place, streams, RELAYED)


def make_shared(place: Place, streams: int) -> Peer:
    """Return this gateway with one upstream stream for all clients."""
    return _make_tentaculo(place, streams, SHARED)


def make_nginx(place: Place, streams: int) -> Peer:
    """Return nginx, unbuffered as its documentation says for event streams."""
    place = _inside(place, "nginx")
    port, admin = next(place.ports), next(place.ports)
    values = _values(place, streams, port=port, admin=admin) | {"LOG": str(place.folder / "nginx.log")}
    return nginx_peer(place, "streams-nginx.conf", values, port)


MAKERS: Mapping[str, Mapping[str, Make]] = {
    "tentaculo": {RELAYED: make_relayed, SHARED: make_shared},
    "nginx": {RELAYED: make_nginx},
}


@dataclass(frozen=True, slots=True)
class Row:
    """A peer in one of its ways: what a sample and a line of the table belong to."""

    peer: str
    case: str

    @property
    def name(self) -> str:
        """Both, as people read them."""
        return f"{self.peer}, {self.case}"


def choose_rows(peers: Sequence[str], cases: Sequence[str]) -> tuple[Row, ...]:
    """Return what to measure: where a peer can't share, relaying gives its clients the same."""
    rows = []
    for peer in peers:
        for case in cases:
            if case in MAKERS[peer]:
                rows.append(Row(peer, case))
            elif RELAYED in MAKERS[peer]:
                rows.append(Row(peer, RELAYED))
    return tuple(dict.fromkeys(rows))


def _make_tentaculo(place: Place, streams: int, case: str) -> Peer:
    place, form = _inside(place, f"tentaculo-{case}"), place.form
    port, admin = next(place.ports), next(place.ports)
    values = _values(place, streams, port=port, admin=admin) | {"STREAM": GATEWAY_OPTIONS[case]}
    config = write_config(place.folder, "streams-tentaculo.yaml", values)
    return Peer(
        name="tentaculo",
        version="this tree, " + tools.version([form.python, "-c", ASK_VERSION], form.folder),
        command=(form.python, "-m", "tentaculo", "serve", "--config", str(config)),
        port=port,
        output=place.folder / "tentaculo.log",
        folder=form.folder,
    )


def _inside(place: Place, name: str) -> Place:
    folder = place.folder / name
    folder.mkdir()
    return dataclasses.replace(place, folder=folder)


def _values(place: Place, streams: int, *, port: int, admin: int) -> dict[str, str]:
    return {
        "PORT": str(port),
        "ADMIN": str(admin),
        "BACKEND": str(place.backend_port),
        "TOKEN": TOKEN,
        "STREAMS": str(streams + SPARE_CONNECTIONS),
        "CONNECTIONS": str(2 * streams + SPARE_CONNECTIONS),
    }
