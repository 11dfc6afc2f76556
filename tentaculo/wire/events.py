"""The grammar of event streams (WHATWG HTML section 9.2.6), followed through any split of the bytes.

It knows where a stream stands, not what its events say: data is never kept.  Never touches a socket.
"""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"
ID_LIMIT = 64 * 1024
"""Bytes; a longer id is ignored as one with NUL is, and so is a longer `retry`."""
RETRY_LIMIT = 2**31 - 1
"""Milliseconds, 24 days; what is more counts as this."""

# Lines whose values matter; of any other, these many bytes tell what it is.
_VALUED = (b"id:", b"retry:")
_NAME_LIMIT = 6
# More than the longest value that counts, with its name.
_LINE_LIMIT = ID_LIMIT + 8


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

    `events` were dispatched so far; `retry` is what the stream set last, in milliseconds; `last_id`
    is the last event id as of the last blank line, empty where there is none (longer ones than
    ID_LIMIT are ignored).  With `untouched` no byte came yet.
    """

    __slots__ = (
        "_after_cr",
        "_has_data",
        "_id",
        "_in_block",
        "_line",
        "_ready",
        "_start",
        "events",
        "last_id",
        "retry",
        "untouched",
    )

    def __init__(self) -> None:
        self.events = 0
        self.retry: int | None = None
        self.untouched = True
        self._start = WithoutBom()
        # Between events, with the byte order mark behind: whole events need no look at their lines.
        self._ready = False
        self._after_cr = False
        self._line = bytearray()
        self._in_block = False
        self._has_data = False
        self._id: bytes | None = None
        self.last_id = b""

    @property
    def is_between(self) -> bool:
        """Whether a comment or a whole event may be put here; before a mark only as WithoutBom helps."""
        return self._ready or self.untouched

    def feed(self, data: bytes) -> None:
        """Follow what came next."""
        # Most reads are one event of one line; find() is what costs least to tell.
        if (
            self._ready
            and data.startswith(b"data:")
            and data.find(b"\n") == len(data) - 2
            and data.endswith(b"\n")
            and data.find(b"\r") < 0
        ):
            self.events += 1
        else:
            self._follow(data)

    def _follow(self, data: bytes) -> None:
        if not data:
            return
        self.untouched = False
        if not self._start.done:
            data = self._start.feed(data)
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        lines = data.splitlines()
        unfinished = lines.pop() if lines and not data.endswith((b"\n", b"\r")) else b""
        if lines and self._line:
            lines[0] = bytes(self._line) + lines[0]
            self._line.clear()
        for line in lines:
            self._end_line(line)
        if unfinished:
            self._keep(unfinished)
        clear = not self._line and not self._in_block
        # Between events one more blank line means nothing, so there LF needs no care.
        self._after_cr = not clear and data.endswith(b"\r")
        self._ready = clear and self._start.done

    def _keep(self, piece: bytes) -> None:
        """Keep of an unfinished line what its end may need."""
        line = self._line
        if len(line) >= _NAME_LIMIT and not line.startswith(_VALUED):
            return
        line += piece[:_LINE_LIMIT]
        del line[_LINE_LIMIT if line.startswith(_VALUED) else _NAME_LIMIT :]

    def _end_line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._in_block = self._has_data = True
        elif not line:
            self._end_block()
        elif not line.startswith(b":"):
            self._in_block = True
            self._end_field(line)

    def _end_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"id":
            found = read_id(value)
            self._id = self._id if found is None else found
        elif name == b"retry":
            retry = read_retry(value)
            self.retry = self.retry if retry is None else retry
        elif name == b"data":
            self._has_data = True

    def _end_block(self) -> None:
        if self._has_data:
            self.events += 1
        if self._id is not None:
            self.last_id = self._id
            self._id = None
        self._has_data = False
        self._in_block = False
