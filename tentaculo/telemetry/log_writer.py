"""Writes log lines to a descriptor or a file from a thread of its own: the event loop never waits for it.

What does not fit the bounded queue, or can't be written, is dropped and counted, and the log says so
as soon as it can.  Knows lines as bytes, nothing of events.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from tentaculo.telemetry.log_file import LogFile, Place, place_of
from tentaculo.telemetry.log_turns import NO_TURNS, Turns

MIB = 1024 * 1024
_POLL_MILLISECONDS = 50
_NICER = 10
# So much is worth a write. The event loop waits for the join, and where both share a core for the write too.
_ENOUGH = 32 * 1024


def dropped_line(count: int) -> bytes:
    """Say that lines were dropped, where no other way to say it is given."""
    return b'{"event":"log.dropped","level":"warning","dropped":%d}\n' % count


def unopened_line(reason: str) -> bytes:
    """Say that the file could not be opened again, where no other way to say it is given."""
    return b'{"event":"log.reopen_failed","level":"error","reason":%s}\n' % json.dumps(reason).encode()


def _give_way() -> None:
    """Let the event loop's thread go first where both share a core; only Linux tells threads apart."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + _NICER)


@dataclass(frozen=True, slots=True)
class _Tear:
    """Where a line went out in part: what is missing of it, and the file as it was; None is no file."""

    missing: bytes
    place: Place | None


