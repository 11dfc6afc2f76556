"""Peers of the benchmarks of calls beside those of `peers`.

The gateway by any template, with its log outside the folder that it watches; and nginx for big bodies.
"""

from __future__ import annotations

from dataclasses import replace

from scripts.benchmarks import tools
from scripts.benchmarks.peers import (
    ASK_VERSION,
    TOKEN,
    Features,
    Peer,
    Place,
    nginx_peer,
    write_config,
)

GATEWAY_COUNTER = r"^\w*requests_total(?:\{.*\})? (\S+)$"
GATEWAY_CONFIG = "config"  # the folder that the gateway watches


def make_gateway(place: Place, config: str = "tentaculo.yaml", **values: str) -> Peer:
    """Return this gateway as the template `config` has it; its log is not in the folder that it watches."""
    form, port, admin = place.form, next(place.ports), next(place.ports)
    folder, log = place.folder / GATEWAY_CONFIG, place.folder / "tentaculo.log"
    folder.mkdir()
    values = {
        "PORT": str(port),
        "ADMIN": str(admin),
        "BACKEND": str(place.backend_port),
        "TOKEN": TOKEN,
    } | values
    file = write_config(folder, config, values)
    features = Features(log=log, metrics_port=admin, metrics_path="/metrics", counter=GATEWAY_COUNTER)
    return Peer(
        name="tentaculo",
        version="this tree, " + tools.version([form.python, "-c", ASK_VERSION], form.folder),
        command=(form.python, "-m", "tentaculo", "serve", "--config", str(file)),
        port=port,
        output=log,
        folder=form.folder,
        features=features,
    )


def make_big_nginx(place: Place) -> Peer:
    """Return nginx with large buffers and without temporary files, else with what it has for `calls`."""
    port, admin = next(place.ports), next(place.ports)
    log = place.folder / "nginx.log"
    values = {"PORT": str(port), "ADMIN": str(admin), "BACKEND": str(place.backend_port), "TOKEN": TOKEN}
    features = Features(log=log, metrics_port=admin, metrics_path="/metrics", counter=r"^ \d+ \d+ (\d+)\s*$")
    peer = nginx_peer(place, "big-nginx.conf", values | {"LOG": str(log)}, port)
    return replace(peer, features=features)
