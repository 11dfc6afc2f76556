"""What an upstream answers, and who takes it."""

from __future__ import annotations

import enum
from typing import Protocol

from tentaculo.errors import GatewayError
from tentaculo.wire.headers import Field


class Framing(enum.Enum):
    """How a reply's body ends (RFC 9112 section 6.3)."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


class ReplyHead:
    """Status, reason and fields of a reply as raw bytes; `length` in bytes where it is declared."""

    __slots__ = ("content_type", "fields", "framing", "length", "reason", "status")

    def __init__(self) -> None:
        self.status = 0
        self.reason = b""
        self.fields: list[Field] = []
        self.framing = Framing.CLOSE
        self.length: int | None = None
        self.content_type = b""


class ReplySink(Protocol):
    """Takes a reply as it arrives; called from the event loop, once for each read at most."""

    def interim_received(self, head: ReplyHead) -> None:
        """Take a 1xx head."""

    def reply_received(self, head: ReplyHead | None, parts: list[bytes], *, ended: bool) -> None:
        """Take what one read brought: the head (once), pieces of the body, and whether it ended."""

    def reply_failed(self, error: GatewayError) -> None:
        """Take the end of a reply that is not whole."""
