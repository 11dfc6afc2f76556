"""Tests of starting and ending processes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.benchmarks import processes
from scripts.benchmarks.processes import StartFailed, running
from tests.fakes.ports import free_port

LISTEN = "import socket, signal; s = socket.create_server(('127.0.0.1', {port})); print('up', flush=True); "


def is_running(pid: int) -> bool:
    """Say whether the process is there."""
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def port() -> int:
    """Return a free port."""
    return free_port()


@pytest.mark.parametrize(
    "rest",
    ["signal.pause()", "signal.signal(signal.SIGTERM, signal.SIG_IGN); [signal.pause() for _ in range(9)]"],
    ids=["obeys", "deaf"],
)
def test_a_process_lives_as_long_as_the_block(
    rest: str, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is up inside and gone afterwards, even when it ignores SIGTERM, and its output is kept."""
    monkeypatch.setattr(processes, "END_SECONDS", 0.3)
    log = tmp_path / "it.log"
    command = [sys.executable, "-c", LISTEN.format(port=port) + rest]
    with running(command, folder=tmp_path, log=log, port=port) as pid:
        assert is_running(pid)
    assert not is_running(pid)
    assert log.read_text() == "up\n"


def test_a_process_ends_after_an_error(port: int, tmp_path: Path) -> None:
    """An error or Ctrl-C inside the block leaves nothing behind."""
    command = [sys.executable, "-c", LISTEN.format(port=port) + "signal.pause()"]
    pids = []

    def interrupted() -> None:
        with running(command, folder=tmp_path, log=tmp_path / "it.log", port=port) as pid:
            pids.append(pid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not any(map(is_running, pids))


def test_a_process_that_ends_at_once(port: int, tmp_path: Path) -> None:
    """Its exit code and its last words are said."""
    command = [sys.executable, "-c", "import sys; print('bad key', file=sys.stderr); sys.exit(3)"]
    with (
        pytest.raises(StartFailed, match="exit code 3: bad key"),
        running(command, folder=tmp_path, log=tmp_path / "it.log", port=port),
    ):
        pass


def test_a_process_that_never_listens(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after its time."""
    monkeypatch.setattr(processes, "START_SECONDS", 0.2)
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    with (
        pytest.raises(StartFailed, match=f"port {port} was closed"),
        running(command, folder=tmp_path, log=tmp_path / "it.log", port=port),
    ):
        pass
