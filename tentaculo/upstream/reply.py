"""What an upstream answers, and who takes it."""

from __future__ import annotations

import enum
from typing import Final, Protocol

from tentaculo.errors import GatewayError

REASON_AT = len(b"HTTP/1.1 200 ")


class Framing(enum.Enum):
    """How a reply's body ends (RFC 9112 section 6.3)."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


_CLOSE: Final = Framing.CLOSE


class ReplyHead:
    """Status and fields of a reply as raw bytes; `length` of its body in bytes where it is declared.

    `lines` are its fields as `Name: value`, without line ends, and `names` the names in them.
    """

    __slots__ = ("_typed", "content_type", "framing", "length", "lines", "names", "status", "status_line")

    def __init__(self) -> None:
        self.status = 0
        self.status_line = b""
        self.names: list[bytes] = []
        self.lines: list[bytes] = []
        self.framing = _CLOSE
        self.length: int | None = None
        self.content_type = b""
        self._typed = False

    @property
    def reason(self) -> bytes:
        """What the upstream says the status means."""
        return self.status_line[REASON_AT:]

    def note_type(self, value: bytes) -> None:
        """Note a Content-Type; which of two a client takes is anyone's guess, so it is none."""
        self.content_type = value if not self._typed or value == self.content_type else b""
        self._typed = True

    def add(self, name: bytes, value: bytes) -> None:
        """Add a field."""
        self.names.append(name)
        self.lines.append(name + b": " + value)


class ReplySink(Protocol):
    """Takes a reply as it arrives; called from the event loop, once for each read at most."""

    def interim_received(self, head: ReplyHead) -> None:
        """Take a 1xx head."""

    def reply_received(self, head: ReplyHead | None, body: bytes, framed: bytes, *, ended: bool) -> None:
        """Take what one read brought: the head (once), a piece of the body, and whether it ended.

        `framed` is the same piece in whole chunks, where it came in such and they are proven; else empty.
        """

    def reply_failed(self, error: GatewayError) -> None:
        """Take the end of a reply that is not whole."""
