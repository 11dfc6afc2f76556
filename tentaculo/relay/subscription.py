"""One client's part of a shared stream: authorised, counted and ended on its own.

While it takes what it is sent it is one of many that the same bytes are written to.  When it does not, it
lags: nothing more is written to it than its connection holds already, and it goes on from where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import TYPE_CHECKING

from tentaculo.errors import GatewayError
from tentaculo.relay.delivery import Delivery, Recipient, StreamWatch, chunk
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.reply_head import NO_CONTENT
from tentaculo.wire.headers import Meaning

if TYPE_CHECKING:
    from tentaculo.relay.shared_stream import SharedStream

OK = 200
CATCH_UP_BYTES = 64 * 1024


class SharedHead:
    """An upstream's head as all clients of a shared stream get it; `seen` is which fields `lines` hold."""

    __slots__ = ("lines", "seen", "status")

    def __init__(self, status: int, lines: list[bytes], seen: Set[Meaning]) -> None:
        self.status = status
        self.lines = b"".join([line + b"\r\n" for line in lines])
        self.seen = seen


class Subscription(Delivery):
    """One client of a shared stream; `last_event_id` is what it had last.

    `cursor` is the number of the block that a lagging client gets next; blocks up to there were written.
    """

    __slots__ = (
        "_events_before",
        "_size_before",
        "_stream",
        "cursor",
        "is_live",
        "last_event_id",
    )

    def __init__(
        self,
        recipient: Recipient,
        on_done: Callable[[GatewayError | None], None],
        plan: RoutePlan,
        watch: StreamWatch,
        *,
        last_event_id: bytes,
    ) -> None:
        super().__init__(recipient, on_done, plan, watch)
        self._stream: SharedStream | None = None
        self._size_before = self._events_before = 0
        self.last_event_id = last_event_id
        self.cursor = 0
        self.is_live = False

    def attach(self, stream: SharedStream) -> None:
        """Say which stream it is of."""
        self._stream = stream

    def detach(self, left_at: float | None = None) -> None:
        """Leave the stream, which goes on for others."""
        self.count()
        self.is_live = False
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.leave(self)

    # From the shared stream.

    def open(self, head: SharedHead) -> bool:
        """Write the head; return whether that opened a stream.

        An upstream's error, or that it has no more to say (204), is passed on without its body.
        """
        assert self._watch is not None
        try:
            if head.status >= 400:
                self._watch.stream_denied(head.status)
            elif head.status == OK:
                self._watch.stream_opening(self)
                self.is_stream = True
        except GatewayError as error:
            self.finish(error)
            return False
        self.status = head.status
        self.started = True
        empty = not self.is_stream and head.status != NO_CONTENT
        length = b"Content-Length: 0\r\n" if empty else b""
        framing = self._framing(open_ended=self.is_stream)
        added = self._added(head.seen, streaming=self.is_stream)
        self._write(b"".join((head.lines, length, framing, added, b"\r\n")))
        if not self.is_stream:
            self.finish()
        return self.is_stream

    def say(self, words: bytes) -> None:
        """Write something of the gateway's own, for this client alone."""
        self._add(words)

    def go_live(self, size: int, events: int) -> None:
        """Count from here on with the whole stream, which has had so many bytes and events."""
        self.is_live = True
        self._size_before, self._events_before = size, events

    def write(self, frame: bytes, data: bytes) -> None:
        """Write what all live clients get, framed once for all of them, or as it is for HTTP/1.0."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(frame if self.chunked else data)

    def catch_up(self, stream: SharedStream) -> bool:
        """Write what it lacks, as far as its client takes it; return whether it lacks nothing more."""
        log = stream.log
        while self.cursor < log.end and not self._paused:
            start = self.cursor
            data, self.cursor = log.take(start, CATCH_UP_BYTES)
            self.bytes_out += len(data)
            self.events += log.count_events(start, self.cursor)
            self._write(chunk(data) if self.chunked else data)
        return not self._paused

    def first_event(self) -> None:
        """Tell that the first event went out."""
        if self._watch is not None:
            self._watch.first_event()

    # Counting.

    def count(self) -> None:
        """Take in what was written to all live clients since it is one of them."""
        stream = self._stream
        if self.is_live and stream is not None:
            size, events = stream.log.size, stream.log.events
            self.bytes_out += size - self._size_before
            self.events += events - self._events_before
            self._size_before, self._events_before = size, events

    @property
    def _may_add(self) -> bool:
        return self.is_stream and self._stream is not None

    # From the client's connection.

    def client_paused(self) -> None:
        """Lag: the client takes no more for now."""
        super().client_paused()
        stream = self._stream
        if stream is not None and self.is_live:
            self.count()
            self.is_live = False
            self.cursor = stream.log.end
            stream.lags(self)

    def client_resumed(self) -> None:
        """Go on from where it was."""
        super().client_resumed()
        if self._stream is not None and self.is_stream and not self.is_live:
            self._stream.goes_on(self)
