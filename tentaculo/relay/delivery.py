"""What one client is sent of an upstream's reply, whoever feeds it: a reply of its own, or a shared stream.

It knows the client's transport and how to frame for it; it knows nothing of upstreams.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from tentaculo.errors import GatewayError

LAST_CHUNK = b"0\r\n\r\n"


class StreamWatch(Protocol):
    """Told when a reply turns out to be a stream."""

    def stream_opening(self, delivery: Delivery) -> None:
        """Count the stream; raises what is answered instead."""

    def stream_denied(self, status: int) -> None:
        """Judge an error status where a stream was asked for; raises what is to be answered instead."""

    def first_event(self) -> None:
        """Note that the first event went out."""


class Delivery:
    """One reply to one client; `on_done` is called once, with None or with what went wrong.

    `framed` says that the client can tell a cut reply from a whole one, `stalled` that it took nothing
    for too long.  `bytes_out` and `events` are exact after `count()`.
    """

    __slots__ = (
        "_on_done",
        "_paused",
        "_transport",
        "_watch",
        "bytes_out",
        "chunked",
        "events",
        "framed",
        "is_stream",
        "keep_alive",
        "stalled",
        "started",
        "status",
    )

    def __init__(
        self,
        transport: asyncio.Transport | None,
        on_done: Callable[[GatewayError | None], None],
        watch: StreamWatch,
        *,
        keep_alive: bool,
    ) -> None:
        self._transport = transport
        self._on_done: Callable[[GatewayError | None], None] | None = on_done
        self._watch: StreamWatch | None = watch
        self._paused = False
        self.keep_alive = keep_alive
        self.started = False
        self.stalled = False
        self.is_stream = False
        self.chunked = False
        self.framed = True
        self.status = 0
        self.bytes_out = 0
        self.events = 0

    def detach(self, left_at: float | None = None) -> None:
        """Let go of whatever feeds it; `left_at` is when the client left, where that is why."""

    def release(self, left_at: float | None = None) -> None:
        """Let go of everything at the end of the exchange, so that no cycle is left to collect."""
        self.detach(left_at)
        self._watch = self._on_done = None

    def finish(self, error: GatewayError | None = None) -> None:
        """Say that the reply is over, once; with what went wrong, or None."""
        on_done, self._on_done = self._on_done, None
        if on_done is not None:
            on_done(error)

    def end(self, last: bytes = b"") -> None:
        """End a started reply in good order before its upstream does; `last` is said between events only."""
        may_speak = self._may_add
        self.detach()
        self.keep_alive = False
        if self._on_done is not None:
            words = last if may_speak else b""
            if self.chunked or words:
                self._add(words, ended=True)
        self.finish()

    @property
    def is_over(self) -> bool:
        """Whether its end was told; the exchange's own may come a moment later."""
        return self._on_done is None

    def count(self) -> None:
        """Bring `bytes_out` and `events` up to date."""

    @property
    def quiet_since(self) -> float:
        """When the upstream last said something, by the deadlines' clock."""
        return 0.0

    def beat(self, comment: bytes) -> bool:
        """Write a comment, if the stream is between events and the client takes more; return whether."""
        if self._paused or self.is_over or not self._may_add:
            return False
        self._add(comment)
        return True

    @property
    def _may_add(self) -> bool:
        """Whether bytes of the gateway's own may be written now."""
        return False

    def _add(self, words: bytes, *, ended: bool = False) -> None:
        self.bytes_out += len(words)
        if self.chunked:
            words = (chunk(words) if words else b"") + (LAST_CHUNK if ended else b"")
        self._write(words)

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    # From the client's connection.

    def client_paused(self) -> None:
        """Stop sending: the client takes no more for now."""
        self._paused = True

    def client_resumed(self) -> None:
        """Go on sending."""
        self._paused = False

    def client_stalled(self) -> None:
        """End an exchange whose client took nothing for too long."""
        self.stalled = True
        self.keep_alive = False
        self.detach()
        self.finish()


def chunk(data: bytes) -> bytes:
    """Frame bytes as one chunk (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)
