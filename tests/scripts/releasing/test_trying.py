"""Using an installed gateway: the one of this environment works, and broken ones are told apart."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import tentaculo
from scripts.releasing.building import BROWSER
from scripts.releasing.outcomes import CheckFailed
from scripts.releasing.trying import try_gateway

PROJECT = Path(__file__).parents[3]
COMMAND = Path(sys.executable).with_name("tentaculo")
VERSION = tentaculo.__version__
SCRIPT = """#!/usr/bin/env bash
case $1 in
  --version) echo "tentaculo {version}" ;;
  check) {check} ;;
  serve) trap 'kill $!; wait; exit 3' TERM; {serve} ;;
esac
"""
OPEN = """
import http.server, json
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
address = f"127.0.0.1:{server.server_port}"
print(json.dumps({"event": "gateway.started", "address": address, "admin": address}), flush=True)
server.serve_forever()
"""


def test_good(tmp_path: Path) -> None:
    """Everything that is tried works."""
    assert "a call with and without a token" in try_gateway(COMMAND, PROJECT, VERSION, tmp_path)


def test_other_files(tmp_path: Path) -> None:
    """Files for browsers that are not those of the tree are named, by the path that they are served at."""
    shutil.copytree(PROJECT / BROWSER, tmp_path / BROWSER)
    for name in ("react.js", "console/index.html", "console/main.js"):
        (tmp_path / BROWSER / name).write_text("newer")
    with pytest.raises(CheckFailed) as told:
        try_gateway(COMMAND, tmp_path, VERSION, tmp_path)
    assert sorted(str(told.value).splitlines()) == [
        "/_tentaculo/react.js is not the file",
        "/console/ is not the file",
        "/console/main.js is not the file",
    ]


@pytest.mark.parametrize(
    ("version", "check", "serve", "fault"),
    [
        pytest.param("9.9.9", "true", "true", "^--version says tentaculo 9.9.9$", id="version"),
        pytest.param(VERSION, "echo bad; false", "true", "ended with exit code 1:\nbad$", id="check"),
        pytest.param(VERSION, "true", "echo gone", "^serve did not start: gone\n$", id="start"),
        pytest.param(VERSION, "true", f"{COMMAND} serve --config $3 & wait", "exit code 3: ", id="end"),
    ],
)
def test_broken(version: str, check: str, serve: str, fault: str, tmp_path: Path) -> None:
    """A command that fails is told with what it said."""
    command = tmp_path / "tentaculo"
    command.write_text(SCRIPT.format(version=version, check=check, serve=serve))
    command.chmod(0o755)
    with pytest.raises(CheckFailed, match=fault):
        try_gateway(command, PROJECT, VERSION, tmp_path)


def test_open_gateway(tmp_path: Path) -> None:
    """One that lets everybody in and forwards nothing is told by both."""
    (tmp_path / "open.py").write_text(OPEN)
    command = tmp_path / "tentaculo"
    serve = f"exec {sys.executable} {tmp_path / 'open.py'}"
    command.write_text(SCRIPT.format(version=VERSION, check="true", serve=serve))
    command.chmod(0o755)
    with pytest.raises(CheckFailed) as told:
        try_gateway(command, PROJECT, VERSION, tmp_path)
    assert str(told.value).splitlines()[:3] == [
        "a call without a token was answered 200",
        "a call with a token was answered 200 b''",
        "/_tentaculo/event-source.js is not the file",
    ]
