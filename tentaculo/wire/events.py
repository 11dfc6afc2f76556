"""The grammar of event streams (WHATWG HTML section 9.2.6), followed through any split of the bytes.

It knows where a stream stands, not what its events say: data is never kept.  Never touches a socket.
"""

from __future__ import annotations

from typing import Final

BOM = b"\xef\xbb\xbf"
ID_LIMIT = 64 * 1024
"""Bytes; a longer id is ignored as one with NUL is, and so is a longer `retry`."""
RETRY_LIMIT = 2**31 - 1
"""Milliseconds, 24 days; what is more counts as this."""

# As many bytes of a line tell whether it is data.
_NAME_LIMIT = 5
_LF: Final = 10


def read_id(value: bytes) -> bytes | None:
    """Return an id as a browser has it, with what is not UTF-8 replaced; None where it is ignored."""
    value = value.removeprefix(b" ")
    if value.find(b"\0") >= 0 or len(value) > ID_LIMIT:
        return None
    return value if value.isascii() else value.decode("utf-8", "replace").encode()


def read_retry(value: bytes) -> int | None:
    """Return the milliseconds of a `retry` field, None where it is ignored."""
    digits = value.removeprefix(b" ")
    if not digits.isdigit() or len(digits) > ID_LIMIT:
        return None
    digits = digits.lstrip(b"0")
    return min(int(digits or b"0"), RETRY_LIMIT) if len(digits) <= 10 else RETRY_LIMIT


class WithoutBom:
    """Takes one leading byte order mark away, which is none where other bytes went before it."""

    __slots__ = ("_held", "done")

    def __init__(self) -> None:
        self._held = b""
        self.done = False

    def feed(self, data: bytes) -> bytes:
        """Return what may be sent on; bytes are held back as long as they could become the mark."""
        if self.done:
            return data
        data = self._held + data
        if len(data) < len(BOM) and BOM.startswith(data):
            self._held = data
            return b""
        self.done = True
        self._held = b""
        return data.removeprefix(BOM)


class EventTracker:
    """Follows an event stream as the upstream sends it, its byte order mark included.

    `events` were dispatched so far; with `untouched` no byte came yet.
    """

    __slots__ = ("_after_cr", "_has_data", "_in_block", "_line", "_ready", "_start", "events", "untouched")

    def __init__(self) -> None:
        self.events = 0
        self.untouched = True
        self._start: WithoutBom | None = WithoutBom()
        # Between events, with the byte order mark behind: whole events need no look at their lines.
        self._ready = False
        self._after_cr = False
        self._line = b""  # how an unfinished line begins
        self._in_block = False
        self._has_data = False

    @property
    def is_between(self) -> bool:
        """Whether a comment or a whole event may be put here; before a mark only as WithoutBom helps."""
        return self._ready or self.untouched

    def feed(self, data: bytes) -> None:
        """Follow what came next."""
        if self._ready and _is_event(data):
            self.events += 1
        else:
            self._follow(data)

    def _follow(self, data: bytes) -> None:
        if not data:
            return
        self.untouched = False
        if self._start is not None:
            data = self._past_mark(self._start, data)
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        lines = data.splitlines()
        unfinished = lines.pop() if lines and not data.endswith((b"\n", b"\r")) else b""
        if lines and self._line:
            lines[0] = self._line + lines[0]
            self._line = b""
        for line in lines:
            self._end_line(line)
        if unfinished and len(self._line) < _NAME_LIMIT:
            self._line += unfinished[:_NAME_LIMIT]
        clear = not self._line and not self._in_block
        # Between events one more blank line means nothing, so there LF needs no care.
        self._after_cr = not clear and data.endswith(b"\r")
        self._ready = clear and self._start is None

    def _past_mark(self, start: WithoutBom, data: bytes) -> bytes:
        data = start.feed(data)
        if start.done:
            self._start = None
        return data

    def _end_line(self, line: bytes) -> None:
        if not line:
            if self._has_data:
                self.events += 1
            self._in_block = self._has_data = False
        elif line.startswith(b"data:") or line == b"data":
            self._in_block = self._has_data = True
        elif not line.startswith(b":"):
            self._in_block = True


def _is_event(data: bytes) -> bool:
    """Whether bytes are one whole event and nothing else, for certain: most reads are that."""
    end = len(data) - 2
    if end < 0 or data[end] != _LF or data[end + 1] != _LF or data.find(b"\r") >= 0:
        return False
    if data.startswith(b"data:"):
        return data.find(b"\n") == end or data.find(b"\n\n") == end
    return data.find(b"\ndata:") > 0 and data.find(b"\n\n") == end
