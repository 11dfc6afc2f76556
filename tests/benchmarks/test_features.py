"""Tests of the checks that nothing is measured without."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.benchmarks import features
from scripts.benchmarks.features import (
    FeatureMissing,
    check_features,
    count_lines,
    count_total,
    has_probe_line,
)
from scripts.benchmarks.peers import BODY, TOKEN, TOKEN_HEADER, Features, Peer

PROBE = '{"event": "request.finished", "url": "/operator/api/probe", "status": 200}\n'


@dataclass
class FakePeer(ThreadingHTTPServer):
    """A peer whose features can be taken away one by one."""

    log: Path
    body: str = BODY
    checks: bool = True
    counts: bool = True
    seen: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)

    def __hash__(self) -> int:
        return id(self)

    def reply_to(self, path: str, token: str | None) -> tuple[int, str]:
        """Answer a call as a proxy with these features would, and log it."""
        if path == "/metrics":
            return 200, f"# HELP calls\ncalls_total {self.seen}\n"
        status = 200 if not self.checks or token == TOKEN else 401
        with self.lock, self.log.open("a") as log:
            self.seen += self.counts
            log.write(json.dumps({"url": path, "status": status}) + "\n")
        return status, self.body if status == 200 else ""

    @property
    def peer(self) -> Peer:
        """Return this as an entry of the peer table."""
        port = self.server_address[1]
        seen = Features(
            log=self.log, metrics_port=port, metrics_path="/metrics", counter=r"^calls_total (\d+)$"
        )
        return Peer(name="fake", version="1", command=(), port=port, output=self.log, features=seen)


class Handler(BaseHTTPRequestHandler):
    """Hands each GET to the fake peer."""

    server: FakePeer

    def do_GET(self) -> None:
        status, body = self.server.reply_to(self.path, self.headers.get(TOKEN_HEADER))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakePeer]:
    """Run a fake peer."""
    with FakePeer(log=tmp_path / "fake.log") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_all_features(fake: FakePeer) -> None:
    """A peer that has everything passes."""
    check_features(fake.peer)


def test_a_peer_without_features_only_forwards(fake: FakePeer) -> None:
    """Where no features are expected, none are asked for."""
    fake.checks = fake.counts = False
    check_features(replace(fake.peer, features=None))


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"body": BODY[:-1]}, "answered 200 with 864 bytes"),
        ({"checks": False}, "answered 200 to a wrong token"),
        ({"counts": False}, "counter moved by 0 after 20"),
    ],
    ids=["whole replies", "header check", "counter"],
)
def test_a_missing_feature_is_named(fake: FakePeer, missing: dict[str, object], said: str) -> None:
    """A peer that saves itself some of the work is refused."""
    for name, value in missing.items():
        setattr(fake, name, value)
    with pytest.raises(FeatureMissing, match=said):
        check_features(fake.peer)


def test_a_missing_log_is_named(fake: FakePeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that writes no log is refused when the time for it is over."""
    monkeypatch.setattr(features, "LOG_SECONDS", 0.2)
    seen = fake.peer.features
    assert seen is not None
    with pytest.raises(FeatureMissing, match=r"came to other\.log"):
        check_features(replace(fake.peer, features=replace(seen, log=tmp_path / "other.log")))


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("Active connections: 1 \n 10 10 27 \nReading: 0\n", r"^ \d+ \d+ (\d+)\s*$", 27),
        ('a_total{c="1"} 4\na_total{c="2"} 3.0\nb_total 9\n', r"^a_total(?:\{.*\})? (\S+)$", 7),
        ("nothing here", r"(\d+)", 0),
    ],
    ids=["nginx", "summed", "absent"],
)
def test_count_total(text: str, pattern: str, expected: float) -> None:
    """All matches are added."""
    assert count_total(text, pattern) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", False),
        ('{"event": "gateway.started"}\n', False),
        (PROBE.replace("200", "401"), False),
        (PROBE.rstrip(), False),
        (PROBE + '{"half', True),
        ('{"request": {"uri": "\\/operator\\/api\\/probe"}, "status": 200}\n', True),
    ],
    ids=["empty", "other event", "refused", "half a line", "followed by half a line", "written otherwise"],
)
def test_has_probe_line(text: str, found: bool) -> None:
    """Only a whole line of an answered probe counts."""
    assert has_probe_line(text) is found


def test_a_log_that_is_not_json() -> None:
    """A line that is not JSON is an error."""
    with pytest.raises(ValueError, match="column"):
        has_probe_line('127.0.0.1 - - "GET /operator/api/probe" 200\n')


def test_count_lines_empties_the_log(tmp_path: Path) -> None:
    """Lines are counted once, and a writer that appends goes on at the start."""
    path = tmp_path / "log"
    with path.open("a", buffering=1) as log:
        log.write("a\nb\n")
        assert count_lines(path) == 2
        log.write("c\n")
    assert path.read_text() == "c\n"
    assert count_lines(path) == 1
