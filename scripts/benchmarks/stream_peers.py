"""What the benchmarks of streams measure: each peer in each way that it can serve, with its configuration.

All are one worker on plain HTTP in front of the same backend, check the token, log a JSON line for each
stream and count. A further peer is a function that returns its Peer, and a row.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from scripts.benchmarks import tools
from scripts.benchmarks.nchan import find_nchan, nchan_version
from scripts.benchmarks.peers import (
    ASK_VERSION,
    TOKEN,
    Features,
    Peer,
    Place,
    nginx_peer,
    write_config,
)

PATH = "/operator/api/events/stream"
RELAYED = "{heartbeat: null, max_age: null}"
UNGATHERED = "{gather: null, heartbeat: null, max_age: null}"
SHARED = "{shared: true, heartbeat: null, max_age: null}"
BEATING = "{heartbeat: 15s, max_age: null}"
SHARED_BEATING = "{shared: true, heartbeat: 15s, max_age: null}"
SPARE_CONNECTIONS = 50  # for the gateway's own, and those that are about to end
GATEWAY_COUNTER = r"^\w*requests_total(?:\{.*\})? (\S+)$"
NGINX_COUNTER = r"^ \d+ \d+ (\d+)\s*$"

Make = Callable[[Place, int], Peer]  # the number is how many streams it must hold


class Feed(Enum):
    """Where the events of a row's clients come from."""

    OWN = "a stream of the backend for each, at moments of their own"
    TOGETHER = "a stream of the backend for each, at the same moment"
    ONE = "one stream of the backend"
    HUB = "messages that the backend publishes"


@dataclass(frozen=True, slots=True)
class Row:
    """A peer in one of its ways: what a measurement and a line of the table belong to."""

    name: str
    make: Make
    feed: Feed = Feed.OWN

    @property
    def peer(self) -> str:
        """The name without the way."""
        return self.name.partition(",")[0]


def make_gateway(place: Place, streams: int, *, stream: str) -> Peer:
    """Return this gateway; `stream` are its options of that name."""
    form = place.form
    port, admin = next(place.ports), next(place.ports)
    values = _values(place, streams, port=port, admin=admin) | {"STREAM": stream}
    config = write_config(place.folder, "streams-tentaculo.yaml", values)
    log = place.folder / "tentaculo.log"
    return Peer(
        name="tentaculo",
        version="this tree, " + tools.version([form.python, "-c", ASK_VERSION], form.folder),
        command=(form.python, "-m", "tentaculo", "serve", "--config", str(config)),
        port=port,
        output=log,
        folder=form.folder,
        features=_features(log, admin, GATEWAY_COUNTER),
    )


def make_nginx(place: Place, streams: int, *, config: str = "streams-nginx.conf", module: str = "") -> Peer:
    """Return nginx, unbuffered as its documentation says for event streams."""
    port, admin = next(place.ports), next(place.ports)
    log = place.folder / "nginx.log"
    values = _values(place, streams, port=port, admin=admin) | {"LOG": str(log), "MODULE": module}
    peer = nginx_peer(place, config, values, port)
    return dataclasses.replace(peer, features=_features(log, admin, NGINX_COUNTER))


def make_nchan(place: Place, streams: int) -> Peer:
    """Return nginx as a hub, which sends all its clients what is published."""
    module = find_nchan(place.say)
    peer = make_nginx(place, streams, config="streams-nchan.conf", module=str(module))
    return dataclasses.replace(peer, name="nchan", version=nchan_version())


def make_envoy(place: Place, streams: int) -> Peer:
    """Return Envoy with one worker and without timeouts."""
    envoy = tools.find_envoy(place.say)
    port, admin = next(place.ports), next(place.ports)
    log = place.folder / "envoy.log"
    values = _values(place, streams, port=port, admin=admin) | {"LOG": str(log)}
    config = write_config(place.folder, "streams-envoy.yaml", values)
    # Hot restart is off: it would bind a socket that other instances on this machine may hold.
    options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
    counter = r'^envoy_http_downstream_rq_total\{envoy_http_conn_manager_prefix="streams"\} (\d+)$'
    return Peer(
        name="envoy",
        version="Envoy " + tools.version([envoy, "--version"]).split("/")[-4],
        command=(envoy, "--config-path", str(config), *options, "--file-flush-interval-msec", "100"),
        port=port,
        output=place.folder / "envoy.out",
        features=_features(log, admin, counter, "/stats/prometheus"),
    )


