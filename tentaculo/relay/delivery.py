"""What one client is sent of an upstream's reply, whoever feeds it: a reply of its own, or a shared stream.

It knows the client's transport and how to frame for it; it knows nothing of upstreams.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Set
from typing import Final, Protocol

from tentaculo.errors import GatewayError
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.reply_head import added_lines
from tentaculo.upstream.gathering import Gathering
from tentaculo.upstream.outbox import Outbox
from tentaculo.wire.headers import Meaning

LAST_CHUNK = b"0\r\n\r\n"
LATE_LIMIT: Final = 64 * 1024  # more of it may wait for the client, who is to be noticed at once


class StreamWatch(Protocol):
    """Told when a reply turns out to be a stream."""

    def stream_opening(self, delivery: Delivery) -> None:
        """Count the stream; raises what is answered instead."""

    def stream_denied(self, status: int) -> None:
        """Judge an error status where a stream was asked for; raises what is to be answered instead."""

    def first_event(self) -> None:
        """Note that the first event went out."""


class Recipient:
    """Who a reply is for, as its request has it; `extra` are header lines that only this reply gets.

    `http10` says that the client speaks HTTP/1.0; one that is gone has no transport.  `outbox` is where what
    goes out at the end of the turn waits.
    """

    __slots__ = ("extra", "http10", "keep_alive", "outbox", "request_id", "transport")

    def __init__(
        self,
        transport: asyncio.Transport | None,
        *,
        http10: bool,
        request_id: str,
        keep_alive: bool,
        extra: bytes = b"",
        outbox: Outbox | None = None,
    ) -> None:
        self.transport = transport
        self.outbox = outbox
        self.http10 = http10
        self.request_id = request_id
        self.keep_alive = keep_alive
        self.extra = extra


class Delivery:
    """One reply to one client; `on_done` is called once, with None or with what went wrong.

    `framed` says that the client can tell a cut reply from a whole one, `stalled` that it took nothing
    for too long.  `bytes_out` and `events` are exact after `count()`.
    """

    __slots__ = (
        "_on_done",
        "_paused",
        "_plan",
        "_recipient",
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
        recipient: Recipient,
        on_done: Callable[[GatewayError | None], None],
        plan: RoutePlan,
        watch: StreamWatch,
    ) -> None:
        self._recipient = recipient
        self._transport = recipient.transport
        self._on_done: Callable[[GatewayError | None], None] | None = on_done
        self._plan = plan
        self._watch: StreamWatch | None = watch
        self._paused = False
        self.keep_alive = recipient.keep_alive
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

    def gather(self, gathering: Gathering) -> None:
        """Have it read together with others, where an upstream feeds it alone."""

    def finish(self, error: GatewayError | None = None) -> None:
        """Say that the reply is over, once; with what went wrong, or None."""
        on_done, self._on_done = self._on_done, None
        if on_done is not None:
            on_done(error)

    def end(self, last: bytes = b"") -> None:
        """End a started reply in good order before its upstream does; `last` is said between events only.

        The connection is kept where a last chunk ends the reply, and closed where only that can.
        """
        may_speak = self._may_add
        self.detach()
        if not self.chunked:
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

    # The head.

    def _framing(self, *, open_ended: bool) -> bytes:
        """Choose how the client will know the end, even of a body without a length; return lines for it."""
        http10 = self._recipient.http10
        self.chunked = open_ended and not http10
        line = b"Transfer-Encoding: chunked\r\n" if self.chunked else b""
        if open_ended and http10:
            self.keep_alive = self.framed = False
        if not self.keep_alive:
            return line + b"Connection: close\r\n"
        return line + b"Connection: keep-alive\r\n" if http10 else line

    def _added(self, seen: Set[Meaning], *, streaming: bool) -> bytes:
        """Return the lines that the gateway adds, where the upstream has not `seen` to them itself."""
        to = self._recipient
        return added_lines(self._plan, seen, streaming=streaming, request_id=to.request_id, extra=to.extra)

    # Bytes of the gateway's own.

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
        transport, outbox = self._transport, self._recipient.outbox
        if transport is not None and not transport.is_closing():
            if outbox is not None:
                outbox.flush()
            transport.write(data)

    def _write_last(self, data: bytes) -> None:
        """Write what ends a reply, at the end of the turn if the connection is kept."""
        transport, outbox = self._transport, self._recipient.outbox
        if transport is None or outbox is None or not self.keep_alive or len(data) > LATE_LIMIT:
            self._write(data)
        else:
            outbox.post(transport, data)

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
