"""Uses an installed gateway as its first user would: a check, a real call, the files for browsers."""

from __future__ import annotations

import json
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

from scripts.releasing.building import BROWSER
from scripts.releasing.commands import environment, run
from scripts.releasing.outcomes import CheckFailed, hold

START_SECONDS = 20.0
END_SECONDS = 15.0
SERVED = "event-source.js", "react.js"
SAID = b"said by the service behind"
CONFIGURATION = """
listen: 127.0.0.1:0
admin: {{address: 127.0.0.1:0, token: {token}-admin}}
log: {{format: json}}
principals: [{{name: caller, token: {token}}}]
upstreams: {{backend: 'http://127.0.0.1:{port}'}}
routes: [{{name: everything, path: /*, upstream: backend}}]
"""


class Addresses(NamedTuple):
    """Where the gateway listens."""

    main: str
    admin: str


class _Backend(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(SAID)))
        self.end_headers()
        self.wfile.write(SAID)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def try_gateway(command: Path, tree: Path, version: str, folder: Path) -> str:
    """Try the gateway that `command` starts; `tree` has the files that it should serve."""
    said = run(command, "--version", cwd=folder)
    if said != f"tentaculo {version}\n":
        raise CheckFailed(f"--version says {said.strip()}")
    token, file = secrets.token_urlsafe(), folder / "tentaculo.yaml"
    with _backend() as port:
        file.write_text(CONFIGURATION.format(token=token, port=port))
        run(command, "check", file, cwd=folder)
        with _serving(command, file, folder) as addresses:
            hold([*_calls(addresses, token), *_files(addresses, tree / BROWSER)])
    return "its version, check, a call with and without a token, the files for browsers, its end"


def _calls(addresses: Addresses, token: str) -> list[str]:
    without = _get(addresses.main, "/call")[0]
    answer = _get(addresses.main, "/call", {"X-VX11-Token": token})
    ready = _get(addresses.admin, "/ready")[0]
    return [
        *([] if without == 401 else [f"a call without a token was answered {without}"]),
        *([] if answer == (200, SAID) else [f"a call with a token was answered {answer[0]} {answer[1]!r}"]),
        *([] if ready == 200 else [f"/ready was answered {ready}"]),
    ]


def _files(addresses: Addresses, folder: Path) -> list[str]:
    """Compare what is served to browsers with the files of the tree."""
    served = {f"/_tentaculo/{name}": folder / name for name in SERVED}
    console = {
        f"/console/{path.name.removesuffix('index.html')}": path for path in (folder / "console").iterdir()
    }
    wrong = [
        f"{path} is not the file" for path, file in served.items() if not _is(addresses.main, path, file)
    ]
    return wrong + [
        f"{path} is not the file" for path, file in console.items() if not _is(addresses.admin, path, file)
    ]


def _is(address: str, path: str, file: Path) -> bool:
    return _get(address, path) == (200, file.read_bytes())


def _get(address: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, bytes]:
    connection = HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", path, headers=fields or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException) as fault:
        raise CheckFailed(f"GET {path} failed: {fault}") from None
    finally:
        connection.close()


@contextmanager
def _backend() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Backend) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _serving(command: Path, file: Path, folder: Path) -> Iterator[Addresses]:
    """Run the gateway; raises CheckFailed unless it starts and, when asked to, ends with exit code 0."""
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            (command, "serve", "--config", file),
            cwd=folder,
            env=environment(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        yield _started(process, log)
        process.terminate()
        code = process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        raise CheckFailed(f"serve did not end within {END_SECONDS:.0f} s") from None
    finally:
        process.kill()
        process.wait()
    if code != 0:
        raise CheckFailed(f"serve ended with exit code {code}: {log.read_text()[-2000:]}")


def _started(process: subprocess.Popen[bytes], log: Path) -> Addresses:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        for line in log.read_text().splitlines(keepends=True):
            if '"gateway.started"' in line and line.endswith("\n"):
                told = json.loads(line)
                return Addresses(told["address"], told["admin"])
        time.sleep(0.05)
    raise CheckFailed(f"serve did not start: {log.read_text()[-2000:]}")