class LogWriter:
    """A queue of lines and the thread that empties it, each 32 KiB or `flush_interval` seconds.

    `target` is a descriptor, which stays open, or a file, which is the writer's from now on.  `notice`
    makes the line that tells how many were dropped, `unopened` the one that tells why the file could
    not be opened again; `on_dropped` is told of each drop.  All may be called from the writer's thread.
    Where other processes write to the same place, whole lines go out in `turns`.
    """

    def __init__(
        self,
        target: int | LogFile,
        *,
        max_bytes: int = 8 * MIB,
        flush_interval: float = 0.1,
        notice: Callable[[int], bytes] = dropped_line,
        unopened: Callable[[str], bytes] = unopened_line,
        on_dropped: Callable[[int], None] | None = None,
        turns: Turns = NO_TURNS,
    ) -> None:
        self._turns = turns
        self._file = target if isinstance(target, LogFile) else None
        self._fd = target if isinstance(target, int) else target.fd
        self._max_bytes = max_bytes
        self._flush_interval = flush_interval
        self._notice = notice
        self._unopened = unopened
        self._on_dropped = on_dropped
        self._lines: list[bytes] = []
        # Each of the two has one writer, the event loop and the thread, so neither needs a lock.
        self._taken_in = 0
        self._done_with = 0
        self._refused = 0
        self._lost = 0
        self._reported = 0
        self._in_hand = 0
        self._given_up = False
        self._tear: _Tear | None = None
        self._moved = False
        self._idle = True
        self._closed = False
        self._deadline = float("inf")
        self._gathered = 0
        self._calls: SimpleQueue[None] = SimpleQueue()  # who calls the thread waits for no lock of its
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Return how many lines were dropped so far."""
        return self._refused + self._lost

    def write(self, line: bytes) -> None:
        """Queue a whole line, or drop it when the queue is full; never blocks, never raises."""
        size = len(line)
        if self._taken_in - self._done_with + size > self._max_bytes or self._closed:
            self._refused += 1
            self._tell(1)
        else:
            self._taken_in += size
            self._lines.append(line)
            self._gathered += size
            if self._gathered >= _ENOUGH:
                self._gathered = 0
                self._calls.put(None)
        if self._idle:
            self._idle = False
            self._calls.put(None)

    def reopen(self) -> None:
        """Have the file opened again, since it was moved; it happens soon, between two lines.

        Where it can't be opened, lines go on to the old one, and one says why.  A descriptor stays.
        """
        if self._file is not None:
            self._moved = True
            self._idle = False
            self._calls.put(None)

    def close(self, timeout: float) -> None:
        """Write what is queued, for at most `timeout` seconds; what is left counts as dropped."""
        self._deadline = time.monotonic() + timeout
        self._closed = True
        self._calls.put(None)
        self._thread.join(timeout)
        # A thread stuck in a blocking write is left behind: it is a daemon, and the process ends.
        stuck = self._thread.is_alive()
        left = self._in_hand if stuck else int(self._is_unfinished())
        self._lose(left + len(self._take()))
        if self._file is not None and not (stuck or self._given_up):
            self._file.close()
        self._given_up = True

    def _tell(self, count: int) -> None:
        if self._on_dropped is not None:
            self._on_dropped(count)

    def _lose(self, count: int) -> None:
        if count and not self._given_up:
            self._lost += count
            self._tell(count)

    # -- the thread ------------------------------------------------------------

    def _run(self) -> None:
        _give_way()
        while not self._closed:
            self._calls.get()
            while not self._idle:
                with suppress(Empty):
                    self._calls.get(timeout=self._flush_interval)  # lines gather
                self._flush()
                self._rest()
        self._flush()

    def _rest(self) -> None:
        """Be idle if nothing is queued: in this order, so that no line is queued unseen."""
        self._idle = True
        if self._lines or self._moved:
            self._idle = False

    def _take(self) -> list[bytes]:
        count = len(self._lines)  # and more may come meanwhile
        taken = self._lines[:count]
        del self._lines[:count]
        return taken

    def _flush(self) -> None:
        if self._moved:
            self._moved = False
            self._open_again()
        lines = self._take()
        self._in_hand = len(lines)
        data = b"".join(lines)
        if lines or self._is_unfinished():
            self._lose(len(lines) - self._write(lines, data))
        self._in_hand = 0
        self._done_with += len(data)
        count = self.dropped - self._reported
        if count and self._write_one(self._notice(count)):
            self._reported += count

    def _open_again(self) -> None:
        assert self._file is not None
        try:
            self._file.reopen()
        except OSError as fault:
            self._lose(1 - self._write_one(self._unopened(fault.strerror or "unknown")))
        self._fd = self._file.fd

    def _is_unfinished(self) -> bool:
        """Say whether a line that counts as written still misses its end."""
        return self._tear is not None and self._tear.place is not None

    def _write_one(self, line: bytes) -> int:
        return self._write([line], line)

    def _write(self, lines: list[bytes], data: bytes) -> int:
        """Write lines, joined in `data`; return how many went out, or will be whole once there is room."""
        with self._turns:
            return self._write_in_turn(lines, data)

    def _write_in_turn(self, lines: list[bytes], data: bytes) -> int:
        start = self._start()
        data = start + data
        sent = self._send(data)
        if sent == len(data):
            self._tear = None
            return len(lines)
        if sent < len(start):
            if sent:
                self._tear_line(start[sent:])
            return 0
        whole, end = 0, len(start)
        while end + len(lines[whole]) <= sent:
            end += len(lines[whole])
            whole += 1
        self._tear = None
        return whole if sent == end else whole + self._tear_line(lines[whole][sent - end :])

    def _tear_line(self, missing: bytes) -> int:
        """Remember what is missing of a line; return 1 where it can be written later, as in a file."""
        place = place_of(self._fd)
        self._tear = _Tear(b"\n" if place is None else missing, place)
        return int(place is not None)

    def _start(self) -> bytes:
        """Return what has to go out first: what is missing of a torn line, or just its end.

        Its end where the file is another one by now, or someone cut it or wrote to it.
        """
        tear = self._tear
        if tear is None:
            return b""
        place = place_of(self._fd)
        if tear.place is None or tear.place == place:
            return tear.missing
        self._lose(1)
        is_empty = place is not None and place[2] == 0
        self._tear = None if is_empty else _Tear(b"\n", None)
        return b"" if is_empty else b"\n"

    def _send(self, data: bytes) -> int:
        sent = 0
        # Past the deadline the descriptor may be another file's already.
        while sent < len(data) and time.monotonic() < self._deadline:
            try:
                sent += os.write(self._fd, memoryview(data)[sent:])
            except BlockingIOError:
                if not self._waits_for_room():
                    break
            except OSError:
                break
        return sent

    def _waits_for_room(self) -> bool:
        """Wait, where someone made the descriptor non-blocking; when closing, not past the deadline."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        while time.monotonic() < self._deadline:
            if poll.poll(_POLL_MILLISECONDS):
                return True
        return False
