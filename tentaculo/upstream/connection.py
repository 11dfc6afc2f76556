"""One HTTP/1.1 connection to an upstream: sends a request, hands the reply to a sink as it comes.

It knows flow control and deadlines; it knows nothing of routes, clients or pools.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from tentaculo.errors import GatewayError, UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable
from tentaculo.upstream.deadlines import NEVER, Deadlines
from tentaculo.upstream.faults import translate
from tentaculo.upstream.gathering import IS_POSSIBLE, Gathering
from tentaculo.upstream.outbox import Outbox
from tentaculo.upstream.reply import Framing, ReplyHead, ReplySink
from tentaculo.upstream.reply_parser import ReplyParser


@dataclass
class Ask:
    """One request on a connection: who takes the reply, and how long it may take, in seconds."""

    sink: ReplySink
    is_head: bool
    response_timeout: float
    idle_timeout: float


def ignore(seconds: float) -> None:
    """Leave uncounted how long an abort took."""


class UpstreamConnection:
    """A connection that carries one exchange after another, never two at once: an `asyncio.Protocol`.

    `served` counts them; `active_at` is when the last bytes of a reply came, or a request was sent,
    by the deadlines' clock; `peer_closed` tells that the upstream has ended it; `is_stale` that it
    served before and then broke without a byte of the last reply.
    """

    __slots__ = (
        "_aborted",
        "_answered_early",
        "_ask",
        "_client_left_at",
        "_deadlines",
        "_drained",
        "_gathering",
        "_on_closed",
        "_on_idle",
        "_outbox",
        "_parser",
        "_reading_paused",
        "_transport",
        "_uploading",
        "active_at",
        "deadline",
        "is_stale",
        "peer_closed",
        "served",
    )

    def __init__(
        self,
        deadlines: Deadlines,
        *,
        on_idle: Callable[[UpstreamConnection], None],
        on_closed: Callable[[UpstreamConnection], None],
        aborted: Callable[[float], None] = ignore,
        outbox: Outbox | None = None,
    ) -> None:
        self._deadlines = deadlines
        self._outbox = outbox
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._aborted = aborted
        self._parser = ReplyParser(self._interim_received)
        self._transport: asyncio.Transport | None = None
        self._ask: Ask | None = None
        self._drained: asyncio.Future[None] | None = None
        self._gathering: Gathering | None = None
        self._reading_paused = False
        self._uploading = False
        self._answered_early = False
        self._client_left_at: float | None = None
        self.active_at = 0.0
        self.deadline = NEVER
        self.is_stale = False
        self.peer_closed = False
        self.served = 0

    def watch(self) -> None:
        """Begin to heed the deadline, up to the end of the connection.

        Not done as it is made: uvloop never says that a connection is lost to whose connecting was
        cancelled, and it would be watched for ever.
        """
        self._deadlines.watch(self)

    # What an exchange does.

    @property
    def is_open(self) -> bool:
        """Whether a request may still be written."""
        return self._transport is not None and not self._transport.is_closing() and not self.peer_closed

    @property
    def peer_keep_alive(self) -> float | None:
        """Seconds for which the upstream said it keeps an idle connection, None where it did not."""
        return self._parser.keep_alive_seconds

    @property
    def fileno(self) -> int:
        """The socket's descriptor, -1 when closed."""
        sock = self._transport and self._transport.get_extra_info("socket")
        return sock.fileno() if sock else -1

    @property
    def unsent(self) -> int:
        """Bytes written but not taken by the system."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def ask(self, ask: Ask, data: bytes, *, whole: bool) -> None:
        """Send a request's head and what there is of its body; `whole` when that is all of it.

        The connection must be idle.  What is whole goes out at the end of the turn, with others'.  The
        reply goes to `ask.sink`, at once as failed where the upstream has closed meanwhile.
        """
        if not self.is_open:
            ask.sink.reply_failed(UpstreamUnreachable("closed"))
            return
        self._ask = ask
        self._uploading = not whole
        self._answered_early = False
        self._parser.expect(is_head=ask.is_head)
        self.active_at = now = self._deadlines.clock()
        self.deadline = now + ask.response_timeout if whole else NEVER
        if whole and self._outbox is not None and self._transport is not None:
            self._outbox.post(self._transport, data)
        else:
            self.write(data)

    def write(self, data: bytes) -> None:
        """Send a piece of the request's body."""
        if self._transport is not None:
            self._transport.write(data)

    def finish_request(self) -> None:
        """Say that the request is whole; the wait for the reply begins."""
        self._uploading = False
        self._answered_early = self._parser.head_done
        if self._ask is not None:
            self.active_at = now = self._deadlines.clock()
            self._restart_timer(now)

    async def drained(self) -> None:
        """Wait until more may be written; returns at once where nothing is held up, or it closed."""
        if self._drained is not None:
            await asyncio.shield(self._drained)

    def gather(self, gathering: Gathering) -> None:
        """Have the rest of the reply read together with others'; under TLS the transport alone can read."""
        transport = self._transport
        if transport is None or not IS_POSSIBLE or self.fileno < 0:
            return
        if transport.get_extra_info("sslcontext") is not None:
            return
        self._gathering = gathering
        if not self._reading_paused:
            transport.pause_reading()
            self._join(gathering, transport)

    def _join(self, gathering: Gathering, transport: asyncio.Transport) -> None:
        if transport.is_closing():  # the descriptor may be another's by now
            return
        try:
            gathering.join(self, self.fileno)
        except OSError:  # no descriptor or memory is left for it
            self._gathering = None
            transport.resume_reading()

    def read_alone(self) -> None:
        """Be read by the transport again, or not at all where reading is paused."""
        gathering, self._gathering = self._gathering, None
        if gathering is not None:
            gathering.leave(self)
            if self._transport is not None and not (self._reading_paused or self._transport.is_closing()):
                self._transport.resume_reading()

    def break_off(self) -> None:
        """Close at once, as if the upstream had in the midst of a reply; the sink hears of it."""
        self._fail(UpstreamProtocolError("cut"))

    def pause_reading(self) -> None:
        """Stop reading; the idle time stands still."""
        if self._transport is not None and not self._reading_paused:
            self._reading_paused = True
            self.deadline = NEVER
            if self._gathering is not None:
                self._gathering.leave(self)
            else:
                self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self._transport is not None and self._reading_paused:
            self._reading_paused = False
            if self._ask is not None:
                self._restart_timer(self._deadlines.clock())
            if self._gathering is not None:
                self._join(self._gathering, self._transport)
            else:
                self._transport.resume_reading()

    def abort(self, since: float | None = None) -> None:
        """Close at once; the sink hears nothing more.

        `since` is when the client left, by the deadlines' clock: how long it takes from then to the
        connection's end is told.
        """
        self._ask = None
        self.read_alone()
        if since is not None:
            self._client_left_at = since
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close an idle connection; what the upstream has not taken by now is dropped."""
        if self._transport is not None:
            if self.unsent:
                self._transport.abort()
            else:
                self._transport.close()

    # asyncio's protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadlines.forget(self)
        self._transport = None
        self.read_alone()
        self.peer_closed = self.peer_closed or exc is not None
        self.resume_writing()
        ask, self._ask = self._ask, None
        self.is_stale = ask is not None and self.served > 0 and self._parser.untouched
        self._on_closed(self)
        if self._client_left_at is not None:
            self._aborted(self._deadlines.clock() - self._client_left_at)
        if ask is not None:
            self._cut(ask.sink, exc)

    def _cut(self, sink: ReplySink, exc: Exception | None) -> None:
        parser = self._parser
        if parser.head_done and parser.head.framing is Framing.CLOSE and exc is None:
            sink.reply_received(None, b"", b"", ended=True)
        elif not parser.untouched:
            sink.reply_failed(UpstreamProtocolError("cut"))
        else:
            sink.reply_failed(translate(exc) if exc else UpstreamUnreachable("closed"))

    def eof_received(self) -> None:
        self.peer_closed = True

    def pause_writing(self) -> None:
        self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def expire(self) -> None:
        """Act on the deadline: an idle connection closes, an exchange fails."""
        self.deadline = NEVER
        if self._ask is None:
            self.close()
        else:
            self._fail(UpstreamTimeout("idle" if self._parser.head_done else "response"))

    def data_received(self, data: bytes) -> None:
        ask, parser = self._ask, self._parser
        if ask is None:  # bytes nobody asked for
            self.peer_closed = True
            self.abort()
            return
        self.active_at = now = self._deadlines.clock()
        try:
            body = parser.feed(data)
        except GatewayError as error:
            self._fail(error)
            return
        if self._ask is None:  # the sink gave up on an interim reply
            return
        if parser.ended:
            self._finish(ask, body)
        elif parser.head_done:
            self._restart_timer(now)
            framed = data if parser.is_framed else b""
            ask.sink.reply_received(parser.take_head(), body, framed, ended=False)

    def _restart_timer(self, now: float) -> None:
        """Give the upstream its full time again, for whatever is awaited of it now."""
        ask = self._ask
        if ask is None or self._reading_paused or self._uploading:
            seconds = NEVER  # what is awaited now is the client's
        else:
            seconds = ask.idle_timeout if self._parser.head_done else ask.response_timeout
        self.deadline = now + seconds

    def _interim_received(self, head: ReplyHead) -> None:
        if self._ask is not None:
            self._ask.sink.interim_received(head)

    def _finish(self, ask: Ask, body: bytes) -> None:
        self._ask = None
        self.served += 1
        ask.sink.reply_received(self._parser.take_head(), body, b"", ended=True)
        self.read_alone()
        # Who answered before it was asked may answer once more, and that would be the next one's reply.
        if self._parser.reusable and not (self._uploading or self._answered_early) and self.is_open:
            self.resume_reading()
            self._on_idle(self)
        else:
            self.close()

    def _fail(self, error: GatewayError) -> None:
        ask = self._ask
        self.abort()
        if ask is not None:
            ask.sink.reply_failed(error)
