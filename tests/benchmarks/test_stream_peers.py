"""Tests of the peers of streams and their configurations."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
import yaml

from scripts.benchmarks import stream_peers
from scripts.benchmarks.form import PROJECT, Form
from scripts.benchmarks.peers import CONFIGS, Place
from scripts.benchmarks.stream_peers import (
    BEATING,
    IDLING,
    RELAYED,
    RELAYING,
    SHARED,
    SHARING,
    Feed,
    Row,
    make_caddy,
    make_envoy,
    make_gateway,
    make_haproxy,
    make_nchan,
    make_nginx,
    make_no_delay,
    peers_of,
)
from tentaculo.config.loader import load_text

ROWS = tuple({row.name: row for row in (*RELAYING, *SHARING, *IDLING)}.values())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return where a run lives."""
    return Place(tmp_path, 8003, itertools.count(9000), print, Form(sys.executable))


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every program is there, and says what it is as Envoy does."""
    monkeypatch.setattr("scripts.benchmarks.tools.find_debian", lambda name, say: f"/x/{name}")
    monkeypatch.setattr("scripts.benchmarks.tools.find_envoy", lambda say: "/x/envoy")
    monkeypatch.setattr("scripts.benchmarks.tools.version", lambda *given: "it 1/1.2/Clean/RELEASE/BoringSSL")
    monkeypatch.setattr(stream_peers, "find_nchan", lambda say: Path("/x/nchan.so"))
    monkeypatch.setattr(stream_peers, "nchan_version", lambda: "nchan 1")


def test_names_of_peers() -> None:
    """A row is named by its peer first, and each peer stands once."""
    assert peers_of(RELAYING) == ("tentaculo", "nginx", "envoy", "caddy", "haproxy")
    assert peers_of(SHARING) == ("tentaculo", "nginx", "haproxy", "nchan")
    assert Row("haproxy, no-delay", make_no_delay).peer == "haproxy"


@pytest.mark.parametrize("rows", [RELAYING, SHARING, IDLING], ids=["relaying", "sharing", "idling"])
def test_each_row_has_a_name_of_its_own(rows: tuple[Row, ...]) -> None:
    """No two rows of a table are told apart by nothing."""
    assert len({row.name for row in rows}) == len(rows)


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_every_place_is_filled(row: Row, place: Place) -> None:
    """No mark of a template is left over; only loopback is named, and the backend by who asks it."""
    peer = row.make(place, 1000)
    written = "".join(path.read_text() for path in place.folder.iterdir())
    assert "@" not in written.replace('"@type"', "").replace("@refused", "")
    assert "0.0.0.0" not in written
    assert ("127.0.0.1:8003" in written or "port_value: 8003" in written) == (row.feed is not Feed.HUB)
    assert (peer.name, peer.port) == (row.peer, 9000)
    assert peer.features is not None
    assert peer.features.metrics_port == 9001


@pytest.mark.parametrize(
    ("stream", "shared", "heartbeat"), [(RELAYED, False, None), (SHARED, True, None), (BEATING, False, 15.0)]
)
def test_gateway(stream: str, shared: bool, heartbeat: float | None, place: Place) -> None:
    """Its configuration is one that it takes, and there is room for all."""
    peer = make_gateway(place, 1000, stream=stream)
    config = place.folder / "streams-tentaculo.yaml"
    assert str(config) in peer.command
    assert peer.folder == PROJECT
    settings = load_text(config.read_text(), source=config)
    assert settings.routes[0].stream is not None
    found = settings.routes[0].stream
    assert (found.shared, found.heartbeat, found.max_age) == (shared, heartbeat, None)
    assert min(settings.limits.streams, settings.limits.connections) > 1010


@pytest.mark.usefixtures("programs")
def test_nginx_keeps_connections_for_all_streams(place: Place) -> None:
    """It closes some where less than a sixteenth is free, so there are more than two for each stream."""
    make_nginx(place, 1000)
    text = (place.folder / "streams-nginx.conf").read_text()
    allowed = int(text.partition("worker_connections ")[2].partition(";")[0])
    assert allowed * 15 / 16 > 2 * 1000
    assert "proxy_buffering off;" in text


@pytest.mark.usefixtures("programs")
def test_nchan_is_another_nginx(place: Place) -> None:
    """It loads the module, and only who may manage it publishes."""
    peer = make_nchan(place, 1000)
    text = (place.folder / "streams-nchan.conf").read_text()
    assert text.index("load_module /x/nchan.so;") < text.index("daemon off;")
    assert text.index("nchan_subscriber eventsource;") < text.index("listen 127.0.0.1:9001")
    assert text.index("listen 127.0.0.1:9001") < text.index("nchan_publisher;")
    assert (peer.name, peer.version) == ("nchan", "nchan 1")


@pytest.mark.usefixtures("programs")
def test_envoy_has_one_worker_and_no_timeouts(place: Place) -> None:
    """As its documentation says of endless replies."""
    command = " ".join(make_envoy(place, 1000).command)
    text = (place.folder / "streams-envoy.yaml").read_text()
    assert "--concurrency 1 " in command
    assert "stream_idle_timeout: 0s" in text
    assert "timeout: 0s, idle_timeout: 0s" in text
    assert yaml.safe_load(text)["static_resources"]["clusters"][0]["name"] == "backend"


@pytest.mark.usefixtures("programs")
def test_caddy_has_one_core_and_flushes(place: Place) -> None:
    """What it keeps stays in the folder of the run."""
    command = make_caddy(place, 1000).command
    assert {"GOMAXPROCS=1", f"XDG_CONFIG_HOME={place.folder}"} <= set(command)
    assert "flush_interval -1" in (place.folder / "streams-Caddyfile").read_text()


@pytest.mark.usefixtures("programs")
def test_haproxy_in_both_ways(place: Place) -> None:
    """One thread; the option that holds nothing back is there where it is asked for."""
    file = place.folder / "streams-haproxy.cfg"
    make_haproxy(place, 1000)
    plain = file.read_text()
    make_no_delay(place, 1000)
    assert "nbthread 1" in plain
    assert "option http-no-delay" not in plain
    assert "\n    option http-no-delay\n" in file.read_text()


def test_each_template_is_used() -> None:
    """None is left over of a peer that is gone."""
    source = Path(stream_peers.__file__).read_text()
    templates = [path.name for path in CONFIGS.iterdir() if path.name.startswith("streams-")]
    assert len(templates) == 6
    assert all(f'"{name}"' in source for name in templates)
