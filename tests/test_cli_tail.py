"""`tentaculo tail` as a process: pipes, terminals, signals, and what it says when it can't."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tentaculo.cli import main

PATIENCE = 20.0
COMMAND = [sys.executable, "-m", "tentaculo", "tail"]


def event(name: str = "request.finished", **fields: Any) -> str:
    """Return an event's line."""
    facts = {"event": name, "level": "info", "timestamp": "2020-11-22T05:12:03.412345Z", **fields}
    return json.dumps(facts) + "\n"


def call(url: str, status: int = 200, **fields: Any) -> str:
    """Return the line of a call."""
    return event(**{"method": "GET", "url": url, "status": status, "duration_ms": 1.5, **fields})


LOG = (
    call("/a", route="api", principal="ui", request_id="aaaa1111")
    + call("/b", 404, route="api", principal="ops", request_id="bbbb2222")
    + call("/c", 502, route="events", principal="ui", duration_ms=900, request_id="cccc3333")
    + event("stream.ended", url="/d", status=200, route="events", duration_ms=60_000)
    + event("log.dropped", level="warning", url="/e")
    + "no event /f\n"
)


def tail(*arguments: str | Path, stdin: str = "", env: dict[str, str | None] | None = None) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["tail", *map(str, arguments)], input=stdin, env=env)


def urls(text: str) -> str:
    """Return the last letters of the URLs that are shown."""
    return "".join(word[1:] for word in text.split() if len(word) == 2 and word[0] == "/")


@contextmanager
def running(*arguments: str | Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command in a process, which is gone in the end."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    with subprocess.Popen([*COMMAND, *map(str, arguments)], **options) as process:
        guard = threading.Timer(PATIENCE, process.kill)
        guard.start()
        try:
            yield process
        finally:
            guard.cancel()
            process.kill()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "abcdef"),
        (["--route", "api"], "ab"),
        (["--route", "api", "--route", "ev*"], "abcd"),
        (["--status", "404"], "b"),
        (["--status", "4xx,500-599"], "bc"),
        (["--status", "404", "--status", "5xx"], "bc"),
        (["--principal", "ui"], "ac"),
        (["--request-id", "bbbb"], "b"),
        (["--event", "stream.*"], "d"),
        (["--slower", "500ms"], "cd"),
        (["--slower", "1m"], "d"),
        (["--level", "warning"], "e"),
        (["--principal", "ui", "--status", "5xx"], "c"),
        (["-"], "abcdef"),
    ],
    ids=" ".join,
)
def test_options_choose_lines(options: list[str], expected: str) -> None:
    """Each option leaves out what does not fit it."""
    result = tail(*options, stdin=LOG)
    assert (result.exit_code, urls(result.stdout), result.stderr) == (0, expected, "")


def test_a_piped_line_is_whole_and_plain() -> None:
    """Into a pipe, nothing is shortened or coloured; times are in UTC where that is asked for."""
    url = "/" + "x" * 500
    result = tail("--utc", stdin=call(url, request_id="a" * 32), env={"FORCE_COLOR": "1", "COLUMNS": "80"})
    assert result.stdout.endswith(f"05:12:03.412 200   1.5ms GET {url}  aaaaaaaa\n")
    assert "a" * 32 in tail("--full", stdin=call(url, request_id="a" * 32)).stdout


def test_times_are_local_unless_asked_for() -> None:
    """A reader's own time zone is the usual one."""
    with running("--local", env={**os.environ, "TZ": "HERE-1:30"}) as process:
        assert b"06:42:03.412 200" in process.communicate(call("/a").encode())[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--status", "40"], "--status takes statuses such as 404, 4xx or 400-499"),
        (["--slower", "5"], "--slower must be a duration with its unit"),
        (["--level", "loud"], "'--level'"),
        (["--lines", "-1"], "'--lines'"),
        (["a", "b"], "unexpected extra argument"),
        (["/"], "is a directory"),
    ],
)
def test_wrong_usage(options: list[str], words: str) -> None:
    """Wrong options are told, with exit code 2."""
    result = tail(*options)
    assert result.exit_code == 2
    assert words in result.stderr


