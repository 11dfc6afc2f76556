"""Processes that a benchmark starts, waits for and ends: only those, whatever happens in between.

Each runs in a session of its own, so that Ctrl-C reaches the benchmark first and it ends them in order.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

START_SECONDS = 15.0
END_SECONDS = 5.0
PAUSE_SECONDS = 0.05


class StartFailed(Exception):
    """A process ended or stayed silent before it accepted a connection; the text holds its last words."""


@contextlib.contextmanager
def running(command: Sequence[str], *, folder: Path, log: Path, port: int) -> Iterator[int]:
    """Run `command` in `folder` until the block ends; yield its pid once `port` accepts connections.

    What it writes to stdout is appended to `log`, stderr to a file beside it that ends in `.stderr`.
    """
    errors = log.with_suffix(".stderr")
    with log.open("ab") as out, errors.open("ab") as err:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
    try:
        _wait_until_open(process, port, errors)
        yield process.pid
    finally:
        _end(process)


def _wait_until_open(process: subprocess.Popen[bytes], port: int, errors: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartFailed(f"it ended with exit code {process.returncode}: {_last_words(errors)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PAUSE_SECONDS):
            return
        time.sleep(PAUSE_SECONDS)
    raise StartFailed(f"port {port} was closed for {START_SECONDS:.0f} seconds: {_last_words(errors)}")


def _last_words(errors: Path) -> str:
    return errors.read_text(errors="replace").strip()[-2000:] or "it wrote nothing to stderr"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
    finally:  # a second Ctrl-C ends the wait, not the duty
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
