"""Chunked bodies (RFC 9112 section 7.1): where one ends, and what ordinary ones hold.

Neither judges a body: what is malformed ends nowhere, and a parser behind refuses what is not ordinary.
Never touches a socket.
"""

from __future__ import annotations

import re
from typing import Final

LINE_LIMIT = 16 * 1024
OPEN: Final = 0
ENDED: Final = 1
ODD: Final = 2
MALFORMED: Final = 3
_MOST_DIGITS: Final = 15
_CR: Final = 13
_LF: Final = 10
_NO_DIGIT: Final = 16
_DIGITS: Final = bytes(
    int(chr(byte), 16) if chr(byte) in "0123456789abcdefABCDEF" else _NO_DIGIT for byte in range(256)
)
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")


class ChunkedEnd:
    """Follows a chunked body piece by piece; `has_trailers` is whether fields followed its last chunk."""

    __slots__ = ("_in_trailers", "_line", "_lost", "_skip", "has_trailers")

    def __init__(self) -> None:
        self._line = b""
        self._skip = 0
        self._in_trailers = False
        self._lost = False
        self.has_trailers = False

    def feed(self, data: bytes) -> int | None:
        """Return the place just behind the body's end, None while it is not in what came so far."""
        at = 0
        while at < len(data) and not self._lost:
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            end = data.find(b"\n", at) + 1
            self._line += data[at : end or len(data)]
            at = end or len(data)
            self._lost = len(self._line) > LINE_LIMIT
            if end and self._line_ended():
                return at
        return None

    def _line_ended(self) -> bool:
        line, self._line = self._line, b""
        if self._in_trailers:
            is_end = line == b"\r\n"
            self.has_trailers = self.has_trailers or not is_end
            return is_end
        size = _SIZE.match(line)
        if size is None:
            self._lost = True
        elif length := int(size[0], 16):
            self._skip = length + 2
        else:
            self._in_trailers = True
        return False


class ChunkReader:
    """Reads a body of ordinary chunks: no extensions, no trailers, sizes of a sensible length.

    `state` tells whether the body goes on, has ended, goes on with what is not ordinary, or is malformed;
    `rest` is what follows its end, or all from the beginning of the odd chunk.  `were_whole` is whether
    the last read held whole chunks and nothing else.
    """

    __slots__ = ("_held", "_left", "rest", "state", "were_whole")

    def __init__(self) -> None:
        self._held = b""
        self._left = 0  # of a chunk, its last line end included
        self.rest = b""
        self.state = OPEN
        self.were_whole = False

    def feed(self, data: bytes) -> bytes:
        """Return what of the body is in these bytes."""
        from_start = not self._left and not self._held
        if self._held:
            data = self._held + data
            self._held = b""
        parts: list[bytes] = []
        at, end = 0, len(data)
        while at < end and self.state == OPEN:
            if not self._left:
                at = self._begin_chunk(data, at, end)
            if self._left > 2 and at < end:
                stop = min(at + self._left - 2, end)
                parts.append(data[at:stop])
                self._left -= stop - at
                at = stop
            while 0 < self._left <= 2 and at < end:
                if data[at] != (_CR if self._left == 2 else _LF):
                    self.state = MALFORMED
                    break
                self._left -= 1
                at += 1
        self.were_whole = from_start and self.state == OPEN and not self._left and not self._held
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _begin_chunk(self, data: bytes, at: int, end: int) -> int:
        """Read the line before a chunk; return where its bytes begin."""
        size, place = 0, at
        while place < end:
            digit = _DIGITS[data[place]]
            if digit == _NO_DIGIT or place - at > _MOST_DIGITS:
                break
            size = size * 16 + digit
            place += 1
        digits = place - at
        if digits == 0 or digits > _MOST_DIGITS:
            return self._stop(ODD, data, at, end)
        if place + 1 >= end:
            if place == end or data[place] == _CR:
                self._held = data[at:]
                return end
            return self._stop(ODD, data, at, end)
        if data[place] != _CR or data[place + 1] != _LF:
            return self._stop(ODD, data, at, end)
        if size:
            self._left = size + 2
            return place + 2
        return self._end(data, at, place + 2, end)

    def _end(self, data: bytes, at: int, place: int, end: int) -> int:
        """Read what is behind the last chunk's line at `at`, from `place` on."""
        tail = data[place : place + 2]
        if tail == b"\r\n":
            return self._stop(ENDED, data, place + 2, end)
        if tail and tail != b"\r":
            return self._stop(ODD, data, at, end)  # trailers
        self._held = data[at:]
        return end

    def _stop(self, state: int, data: bytes, at: int, end: int) -> int:
        self.state = state
        self.rest = data[at:]
        return end
