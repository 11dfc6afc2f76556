"""Where a chunked body ends (RFC 9112 section 7.1), for whoever must not read past it.

It does not judge a body: what is malformed ends nowhere, and the parser behind refuses it.  Never
touches a socket.
"""

from __future__ import annotations

import re

LINE_LIMIT = 16 * 1024
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")


class ChunkedEnd:
    """Follows a chunked body piece by piece."""

    __slots__ = ("_in_trailers", "_line", "_lost", "_skip")

    def __init__(self) -> None:
        self._line = b""
        self._skip = 0
        self._in_trailers = False
        self._lost = False

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
            return line == b"\r\n"
        size = _SIZE.match(line)
        if size is None:
            self._lost = True
        elif length := int(size[0], 16):
            self._skip = length + 2
        else:
            self._in_trailers = True
        return False
