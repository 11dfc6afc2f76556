"""A command and its event, against small gateways on real sockets."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.deploying.flow import HEADER, Caller
from scripts.deploying.outcomes import StepFailed

TOKEN = "principal-token-of-the-test"


@contextmanager
def gateway(events: Callable[[str], bytes | None], refusing: str = "") -> Iterator[str]:
    """Serve one; `events` makes what its stream sends of a command's key, None for its end."""
    keys: queue.Queue[str] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers[HEADER] == TOKEN
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith("token"):
                self.answer(json.dumps({"sse_token": "t"}).encode())
            else:
                keys.put(self.headers["Idempotency-Key"])
                self.answer(b"", 202)

        def do_GET(self) -> None:
            if "token" not in self.path:
                self.answer(b"")
                return
            self.send_response(503 if self.path.startswith(refusing or "-") else 200)
            self.end_headers()
            self.wfile.write(b"retry: 1\n\n")
            sent = events(keys.get(timeout=10))
            self.wfile.write(sent or b"")

        def answer(self, body: bytes, status: int = 200) -> None:
            self.send_response(503 if self.path == refusing else status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            keys.put("")
            server.shutdown()
            thread.join()


def its_event(key: str) -> bytes:
    """Two events, the second of them the command's."""
    return b'data: {"event_id": "other"}\n\n: beat\n\ndata: {"event_id": "%b"}\n\n' % key.encode()


def test_command() -> None:
    """The event that has the command's key is waited for."""
    with gateway(its_event) as url:
        assert Caller(url, TOKEN).try_command().startswith("a command came back as an event after ")


@pytest.mark.parametrize(
    ("refusing", "events", "reason"),
    [
        pytest.param("/events/sse-token", its_event, "POST /events/sse-token is answered 503", id="no token"),
        pytest.param("/events/stream", its_event, "GET /events/stream is answered 503", id="no stream"),
        pytest.param("/operator/api/commands", its_event, "answered 503, not 202", id="no command"),
        pytest.param("", lambda key: b'data: {"event_id": "x"}\n\n', "did not come back", id="no event"),
        pytest.param("", lambda key: b"data: no JSON\n\n", "JSONDecodeError", id="no JSON"),
    ],
)
def test_faults(refusing: str, events: Callable[[str], bytes], reason: str) -> None:
    """Whatever goes wrong is told in one sentence, without the token."""
    with gateway(events, refusing) as url, pytest.raises(StepFailed, match=reason) as told:
        Caller(url, TOKEN).try_command()
    assert TOKEN not in str(told.value)


def test_status() -> None:
    """A status is asked for without a token; nobody there is no status."""
    with gateway(its_event) as url:
        assert Caller(url, "").status("/health") == 200
    assert Caller(url, "").status("/health") is None
