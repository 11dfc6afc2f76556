"""What an upstream answers, and who takes it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Protocol

from tentaculo.errors import GatewayError
from tentaculo.wire.headers import Field


class Framing(enum.Enum):
    """How a reply's body ends (RFC 9112 section 6.3)."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


@dataclass(slots=True)
class ReplyHead:
    """Status, reason and fields of a reply as raw bytes; `length` in bytes where it is declared."""

    status: int = 0
    reason: bytes = b""
    fields: list[Field] = field(default_factory=list)
    framing: Framing = Framing.CLOSE
    length: int | None = None
    content_type: bytes = b""


class ReplySink(Protocol):
    """Takes a reply as it arrives; called from the event loop, once for each read at most."""

    def interim_received(self, head: ReplyHead) -> None:
        """Take a 1xx head."""

    def reply_received(self, head: ReplyHead | None, parts: list[bytes], *, ended: bool) -> None:
        """Take what one read brought: the head (once), pieces of the body, and whether it ended."""

    def reply_failed(self, error: GatewayError) -> None:
        """Take the end of a reply that is not whole."""
