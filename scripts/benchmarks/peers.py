"""What is measured: each peer's command, ports, log and counter, with its configuration written out.

All are one worker on plain HTTP in front of the same backend. `obvious` has no features; the others check the
token, write one JSON line for each request and count. The gateway is in `http_peers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.benchmarks import tools
from scripts.benchmarks.form import PROJECT, Form

CONFIGS = Path(__file__).with_name("configs")
TOKEN = "bench-5f0c1d7a9e3b4826"  # made up, and given to every peer
TOKEN_HEADER = "X-VX11-Token"
REPLY_BYTES = 865
BODY = ('{"status":"ok","items":[' + '"0123456789abcdef",' * 64)[: REPLY_BYTES - 2] + "]}"
ASK_VERSION = """
import platform, tentaculo.relay.exchange as it
print("pure" if it.__file__.endswith(".py") else "compiled", end=", ")
print("Python", platform.python_version())
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run lives: its folder for configurations and logs, the backend's port and more ports.

    `form` says what runs the gateway and the obvious proxy, and which gateway that is.
    """

    folder: Path
    backend_port: int
    ports: Iterator[int]
    say: tools.Say
    form: Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """How to see a peer's features work: its log, the URL of its metrics, and the counter's pattern there."""

    log: Path
    metrics_port: int
    metrics_path: str
    counter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A program to start in `folder`; `output` takes its stdout; `features` is None for one that has none.

    Python runs what it finds in its working folder first, so each peer has to say which is its own.
    """

    name: str
    version: str
    command: tuple[str, ...]
    port: int
    output: Path
    folder: Path = PROJECT
    features: Features | None = None


def make_backend(place: Place) -> Peer:
    """Return the backend that all peers forward to."""
    nginx = tools.find_debian("nginx", place.say)
    config = write_config(place.folder, "backend.conf", {"PORT": str(place.backend_port), "BODY": BODY})
    return Peer(
        name="backend",
        version=nginx_version(nginx),
        command=(nginx, "-p", str(place.folder), "-e", "backend.err", "-c", str(config)),
        port=place.backend_port,
        output=place.folder / "backend.out",
    )


def make_obvious(place: Place) -> Peer:
    """Return the obvious aiohttp proxy, without features."""
    port = next(place.ports)
    upstream = f"http://127.0.0.1:{place.backend_port}"
    return Peer(
        name="obvious",
        version=tools.version(
            [
                place.form.python,
                "-c",
                "import aiohttp; print('aiohttp', aiohttp.__version__)",
            ]
        ),
        command=(
            place.form.python,
            "-m",
            "scripts.benchmarks.obvious_proxy",
            f"--port={port}",
            f"--upstream={upstream}",
        ),
        port=port,
        output=place.folder / "obvious.out",
    )


def make_nginx(place: Place) -> Peer:
    """Return nginx with the same features."""
    port, admin = next(place.ports), next(place.ports)
    log = place.folder / "nginx.log"
    features = Features(log=log, metrics_port=admin, metrics_path="/metrics", counter=r"^ \d+ \d+ (\d+)\s*$")
    values = _values(place, port, admin=admin) | {"LOG": str(log)}
    return replace(nginx_peer(place, "nginx.conf", values, port), features=features)


def nginx_peer(place: Place, config: str, values: Mapping[str, str], port: int) -> Peer:
    """Return nginx as `config` has it."""
    nginx = tools.find_debian("nginx", place.say)
    file = write_config(place.folder, config, values)
    return Peer(
        name="nginx",
        version=nginx_version(nginx),
        command=(nginx, "-p", str(place.folder), "-e", "nginx.err", "-c", str(file)),
        port=port,
        output=place.folder / "nginx.out",
    )


def nginx_version(nginx: str) -> str:
    """Return what nginx says it is, without saying that it is a version."""
    return tools.version([nginx, "-v"]).removeprefix("nginx version: ")


def make_envoy(place: Place) -> Peer:
    """Return Envoy with the same features."""
    port, admin = next(place.ports), next(place.ports)
    log = place.folder / "envoy.log"
    features = Features(
        log=log,
        metrics_port=admin,
        metrics_path="/stats/prometheus",
        counter=r'^envoy_http_downstream_rq_total\{envoy_http_conn_manager_prefix="calls"\} (\d+)$',
    )
    values = _values(place, port, admin=admin) | {"LOG": str(log)}
    return replace(envoy_peer(place, "envoy.yaml", values, port), features=features)


def envoy_peer(place: Place, config: str, values: Mapping[str, str], port: int) -> Peer:
    """Return Envoy as `config` has it, with one worker."""
    envoy = tools.find_envoy(place.say)
    file = write_config(place.folder, config, values)
    # Hot restart is off: it would bind a socket that other instances on this machine may hold.
    options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
    flush = ("--file-flush-interval-msec", "1000")
    return Peer(
        name="envoy",
        version="Envoy " + tools.version([envoy, "--version"]).split("/")[-4],
        command=(envoy, "--config-path", str(file), *options, *flush),
        port=port,
        output=place.folder / "envoy.out",
    )


PEERS: Mapping[str, Callable[[Place], Peer]] = {
    "obvious": make_obvious,
    "nginx": make_nginx,
    "envoy": make_envoy,
}


def write_config(folder: Path, name: str, values: Mapping[str, str]) -> Path:
    """Write the template `name` into `folder` with every `@KEY@` replaced; return its path."""
    text = (CONFIGS / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    path = folder / name
    path.write_text(text)
    return path


def _values(place: Place, port: int, *, admin: int) -> dict[str, str]:
    return {"PORT": str(port), "ADMIN": str(admin), "BACKEND": str(place.backend_port), "TOKEN": TOKEN}
