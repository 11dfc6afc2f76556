"""The commands, as processes where a process matters."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import tentaculo
from tentaculo.admin.openapi import describe
from tentaculo.cli import main
from tentaculo.config.loader import load
from tentaculo.config.schema import json_schema
from tests.config.files import ROUTE, config
from tests.config.test_loader import TEN_MISTAKES, TEN_PLACES

TOKEN = "a-token-to-be-hashed"
ROUTES = config(
    ROUTE,
    "{name: orders, path: '/orders/{id}', host: shop.example, methods: [POST, GET], upstream: backend, "
    "access: public}",
    "{name: events, path: /api/events, upstream: backend, access: upstream, stream: {}, enabled: no}",
    "{name: live, path: /live/events, upstream: backend, access: upstream, stream: {}}",
    "{name: ticks, path: /api/ticks, upstream: backend, access: ephemeral-token, stream: {}, "
    "ephemeral_token: {issue_path: /api/token}}",
    "{name: tocks, path: /api/tocks, upstream: backend, access: ephemeral-token, stream: {}, "
    "ephemeral_token: {issue_path: /api/token}}",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good configuration."""
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES)
    return path


def _run(
    *arguments: str | Path, stdin: str | None = None, env: dict[str, str | None] | None = None
) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin, env=env)


def _fits(result: Result, code: int) -> None:
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_version_is_that_of_the_package() -> None:
    """The version is told in one line."""
    result = _run("--version")
    _fits(result, 0)
    assert result.stdout == f"tentaculo {tentaculo.__version__}\n"


@pytest.mark.parametrize(
    "command",
    [
        (),
        *(
            (name,)
            for name in ("serve", "check", "routes", "schema", "openapi", "hash-token", "issue", "revoke")
        ),
    ],
)
def test_help_shows_examples(command: tuple[str, ...]) -> None:
    """Every help text ends a reader's search with an example, on a line of its own."""
    result = _run(*command, "--help")
    _fits(result, 0)
    examples = [
        line
        for line in result.stdout.splitlines()
        if line.startswith("    tentaculo") or "=... tentaculo" in line
    ]
    assert examples


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("check", "a", "b"),
        ("serve", "--port", "1"),
        ("serve", "--workers", "0"),
        ("hash-token", TOKEN),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    """Usage errors are told apart from failures; a token as an argument is one."""
    _fits(_run(*arguments), 2)


def test_check_counts_what_is_good(file: Path) -> None:
    """A good file is one line on stdout."""
    result = _run("check", file)
    _fits(result, 0)
    assert result.stdout == f"{file}: good (6 routes, 1 upstream, 1 principal)\n"
    assert result.stderr == ""


def test_check_prints_ten_problems_for_ten_mistakes(tmp_path: Path) -> None:
    """Each problem is one line on stderr with its place, and a line counts them."""
    path = tmp_path / "bad.yaml"
    path.write_text(TEN_MISTAKES)
    result = _run("check", path)
    _fits(result, 2)
    *problems, count = result.stderr.splitlines()
    assert [
        line.startswith(f"{path}:{row}:{column}: {where}: ")
        for line, (row, column, where) in zip(problems, TEN_PLACES, strict=True)
    ] == [True] * 10
    assert count == "10 problems"
    assert result.stdout == ""


@pytest.mark.parametrize(
    "command", [("check",), ("routes",), ("openapi",), ("serve", "--config"), ("routes", "--match", "GET /")]
)
def test_missing_file_is_a_problem(command: tuple[str, ...], tmp_path: Path) -> None:
    """Every command that reads the file tells its problems."""
    path = tmp_path / "absent.yaml"
    result = _run(*command, path)
    _fits(result, 2)
    assert result.stderr == f"{path}:1:1: the file can't be read: No such file or directory\n1 problem\n"


