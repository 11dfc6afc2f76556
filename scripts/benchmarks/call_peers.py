"""The peers of `calls` beyond those of `peers`: HAProxy, Caddy, and each peer plain, which only forwards.

Each is one worker on one core, tuned as its own documentation advises; a row is a peer in one of its ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from scripts.benchmarks import tools
from scripts.benchmarks.http_peers import make_gateway
from scripts.benchmarks.http_stand import inside
from scripts.benchmarks.peers import (
    TOKEN,
    Features,
    Peer,
    Place,
    envoy_peer,
    make_envoy,
    make_nginx,
    make_obvious,
    nginx_peer,
    write_config,
)

FULL = "full"  # with header check, JSON log and counter
PLAIN = "plain"
WAYS = (FULL, PLAIN)
HAPROXY_COUNTER = r'^haproxy_frontend_http_requests_total\{proxy="calls"\} (\d+)$'
CADDY_COUNTER = r'^caddy_http_requests_total\{handler="reverse_proxy",server="\w+"\} (\S+)$'

Make = Callable[[Place], Peer]


def make_haproxy(place: Place) -> Peer:
    """Return HAProxy with the gateway's features; its log goes to stdout, which is the log file."""
    admin = next(place.ports)
    peer = haproxy_peer(place, "haproxy.cfg", admin)
    features = Features(log=peer.output, metrics_port=admin, metrics_path="/metrics", counter=HAPROXY_COUNTER)
    return replace(peer, features=features)


def make_plain_haproxy(place: Place) -> Peer:
    """Return HAProxy that only forwards."""
    return haproxy_peer(place, "plain-haproxy.cfg", next(place.ports))


def haproxy_peer(place: Place, config: str, admin: int) -> Peer:
    """Return HAProxy as `config` has it."""
    haproxy = tools.find_debian("haproxy", place.say)
    port = next(place.ports)
    file = write_config(place.folder, config, _values(place, port, admin))
    return Peer(
        name="haproxy",
        version=tools.version([haproxy, "-v"]).partition(" 20")[0],
        command=(haproxy, "-db", "-f", str(file)),
        port=port,
        output=place.folder / "haproxy.log",
    )


def make_caddy(place: Place) -> Peer:
    """Return Caddy with the gateway's features."""
    admin, log = next(place.ports), place.folder / "caddy.log"
    features = Features(log=log, metrics_port=admin, metrics_path="/metrics", counter=CADDY_COUNTER)
    return replace(caddy_peer(place, "Caddyfile", admin), features=features)


def make_plain_caddy(place: Place) -> Peer:
    """Return Caddy that only forwards."""
    return caddy_peer(place, "plain-Caddyfile", next(place.ports))


def caddy_peer(place: Place, config: str, admin: int) -> Peer:
    """Return Caddy as `config` has it, on one core."""
    caddy = tools.find_debian("caddy", place.say)
    port = next(place.ports)
    values = _values(place, port, admin) | {"LOG": str(place.folder / "caddy.log")}
    file = write_config(place.folder, config, values)
    kept = (f"XDG_{kind}_HOME={place.folder}" for kind in ("CONFIG", "DATA"))
    return Peer(
        name="caddy",
        version="Caddy " + tools.version([caddy, "version"]).split()[0],
        command=("env", "GOMAXPROCS=1", *kept, caddy, "run", "--adapter", "caddyfile", "--config", str(file)),
        port=port,
        output=place.folder / "caddy.out",
    )


def make_plain_tentaculo(place: Place) -> Peer:
    """Return this gateway on a public route, with a log level at which calls write no line."""
    return replace(make_gateway(place, "plain-tentaculo.yaml"), features=None)


def make_plain_nginx(place: Place) -> Peer:
    """Return nginx that only forwards."""
    port = next(place.ports)
    return nginx_peer(place, "plain-nginx.conf", _values(place, port, port), port)


def make_plain_envoy(place: Place) -> Peer:
    """Return Envoy that only forwards."""
    port = next(place.ports)
    return envoy_peer(place, "plain-envoy.yaml", _values(place, port, port), port)


MAKERS: Mapping[str, Mapping[str, Make]] = {
    "tentaculo": {FULL: make_gateway, PLAIN: make_plain_tentaculo},
    "nginx": {FULL: make_nginx, PLAIN: make_plain_nginx},
    "haproxy": {FULL: make_haproxy, PLAIN: make_plain_haproxy},
    "caddy": {FULL: make_caddy, PLAIN: make_plain_caddy},
    "envoy": {FULL: make_envoy, PLAIN: make_plain_envoy},
    "obvious": {PLAIN: make_obvious},
}


def choose_rows(peers: Sequence[str], ways: Sequence[str]) -> dict[str, Make]:
    """Return what to measure, by the names of the rows: features first; `obvious` in any way."""
    rows = ((peer, way) for way in WAYS for peer in peers if way in MAKERS[peer])
    return {name_of(peer, way): MAKERS[peer][way] for peer, way in rows if way in ways or peer == "obvious"}


def name_of(peer: str, way: str) -> str:
    """Return the name of a row; `obvious` has but one."""
    return peer if way == FULL or FULL not in MAKERS[peer] else f"{peer}, {PLAIN}"


def make_peer(place: Place, row: str, make: Make) -> Peer:
    """Return the peer of a row in a folder of its own."""
    return make(inside(place, row.replace(", ", "-")))


def _values(place: Place, port: int, admin: int) -> dict[str, str]:
    return {"PORT": str(port), "ADMIN": str(admin), "BACKEND": str(place.backend_port), "TOKEN": TOKEN}
