"""Tests of whether a peer does what it is measured for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.benchmarks import stream_features
from scripts.benchmarks.features import FeatureMissing
from scripts.benchmarks.peers import Features, Peer
from scripts.benchmarks.stream_features import check_refusals, check_traces, count_streams

LINE = json.dumps({"url": "/events", "status": 200}) + "\n"


class Handler(BaseHTTPRequestHandler):
    """Refuses streams, or answers what the server says, and counts three."""

    def do_GET(self) -> None:
        """Answer."""
        metrics = self.path == "/metrics"
        self.send_response(200 if metrics else self.server.status)  # type: ignore[attr-defined]
        self.end_headers()
        self.wfile.write(b"requests 3\n" if metrics else b"")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """Run a server that refuses."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.status = 401  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def peer(server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Peer:
    """Return that server as a peer; nobody waits long for what does not come."""
    monkeypatch.setattr(stream_features, "WAIT_SECONDS", 0.1)
    port, log = server.server_port, tmp_path / "it.log"
    features = Features(log=log, metrics_port=port, metrics_path="/metrics", counter=r"^requests (\d+)$")
    return Peer(name="it", version="1", command=(), port=port, output=log, features=features)


@pytest.mark.parametrize("status", [200, 404])
def test_a_peer_must_refuse(status: int, server: ThreadingHTTPServer, peer: Peer) -> None:
    """Who opens a stream to a wrong token saves the check."""
    check_refusals(peer, "/events")
    server.status = status  # type: ignore[attr-defined]
    with pytest.raises(FeatureMissing, match=f"answered {status} to a wrong token"):
        check_refusals(peer, "/events")


def test_a_peer_must_count_and_log(peer: Peer) -> None:
    """As many as there were streams."""
    assert peer.features is not None
    with pytest.raises(FeatureMissing, match="it logged 0 of 3 streams"):
        check_traces(peer, "/events", 3)
    peer.features.log.write_text(3 * LINE)
    check_traces(peer, "/events", 3)
    with pytest.raises(FeatureMissing, match="it counted 3 of 4 streams"):
        check_traces(peer, "/events", 4)


def test_who_has_no_features_is_not_asked() -> None:
    """There is nothing to look at."""
    check_traces(Peer(name="it", version="1", command=(), port=1, output=Path("x")), "/events", 3)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (LINE, 1),
        (LINE + LINE[:10], 1),
        (LINE + '{"url": "/events", "status": 499}\n', 2),
        ('{"url": "/events", "status": 401}\n', 0),
        ('{"url": "/other", "status": 200}\n', 0),
        ("nothing of JSON\n", 0),
    ],
    ids=["empty", "one", "half a line", "left", "refused", "another path", "other words"],
)
def test_lines_of_streams(text: str, count: int, tmp_path: Path) -> None:
    """Those that were answered are counted."""
    (tmp_path / "log").write_text(text)
    assert count_streams(tmp_path / "log", "/events") == count


def test_a_line_must_be_json(tmp_path: Path) -> None:
    """Cheaper ones are no log of the same kind."""
    (tmp_path / "log").write_text('"GET /events" 200\n')
    with pytest.raises(ValueError, match="Extra data"):
        count_streams(tmp_path / "log", "/events")


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    """A peer may make it with its first line."""
    assert count_streams(tmp_path / "log", "/events") == 0
