"""Interim: writes log lines from a thread."""

from __future__ import annotations

import os
import threading


class LogWriter:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: list[bytes] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        self._lines.append(line)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            os.write(self._fd, b"".join(lines))

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self._flush()
        self._flush()

    def close(self, timeout: float) -> None:
        self._stop.set()
        self._thread.join(timeout)
