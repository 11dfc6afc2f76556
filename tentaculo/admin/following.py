"""Reads lines from a stream, or from a file that grows, is moved away, is emptied or comes later.

Lines are bytes without their end; what is longer than `MAX_LINE` is cut.  Knows nothing of what they hold.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

MAX_LINE = 1024 * 1024
BLOCK = 256 * 1024
POLL_SECONDS = 0.2
_FLAGS = os.O_RDONLY | os.O_CLOEXEC

Batch = list[bytes]


class LineSplitter:
    """Makes lines of the pieces that are read."""

    def __init__(self) -> None:
        self._begun = bytearray()

    def feed(self, data: bytes) -> Batch:
        """Return the lines that end in this piece."""
        first, *others = data.split(b"\n")
        self._add(first)
        if not others:
            return []
        lines = [bytes(self._begun), *(line[:MAX_LINE] for line in others[:-1])]
        self._begun.clear()
        self._add(others[-1])
        return lines

    def rest(self) -> Batch:
        """Return the line that has no end, if there is one, and begin anew."""
        lines = [bytes(self._begun)] if self._begun else []
        self._begun.clear()
        return lines

    def _add(self, data: bytes) -> None:
        self._begun += data[: MAX_LINE - len(self._begun)]


def stream_lines(read: Callable[[int], bytes]) -> Iterator[Batch]:
    """Yield the lines of a stream as they come; `read` returns what is there, and nothing at the end."""
    splitter = LineSplitter()
    while data := read(BLOCK):
        yield splitter.feed(data)
    yield splitter.rest()


def lines_backwards(fd: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file and where they begin, the last one first: what is after the last end."""
    begun, at = b"", end
    while at > 0:
        size = min(BLOCK, at)
        at -= size
        first, *others = os.pread(fd, size, at).split(b"\n")
        if not others:
            begun = (first + begun)[:MAX_LINE]
            continue
        start = at + size + 1
        for line in reversed(others):
            start -= len(line) + 1
            yield start, (line + begun)[:MAX_LINE]
            begun = b""
        begun = first
    yield 0, begun


class FollowedFile:
    """A file by its path, as `tail -F` sees it.  Raises OSError where it is there but can't be opened.

    `wait` is called when there is nothing to do, `tell` with words for the user.
    """

    def __init__(
        self,
        path: Path,
        *,
        wait: Callable[[], None] = lambda: time.sleep(POLL_SECONDS),
        tell: Callable[[str], None] = lambda words: None,
    ) -> None:
        self._path = path
        self._wait = wait
        self._tell = tell
        self._fd = -1
        self._at = 0
        self._splitter = LineSplitter()

    def open(self) -> bool:
        """Open it, and say whether it is there."""
        try:
            self._fd = os.open(self._path, _FLAGS)
        except FileNotFoundError:
            return False
        return True

    def close(self) -> None:
        """Close it, if it was ever there."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def last(self, count: int, is_wanted: Callable[[bytes], bool], *, follows: bool) -> Batch:
        """Return the last `count` lines that are wanted of an open file, the oldest first.

        A line without an end counts, unless the file is followed: then its end is waited for.
        """
        found = lines_backwards(self._fd, os.fstat(self._fd).st_size)
        start, line = next(found)
        self._at = start
        begun = () if follows else (line,)
        wanted = filter(is_wanted, chain(begun, (line for _, line in found)))
        return [*islice(wanted, count)][::-1]

    def follow(self) -> Iterator[Batch]:
        """Yield the lines that come, without end; of a file that is new, from its beginning."""
        if self._fd < 0:
            self._wait_for_it()
        while True:
            if data := self._read():
                yield self._splitter.feed(data)
            elif os.fstat(self._fd).st_size < self._at:
                self._tell("was emptied")
                yield self._splitter.rest()
                self._at = 0
            elif self._has_successor():
                yield from self._change()
            else:
                self._wait()

    def _read(self) -> bytes:
        data = os.pread(self._fd, BLOCK, self._at)
        self._at += len(data)
        return data

    def _wait_for_it(self) -> None:
        if not self.open():
            self._tell("is not there yet")
            self._wait()
            while not self.open():
                self._wait()

    def _has_successor(self) -> bool:
        """Say whether the path is another file that was written to: until then the old one may still be."""
        try:
            facts = os.stat(self._path)
        except OSError:
            return False
        is_written = stat.S_ISREG(facts.st_mode) and facts.st_size > 0
        return is_written and not os.path.samestat(facts, os.fstat(self._fd))

    def _change(self) -> Iterator[Batch]:
        """Yield what is left of the file that was moved away, and go on with the one that has its path."""
        try:
            fresh = os.open(self._path, _FLAGS)
        except OSError:
            self._wait()
            return
        while data := self._read():
            yield self._splitter.feed(data)
        yield self._splitter.rest()
        os.close(self._fd)
        self._fd, self._at = fresh, 0
        self._tell("was moved away, and is read anew")
