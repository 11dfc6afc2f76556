"""Hands the log's events on, as they are written, to whoever listens; while nobody does it is not asked.

Lines come from any thread.  Each listener has a queue with a bound: what finds no room is counted, and
nobody ever waits for a listener.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tentaculo.telemetry.logs import Logs

MOST_LINES = 1000
MOST_BYTES = 512 * 1024

_unheard: ContextVar[bool] = ContextVar("unheard", default=False)


class LineQueue:
    """JSON lines on their way to one listener; a count stands in place of those that were left out."""

    __slots__ = ("_entries", "_lock", "_room", "_size")

    def __init__(self) -> None:
        self._entries: deque[bytes | int] = deque()
        self._lock = threading.RLock()  # a warning while objects are freed is logged within a step of its own
        self._room = MOST_LINES
        self._size = 0

    def put(self, line: bytes) -> None:
        """Take in a line, or count it where there is no room."""
        with self._lock:
            if self._room > 0 and self._size + len(line) <= MOST_BYTES:
                self._room -= 1
                self._size += len(line)
                self._entries.append(line)
            elif self._entries and isinstance(self._entries[-1], int):
                self._entries[-1] += 1
            else:
                self._entries.append(1)

    def take(self, most: int, size: int) -> list[bytes]:
        """Return the oldest lines without their ends: `most`, or fewer once they have that `size`."""
        taken: list[bytes] = []
        with self._lock:
            while self._entries and len(taken) < most and size > 0:
                entry = self._entries.popleft()
                if isinstance(entry, int):
                    taken.append(_skipped(entry))
                else:
                    taken.append(entry.rstrip())
                    self._room += 1
                    self._size -= len(entry)
                    size -= len(entry)
        return taken


class LogTap:
    """The listeners of one log."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._queues: tuple[LineQueue, ...] = ()  # swapped whole: other threads go through it

    @contextmanager
    def listen(self) -> Iterator[LineQueue]:
        """Yield a queue that gets every line from now to the end of the block."""
        queue = LineQueue()
        self._hand_to((*self._queues, queue))
        try:
            yield queue
        finally:
            self._hand_to(tuple(other for other in self._queues if other is not queue))

    def _hand_to(self, queues: tuple[LineQueue, ...]) -> None:
        self._queues = queues
        self._logs.tap = self._put if queues else None

    def _put(self, line: bytes) -> None:
        if not _unheard.get():
            for queue in self._queues:
                queue.put(line)


@contextmanager
def unheard() -> Iterator[None]:
    """Have no listener hear of what is logged within the block.

    Telling listeners may be logged itself, and that would have to be told again.
    """
    token = _unheard.set(True)
    try:
        yield
    finally:
        _unheard.reset(token)


def _skipped(count: int) -> bytes:
    return b'{"event":"console.skipped","count":%d}' % count
