"""Tests of the peers of plain calls: their configurations, their rows, and the gateway as a process."""

from __future__ import annotations

import http.client
import itertools
import sys
from contextlib import closing
from pathlib import Path

import pytest

from scripts.benchmarks import tools
from scripts.benchmarks.call_peers import FULL, MAKERS, PLAIN, WAYS, choose_rows, make_peer
from scripts.benchmarks.features import FeatureMissing, check_features
from scripts.benchmarks.form import Form
from scripts.benchmarks.peers import BODY, TOKEN, Peer, Place
from scripts.benchmarks.processes import running
from tests.benchmarks.plain_backend import plain_backend
from tests.fakes.ports import free_port

ROWS = choose_rows(tuple(MAKERS), WAYS)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place where no program of elsewhere is needed."""
    monkeypatch.setattr(tools, "find_debian", lambda program, say: f"/usr/sbin/{program}")
    monkeypatch.setattr(tools, "find_envoy", lambda say: "/usr/bin/envoy")
    monkeypatch.setattr(tools, "version", lambda command, folder=None: "a/b/1.0/c/d/e")
    return Place(tmp_path, 8003, itertools.count(9000), print, Form(sys.executable))


def make(place: Place, row: str) -> Peer:
    """Return the peer of a row."""
    return make_peer(place, row, ROWS[row])


@pytest.mark.parametrize("row", ROWS)
def test_configurations(row: str, place: Place) -> None:
    """Each is whole, in a folder of its own, and names the backend; those with features know the token."""
    peer = make(place, row)
    files = [path for path in place.folder.rglob("*") if path.is_file()]
    text = "".join(path.read_text() for path in files) + " ".join(peer.command)
    assert {path.relative_to(place.folder).parts[0] for path in files} <= {row.replace(", ", "-")}
    assert not {f"@{key}@" for key in ("PORT", "ADMIN", "BACKEND", "TOKEN", "LOG") if f"@{key}@" in text}
    assert ("127.0.0.1:8003" in text) or ("port_value: 8003" in text)
    assert str(peer.port) in text
    assert (peer.features is None) is (row == "obvious" or row.endswith(", plain"))
    if peer.features is not None:
        assert TOKEN in text
        assert str(peer.features.metrics_port) in text


def test_every_peer_has_one_worker(place: Place) -> None:
    """More cores would be more work for nothing: there is one for each part."""
    commands = {row: " ".join(make(place, row).command) for row in ROWS}
    assert all("GOMAXPROCS=1 " in commands[row] for row in ("caddy", "caddy, plain"))
    assert all("--concurrency 1 " in commands[row] for row in ("envoy", "envoy, plain"))
    for name, line in (("haproxy.cfg", "nbthread 1\n"), ("nginx.conf", "worker_processes 1;\n")):
        assert all(line in path.read_text() for path in place.folder.rglob(f"*{name}"))


@pytest.mark.parametrize(
    ("peers", "ways", "rows"),
    [
        (("tentaculo", "nginx"), WAYS, ["tentaculo", "nginx", "tentaculo, plain", "nginx, plain"]),
        (("nginx", "obvious"), (FULL,), ["nginx", "obvious"]),
        (("nginx", "obvious"), (PLAIN,), ["nginx, plain", "obvious"]),
    ],
    ids=["both", "with features", "plain"],
)
def test_rows(peers: tuple[str, ...], ways: tuple[str, ...], rows: list[str]) -> None:
    """Those with features come first; the obvious proxy is beside either."""
    assert list(choose_rows(peers, ways)) == rows


@pytest.fixture
def real_place(tmp_path: Path) -> Place:
    """A place with free ports."""
    return Place(tmp_path, free_port(), iter(free_port, None), print, Form(sys.executable))


def test_the_gateway_has_the_features(real_place: Place) -> None:
    """It passes the check that all peers must pass before they are measured."""
    peer = make(real_place, "tentaculo")
    with (
        plain_backend(real_place.backend_port, BODY),
        running(peer.command, folder=peer.folder, log=peer.output, port=peer.port),
    ):
        check_features(peer)


def test_the_plain_gateway_only_forwards(real_place: Place) -> None:
    """It asks for no token and writes no line for a call."""
    peer = make(real_place, "tentaculo, plain")
    with (
        plain_backend(real_place.backend_port, BODY),
        running(peer.command, folder=peer.folder, log=peer.output, port=peer.port),
    ):
        check_features(peer)
        with closing(http.client.HTTPConnection("127.0.0.1", peer.port, timeout=5)) as connection:
            connection.request("GET", "/status")
            assert connection.getresponse().read().decode() == BODY
    assert "request.finished" not in peer.output.read_text()


def test_a_gateway_without_its_backend_is_not_measured(real_place: Place) -> None:
    """What it answers is looked at."""
    peer = make(real_place, "tentaculo, plain")
    with (
        running(peer.command, folder=peer.folder, log=peer.output, port=peer.port),
        pytest.raises(FeatureMissing, match="answered 502"),
    ):
        check_features(peer)