def test_file_is_found_by_the_environment_or_in_the_folder(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a FILE, $TENTACULO_CONFIG is read, then config/tentaculo.yaml."""
    assert f"{file}: good" in _run("check", env={"TENTACULO_CONFIG": str(file)}).stdout
    (file.parent / "config").mkdir()
    file.rename(file.parent / "config" / "tentaculo.yaml")
    monkeypatch.chdir(file.parent)
    assert "config/tentaculo.yaml: good" in _run("check", env={"TENTACULO_CONFIG": None}).stdout


def test_default_configuration_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that comes along needs nothing but a token."""
    monkeypatch.chdir(Path(tentaculo.__file__).parents[1])
    result = _run("check", env={"TENTACULO_CONFIG": None, "VX11_TOKEN": TOKEN})
    assert result.stdout == "config/tentaculo.yaml: good (4 routes, 2 upstreams, 1 principal)\n"
    without = _run("check", env={"TENTACULO_CONFIG": None, "VX11_TOKEN": None})
    assert "principals[0].token: the environment variable VX11_TOKEN is not set" in without.stderr


def test_routes_are_a_table(file: Path) -> None:
    """One line a route, in columns."""
    result = _run("routes", file)
    _fits(result, 0)
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows == [
        ["NAME", "METHODS", "HOST", "PATH", "ACCESS", "UPSTREAM", "STATE"],
        ["api", "any", "any", "/api/*", "header-token", "backend", "on"],
        ["orders", "GET,POST", "shop.example", "/orders/{id}", "public", "backend", "on"],
        ["events", "any", "any", "/api/events", "upstream", "backend", "off"],
        ["live", "any", "any", "/live/events", "upstream", "backend", "on"],
        ["ticks", "any", "any", "/api/ticks", "ephemeral-token", "backend", "on"],
        ["ticks,tocks", "POST", "any", "/api/token", "header-token", "(issues", "tokens)", "on"],
        ["tocks", "any", "any", "/api/tocks", "ephemeral-token", "backend", "on"],
    ]
    starts = {
        line.index(cell)
        for line, cell in zip(result.stdout.splitlines(), ["PATH", "/api/*", "/orders"], strict=False)
    }
    assert len(starts) == 1


@pytest.mark.parametrize(
    ("match", "host", "code", "said"),
    [
        (
            "GET /api/x",
            "localhost",
            0,
            ["GET /api/x for host localhost goes to api", "upstream backend, access header-token"],
        ),
        ("GET /api/x?token=hunter2", "localhost", 0, ["goes to api"]),
        (
            "GET /orders/7",
            "SHOP.example:443",
            0,
            ["for host shop.example goes to orders", "won by host shop.example"],
        ),
        (
            "GET /orders/7",
            "localhost",
            1,
            ["is answered 404", "lost: orders, because it is for host shop.example"],
        ),
        (
            "DELETE /orders/7",
            "shop.example",
            1,
            ["is answered 405", "lost: orders, because it takes only GET, POST"],
        ),
        (
            "GET /api/events",
            "localhost",
            1,
            ["goes to events", "lost: api, because", "but is answered 503 route_disabled"],
        ),
        ("POST /live/events", "localhost", 1, ["goes to live", "but is answered 405 method_not_allowed"]),
        ("HEAD /live/events", "localhost", 0, ["goes to live"]),
        ("GET /api/ticks?token=hunter2", "localhost", 0, ["goes to ticks", "access ephemeral-token"]),
        ("POST /api/ticks", "localhost", 1, ["goes to ticks", "but is answered 405 method_not_allowed"]),
        (
            "POST /api/token",
            "localhost",
            0,
            ["is answered by the gateway itself: issues tokens for ticks, tocks", "lost: api, because"],
        ),
        ("GET /api/token", "localhost", 1, ["is answered 405"]),
        ("TRACE /api/x", "localhost", 1, ["goes to api", "never forwarded"]),
        (
            "GET /api/%2fx",
            "localhost",
            1,
            ["goes to api", "but is answered 400 bad_target: allow_in_path lacks %2f"],
        ),
        ("GET /api/../x", "localhost", 1, ["is answered 400 bad_target: the path holds a dot segment"]),
        ("GET /health", "localhost", 0, ["is answered by the gateway itself"]),
    ],
)
def test_match_explains_where_a_request_goes(
    file: Path, match: str, host: str, code: int, said: list[str]
) -> None:
    """The winner, the losers with their reasons, and what else stands in the way."""
    result = _run("routes", file, "--match", match, "--host", host)
    _fits(result, code)
    assert [part for part in said if part not in result.stdout] == []
    assert "hunter2" not in result.stdout


@pytest.mark.parametrize(
    ("match", "host"), [("GET", "h"), ("", "h"), ("GET /", "a b")], ids=["path", "empty", "host"]
)
def test_unreadable_match_is_wrong_usage(file: Path, match: str, host: str) -> None:
    """A request needs a method, a path and a host."""
    _fits(_run("routes", file, "--match", match, "--host", host), 2)


def test_schema_is_printed() -> None:
    """The schema is JSON on stdout."""
    result = _run("schema")
    _fits(result, 0)
    assert json.loads(result.stdout) == json_schema()


def test_own_endpoints_are_printed(file: Path) -> None:
    """The description is JSON on stdout, of the paths of that file."""
    result = _run("openapi", file)
    _fits(result, 0)
    assert json.loads(result.stdout) == describe(load(file))
    assert "/api/token" in json.loads(result.stdout)["paths"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=["bare", "newline", "crlf"])
def test_token_of_stdin_is_hashed(end: str, tmp_path: Path) -> None:
    """The digest is the one that token_sha256 takes; the newline at the end is no part of the token."""
    result = _run("hash-token", stdin=f"{TOKEN}{end}")
    _fits(result, 0)
    assert result.stdout == f"{hashlib.sha256(TOKEN.encode()).hexdigest()}\n"
    path = tmp_path / "f.yaml"
    path.write_text(config(principals=f"- {{name: ui, token_sha256: {result.stdout.strip()}}}"))
    _fits(_run("check", path), 0)


@pytest.mark.parametrize("token", ["short", f"{TOKEN}\n\n", ""], ids=["short", "newlines", "empty"])
def test_unusable_token_is_refused(token: str) -> None:
    """A token that no principal could have is not hashed, and not shown."""
    result = _run("hash-token", stdin=token)
    _fits(result, 2)
    assert "This must be a token" in result.stderr
    assert not token or token.strip() not in result.output


def test_token_is_asked_for_on_a_terminal() -> None:
    """On a terminal the token is asked for and not shown."""
    mine, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tentaculo", "hash-token"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"Token: " not in shown:
            shown += os.read(mine, 1024)
        os.write(mine, f"{TOKEN}\n".encode())
        assert process.stdout is not None
        assert process.stdout.read().decode().strip() == hashlib.sha256(TOKEN.encode()).hexdigest()
    os.close(mine)
    assert process.returncode == 0
    assert TOKEN.encode() not in shown


def _serve(path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tentaculo", "serve", "--config", str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_serve_runs_until_it_is_told_to_stop(tmp_path: Path, signum: signal.Signals) -> None:
    """The gateway logs that it started, and a signal ends it with exit code 0."""
    path = tmp_path / "f.yaml"
    path.write_text(config(top="listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlog: {format: json}\n"))
    with _serve(path) as process:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())
        process.send_signal(signum)
        assert process.wait(timeout=15) == 0
    assert started["event"] == "gateway.started"


def test_serve_fails_where_it_cannot_listen(tmp_path: Path) -> None:
    """A port in use is one sentence and exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = tmp_path / "f.yaml"
        path.write_text(config(top=f"listen: 127.0.0.1:{taken.getsockname()[1]}\nadmin: 127.0.0.1:0\n"))
        with _serve(path) as process:
            output, errors = process.communicate(timeout=15)
    assert process.returncode == 1
    assert errors.startswith(b"tentaculo: ")
    assert b"Traceback" not in output + errors


def test_only_serve_loads_the_gateway() -> None:
    """The other commands start without the event loop, the listener and the log pipeline."""
    names = ("aiohttp", "uvloop", "structlog", "rich", "prometheus_client", "redis", "http.client")
    code = f"import sys, tentaculo.cli; print([name for name in {names} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert loaded.stdout == "[]\n"
