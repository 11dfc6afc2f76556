"""The programs that run in containers ask those that they should, whatever proxy an environment names."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from scripts.deploying.verification import INSIDE

PROXY = {"http_proxy": "http://127.0.0.1:1"}


@contextmanager
def serving() -> Iterator[tuple[int, list[str | None]]]:
    """Serve, `/bad` badly; yield the port, and the credentials of those who asked."""
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(500 if self.path == "/bad" else 200)
            self.end_headers()
            self.wfile.write(b"its answer")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port, seen
        finally:
            server.shutdown()
            thread.join()


def ran(program: str, *arguments: str, **environ: str) -> str:
    """Run a program as it runs in a container, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-", *arguments],
        input=program,
        env=PROXY | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_answers() -> None:
    """URLs that do not answer 200 are told, a line each."""
    with serving() as (port, _):
        urls = [f"http://127.0.0.1:{port}/{name}" for name in ("good", "bad")]
        told = ran((INSIDE / "answers.py").read_text(), *urls)
    assert told == f"GET {urls[1]} is answered 500, not 200\n"


def test_gateway(tmp_path: Path) -> None:
    """The admin listener gets the admin token."""
    (tmp_path / "token").write_text("of-the-admin\n")
    with serving() as (port, seen):
        program = (INSIDE / "gateway.py").read_text().replace("9100", str(port))
        told = ran(program, "/metrics", TENTACULO_ADMIN_TOKEN_FILE=str(tmp_path / "token"))
    assert (told, seen) == ("its answer", ["Bearer of-the-admin"])
