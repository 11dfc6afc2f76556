"""What `tentaculo tail` does: lines of a file or a stream, those that are wanted, made readable.

Hands text to a writer and never prints; what is below knows reading, choosing and layout.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from errno import ENOENT
from pathlib import Path

from tentaculo.admin.following import Batch, FollowedFile, stream_lines
from tentaculo.admin.tail_events import read_event
from tentaculo.admin.tail_filters import Filters
from tentaculo.admin.tail_lines import TailLines


@dataclass(frozen=True, slots=True)
class TailFile:
    """A file to read: its last `lines`, and what comes later if it is followed."""

    path: Path
    lines: int
    follows: bool


class Tail:
    """Makes readable text of log lines, and leaves out those that are not wanted."""

    def __init__(self, lines: TailLines, filters: Filters) -> None:
        self._lines = lines
        self._wants = filters.test()

    def stream(self, read: Callable[[int], bytes]) -> Iterator[str]:
        """Yield the text of all lines of a stream, as they come; `read` returns what is there."""
        return self._shown(stream_lines(read))

    def file(self, terms: TailFile, tell: Callable[[str], None]) -> Iterator[str]:
        """Yield the text of the lines of a file.  Raises OSError where it can't be read.

        The last lines are the last that are wanted.  `tell` gets words for the user.
        """
        if terms.path.exists() and not terms.path.is_file():  # a pipe, which has no last lines
            with terms.path.open("rb", buffering=0) as stream:
                yield from self.stream(stream.read)
            return
        with closing(FollowedFile(terms.path, tell=tell)) as file:
            is_there = file.open()
            if not (is_there or terms.follows):
                raise FileNotFoundError(ENOENT, os.strerror(ENOENT))
            if is_there:
                yield from self._shown([file.last(terms.lines, self._is_wanted, follows=terms.follows)])
            if terms.follows:
                yield from self._shown(file.follow())

    def _shown(self, batches: Iterable[Batch]) -> Iterator[str]:
        for batch in batches:
            if text := "".join(map(self._text, batch)):
                yield text

    def _is_wanted(self, line: bytes) -> bool:
        if self._wants is None:
            return bool(line.strip())
        event = read_event(line)
        return event is not None and self._wants(event)

    def _text(self, line: bytes) -> str:
        event = read_event(line)
        if event is None:
            return self._lines.plain(line) if self._is_wanted(line) else ""
        if self._wants is None or self._wants(event):
            return self._lines.event(event)
        return ""