def test_last_lines_of_a_file(tmp_path: Path) -> None:
    """The last lines are shown, 20 of them unless told otherwise, and it ends where nothing is followed."""
    path = tmp_path / "gateway.log"
    path.write_text("".join(call("/a") for _ in range(30)) + LOG)
    assert tail(path, "--no-follow").stdout.count("\n") == 20 + 1  # and the day
    assert urls(tail(path, "--no-follow", "--lines", "2").stdout) == "ef"
    assert urls(tail(path, "--no-follow", "--lines", "2", "--route", "events").stdout) == "cd"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Without following, it is told in one line, with exit code 1."""
    path = tmp_path / "gateway.log"
    result = tail(path, "--no-follow")
    assert result.exit_code == 1
    assert result.stderr == f"tentaculo: {path}: No such file or directory\n"


def test_follows_a_file_that_comes_and_is_moved(tmp_path: Path) -> None:
    """A file is waited for and followed past a rotation, and Ctrl-C ends it without a word."""
    path = tmp_path / "gateway.log"
    with running("--utc", path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == f"tentaculo: {path} is not there yet\n".encode()
        path.write_text(call("/a"))
        assert process.stdout.readline().startswith("── 2020-11-22".encode())
        assert b"GET /a" in process.stdout.readline()
        path.rename(tmp_path / "gateway.log.1")
        path.write_text(call("/b"))
        assert b"GET /b" in process.stdout.readline()
        assert b"was moved away" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        assert (process.returncode, out, err) == (130, b"", b"")


def test_lines_of_a_pipe_come_at_once() -> None:
    """What `docker logs -f` writes is shown when it is written, and Ctrl-C ends it without a word."""
    with running(env={**os.environ, "PYTHONUNBUFFERED": ""}) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'gateway-1  | 2020-11-22T05:12:03.412345678Z {"event":"a.b"}\n')
        process.stdin.flush()
        assert process.stdout.readline()
        assert process.stdout.readline().split()[1:] == [b"a.b"]
        process.send_signal(signal.SIGINT)
        assert process.communicate()[1] == b""
        assert process.returncode == 130


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_leaves(unbuffered: str, tmp_path: Path) -> None:
    """With `| head` it ends quietly and well, however much there is."""
    path = tmp_path / "gateway.log"
    path.write_text(call("/a") * 50_000)
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with running(path, "--no-follow", "--lines", "50000", env=env) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait() == 0


def on_terminal(*arguments: str | Path, **env: str) -> str:
    """Return what the command shows on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}}
    environ = {**clean, "TERM": "xterm", "COLUMNS": "80", **env}
    shown = b""
    with running(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=environ) as process:
        os.close(theirs)
        try:
            while data := os.read(ours, 65536):
                shown += data
        except OSError:  # how a terminal ends
            pass
        process.wait()
    os.close(ours)
    return shown.decode()


def test_a_terminal_has_colours(tmp_path: Path) -> None:
    """On a terminal lines are coloured and fit it; nothing of an event is obeyed."""
    path = tmp_path / "gateway.log"
    path.write_text(call("/" + "x" * 300 + "\x1b[2J", 502, route="api"))
    shown = on_terminal(path, "--no-follow")
    assert "\x1b[1;31m 502\x1b[0m" in shown
    assert "\x1b[36mapi\x1b[0m" in shown
    assert "\x1b[2J" not in shown
    assert "…" in shown


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_a_terminal_without_colours(env: dict[str, str], tmp_path: Path) -> None:
    """Colours are off where the user or the terminal wants none."""
    path = tmp_path / "gateway.log"
    path.write_text(LOG)
    shown = on_terminal(path, "--no-follow", **env)
    assert urls(shown) == "abcdef"
    assert "\x1b" not in shown


def test_a_terminal_as_stdin_is_no_log() -> None:
    """Without a file and without a pipe there is nothing to read, and that is said."""
    assert "Name a FILE, or pipe a log into it." in on_terminal()


def test_help_shows_examples() -> None:
    """The help text shows how it is used with files and with docker."""
    result = tail("--help")
    assert result.exit_code == 0
    assert "  docker logs -f gateway 2>&1 | tentaculo tail" in result.stdout