def make_caddy(place: Place, streams: int) -> Peer:
    """Return Caddy, which flushes each event at once, on one core."""
    caddy = tools.find_debian("caddy", place.say)
    port, admin = next(place.ports), next(place.ports)
    log = place.folder / "caddy.log"
    values = _values(place, streams, port=port, admin=admin) | {"LOG": str(log)}
    config = write_config(place.folder, "streams-Caddyfile", values)
    settings = ("GOMAXPROCS=1", f"XDG_CONFIG_HOME={place.folder}", f"XDG_DATA_HOME={place.folder}")
    return Peer(
        name="caddy",
        version="Caddy " + tools.version([caddy, "version"]),
        command=("env", *settings, caddy, "run", "--config", str(config), "--adapter", "caddyfile"),
        port=port,
        output=place.folder / "caddy.out",
        features=_features(log, admin, r"^caddy_http_requests_total\{.*\} (\S+)$"),
    )


def make_haproxy(place: Place, streams: int, *, option: str = "") -> Peer:
    """Return HAProxy on one thread; its log goes to stdout, which is the log file."""
    haproxy = tools.find_debian("haproxy", place.say)
    port, admin = next(place.ports), next(place.ports)
    log = place.folder / "haproxy.log"
    values = _values(place, streams, port=port, admin=admin) | {"OPTION": option}
    config = write_config(place.folder, "streams-haproxy.cfg", values)
    counter = r'^haproxy_frontend_http_requests_total\{proxy="streams"\} (\d+)$'
    return Peer(
        name="haproxy",
        version=tools.version([haproxy, "-v"]).partition(" 20")[0],
        command=(haproxy, "-db", "-f", str(config)),
        port=port,
        output=log,
        features=_features(log, admin, counter),
    )


make_relayed = functools.partial(make_gateway, stream=RELAYED)
make_ungathered = functools.partial(make_gateway, stream=UNGATHERED)
make_shared = functools.partial(make_gateway, stream=SHARED)
make_beating = functools.partial(make_gateway, stream=BEATING)
make_shared_beating = functools.partial(make_gateway, stream=SHARED_BEATING)
make_no_delay = functools.partial(make_haproxy, option="option http-no-delay")

RELAYING = (
    Row("tentaculo", make_relayed),
    Row("tentaculo, ungathered", make_ungathered),
    Row("nginx", make_nginx),
    Row("envoy", make_envoy),
    Row("caddy", make_caddy),
    Row("haproxy", make_haproxy),
    Row("haproxy, no-delay", make_no_delay),
)
SHARING = (
    Row("tentaculo, shared", make_shared, Feed.ONE),
    Row("nginx", make_nginx),
    Row("nginx, at once", make_nginx, Feed.TOGETHER),
    Row("haproxy", make_haproxy),
    Row("haproxy, no-delay", make_no_delay),
    Row("nchan", make_nchan, Feed.HUB),
)
IDLING = (
    Row("tentaculo", make_beating),
    Row("tentaculo, shared", make_shared_beating, Feed.ONE),
    Row("nginx", make_nginx),
)


def peers_of(rows: tuple[Row, ...]) -> tuple[str, ...]:
    """Return the names of the peers that have rows, each once."""
    return tuple(dict.fromkeys(row.peer for row in rows))


def _features(log: Path, port: int, counter: str, path: str = "/metrics") -> Features:
    return Features(log=log, metrics_port=port, metrics_path=path, counter=counter)


def _values(place: Place, streams: int, *, port: int, admin: int) -> dict[str, str]:
    return {
        "PORT": str(port),
        "ADMIN": str(admin),
        "BACKEND": str(place.backend_port),
        "TOKEN": TOKEN,
        "STREAMS": str(streams + SPARE_CONNECTIONS),
        "CONNECTIONS": str(2 * streams + streams // 2 + SPARE_CONNECTIONS),  # nginx keeps a sixteenth free
    }
