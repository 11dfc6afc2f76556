"""One connection from a client: aiohttp's protocol with the limits and timers that it lacks.

It counts bytes of a head, times heads and stalled writes, tells the exchange in hand when the
client takes no more, and answers malformed requests itself, since aiohttp would echo them.
"""

from __future__ import annotations

import asyncio
import enum
import fcntl
import socket
import struct
import termios
from typing import TYPE_CHECKING, Protocol

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from tentaculo.errors import BadRequest, GatewayError, HeadersTooLarge, RequestTimeout, TargetTooLong
from tentaculo.relay.request import Request
from tentaculo.upstream.deadlines import NEVER
from tentaculo.wire.forwarded import untrusted_lines

if TYPE_CHECKING:
    from tentaculo.relay.listener import Listener

REFUSAL_SECONDS = 1.0
PROTOCOL = b"HTTP/"
NO_REQUEST = b"\0"
HEAD_END = b"\r\n\r\n"
HEADS_AT_A_TIME = 32


class Flow(Protocol):
    """What wants to know whether the client takes more bytes."""

    def client_paused(self) -> None:
        """Stop sending."""

    def client_resumed(self) -> None:
        """Go on sending."""

    def client_stalled(self) -> None:
        """Give up: the client took nothing for too long."""


class DirectExchange(Protocol):
    """An exchange that goes on without a task."""

    def begin(self) -> None:
        """Do all that needs no waiting; ends in `exchange_over` or `hand_over`, now or later."""

    def client_left(self) -> None:
        """Stop: there is nobody to answer."""


class _Waiting(enum.Enum):
    HEAD = "head"
    CLIENT = "client"


class DownstreamConnection(web.RequestHandler):
    """A client's connection; `peer` is set once it is made.

    `measure_heads` says that a head may be larger than `limits.headers`, which is rare.
    """

    __slots__ = (
        "_beginning",
        "_direct",
        "_handed_over",
        "_head_bytes",
        "_leaving",
        "_listener",
        "_refusal",
        "_socket_descriptor",
        "_unsent",
        "_waiting",
        "body",
        "deadline",
        "flow",
        "forwarded",
        "measure_heads",
        "peer",
    )

    def __init__(self, listener: Listener, *, loop: asyncio.AbstractEventLoop) -> None:
        limits = listener.limits
        # The parser names the limit that was passed, so the two must differ to be told apart.
        super().__init__(
            listener,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=limits.keep_alive,
            max_line_size=limits.request_line,
            max_field_size=limits.header + (limits.header == limits.request_line),
            max_headers=listener.max_fields,
            lingering_time=listener.lingering_seconds,
            read_bufsize=listener.read_buffer,
            auto_decompress=False,
        )
        self._listener = listener
        self._beginning = False
        self._direct: DirectExchange | None = None
        self._handed_over: DirectExchange | None = None
        self._head_bytes = 0
        self._leaving: asyncio.Transport | None = None
        self._refusal: GatewayError | None = None
        self._socket_descriptor = -1
        self._unsent = 0
        self._waiting = _Waiting.HEAD
        self.deadline = NEVER
        self.measure_heads = False
        self.body: StreamReader | None = None
        self.flow: Flow | None = None

    # Life.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit or refuse the connection, and start the timer of its first head."""
        super().connection_made(transport)
        self._socket_descriptor = transport.get_extra_info("socket").fileno()
        self.peer = self._listener.peer_of(transport)
        self.forwarded = b"" if self.peer.trusted else untrusted_lines(self.peer)
        self._refusal = self._listener.admit(self)
        patience = self._listener.limits.header_timeout
        self._watch(_Waiting.HEAD, patience if self._refusal is None else min(patience, REFUSAL_SECONDS))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection, and stop what is done for it."""
        direct, self._direct = self._direct, None
        if direct is not None:
            direct.client_left()
        super().connection_lost(exc)
        self._listener.deadlines.forget(self)
        self._listener.released(self)

    def force_close(self) -> None:
        """Close, but not without bound when the client takes nothing of what is left."""
        if self.transport is not None:
            self.watch_close()
        super().force_close()

    def watch_close(self) -> None:
        """Give what is unsent `write_timeout` for each bit of progress, then cut it."""
        transport = self._leaving = self.transport
        if transport is not None and transport.get_write_buffer_size():
            self._unsent = self._outstanding(transport)
            self._watch(_Waiting.CLIENT, self._listener.limits.write_timeout)

    def cut(self) -> None:
        """Reset the connection, so that the client can't take what it got for all there is."""
        transport = self.transport
        if transport is not None:
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

    # Reading.

    def data_received(self, data: bytes) -> None:
        """Feed the parser; count and time a head that is not whole."""
        if self._refusal is not None:
            self._refuse(self._refusal)
            return
        if len(data) > self._listener.limits.headers:
            self.measure_heads = True
        waiter, self._waiter = self._waiter, None  # or every request would wake aiohttp's task
        if waiter is None or waiter.done():
            super().data_received(data)
            self._waiter = waiter
            self._received_at_work()
            return
        self._feed_heads(data)
        self._waiter = waiter
        if self._messages:
            if self._head_bytes >= 0:
                self._head_finished()
            self._next()
        elif self._direct is None:
            self._head_unfinished(len(data))

    def _feed_heads(self, data: bytes) -> None:
        """Feed one head at a time: a fault behind a good request must not take that with it."""
        for _ in range(HEADS_AT_A_TIME):
            if self._head_bytes <= 0 and not _speaks_http(data):
                data = NO_REQUEST  # so that the parser refuses it, in its turn
            end = data.find(HEAD_END) + len(HEAD_END)
            if end < len(HEAD_END) or end == len(data):
                break
            super().data_received(data[:end])
            data = data[end:]
            if self._messages and self._messages[-1][1] is not EMPTY_PAYLOAD:
                break
        super().data_received(data)
        self._note_broken_body()

    def _received_at_work(self) -> None:
        self._note_broken_body()
        if self._head_bytes >= 0:
            self._head_finished()

    def _note_broken_body(self) -> None:
        """Tell whoever reads a broken body; aiohttp only queues the fault behind it as a message."""
        messages = self._messages
        if not messages or isinstance(messages[-1][0], RawRequestMessage):
            return
        body = messages[-2][1] if len(messages) > 1 else self.body
        if body is not None and not body.is_eof():
            messages.pop()
            body.set_exception(BadRequest("body"))
            body.feed_eof()  # or aiohttp would read on for what can't come

    def _head_unfinished(self, size: int) -> None:
        if self._head_bytes < 0:
            self._head_bytes = 0
            self._watch(_Waiting.HEAD, self._listener.limits.header_timeout)
        self._head_bytes += size
        if self._head_bytes > self._listener.head_limit:
            self._refuse(HeadersTooLarge("headers"))

    def _head_finished(self) -> None:
        self.measure_heads |= self._head_bytes > 0
        self._head_bytes = -1
        if self._waiting is _Waiting.HEAD:
            self._listener.deadlines.forget(self)

    def _refuse(self, error: GatewayError) -> None:
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(self._listener.refused(self, error))
            self.force_close()

    # Exchanges.

    def _next(self) -> None:
        """Begin what was parsed: at once where nothing must be waited for, else in aiohttp's task."""
        messages = self._messages
        self._beginning = True
        while messages and self._direct is None and self._handed_over is None and not self._force_close:
            message, payload = messages[0]
            if payload is not EMPTY_PAYLOAD or type(message) is not RawRequestMessage or self._upgraded:
                self._wake()
                break
            messages.popleft()
            if self._parser is not None:
                self._parser.message_consumed()
            self._direct = exchange = self._listener.new_exchange(Request(message, payload, self))
            exchange.begin()
        self._beginning = False

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def exchange_over(self, *, keep_alive: bool) -> None:
        """Go on after an exchange that was begun at once."""
        self._direct = None
        if not keep_alive:
            self.force_close()
            return
        self._next_keepalive_close_time = close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(close_time, self._process_keepalive)
        if self._messages and not self._beginning:
            self._next()

    def hand_over(self, exchange: DirectExchange, request: Request) -> None:
        """Leave an exchange that must wait for something to aiohttp's task."""
        self._direct = None
        self._handed_over = exchange
        self._messages.appendleft((request.message, request.body))
        self._wake()

    def take_handed_over(self) -> DirectExchange | None:
        """Return the exchange that was left to aiohttp's task, once."""
        exchange, self._handed_over = self._handed_over, None
        return exchange

    def _process_keepalive(self) -> None:
        if self._direct is not None:
            self._keepalive_handle = None
        else:
            super()._process_keepalive()

    # Writing.

    def pause_writing(self) -> None:
        """The client is slow: stop whoever sends, and time its progress."""
        super().pause_writing()
        if self.flow is not None:
            self.flow.client_paused()
        if self.transport is not None:
            self._unsent = self._outstanding(self.transport)
        self._watch(_Waiting.CLIENT, self._listener.limits.write_timeout)

    def resume_writing(self) -> None:
        """The client took what was written."""
        super().resume_writing()
        self._listener.deadlines.forget(self)
        if self.flow is not None:
            self.flow.client_resumed()

    def _outstanding(self, transport: asyncio.Transport) -> int:
        """Bytes that the client's system has not acknowledged yet."""
        return transport.get_write_buffer_size() + _unacknowledged(self._socket_descriptor)

    # Timers.

    def _watch(self, waiting: _Waiting, seconds: float) -> None:
        self._waiting = waiting
        self.deadline = self._listener.deadlines.clock() + seconds
        self._listener.deadlines.watch(self)

    def expire(self) -> None:
        """Act on the deadline: a head that did not come, or a client that takes nothing."""
        if self._waiting is _Waiting.HEAD:
            self.deadline = NEVER
            self._head_overdue()
        else:
            self._check_progress()

    def _head_overdue(self) -> None:
        if self._head_bytes > 0 and self._refusal is None:
            self._refuse(RequestTimeout("head"))
        else:
            self.force_close()

    def _check_progress(self) -> None:
        """Cut a client that took nothing since the last look; a slow one goes on."""
        transport = self.transport or self._leaving
        unsent = self._outstanding(transport) if transport is not None else 0
        if 0 < unsent < self._unsent:
            self._unsent = unsent
            self._watch(_Waiting.CLIENT, self._listener.limits.write_timeout)
            return
        self._listener.deadlines.forget(self)
        if self.flow is not None:
            self.flow.client_stalled()
        if transport is not None:
            transport.abort()

    # Errors of aiohttp's own parser.

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be parsed; `message` would echo it and is not used."""
        return self._listener.malformed(self, self._fault_of(exc))

    def _fault_of(self, exc: BaseException | None) -> GatewayError:
        if isinstance(exc, LineTooLong):
            return TargetTooLong("line") if exc.args[1] == self.max_line_size else HeadersTooLarge("field")
        if exc is not None and "Too many headers" in str(exc):
            return HeadersTooLarge("fields")
        return BadRequest(type(exc).__name__)


def _speaks_http(data: bytes) -> bool:
    """Whether a first line names HTTP; the parser would take RTSP and ICE for it."""
    end = data.find(b"\r\n")
    return end < len(PROTOCOL) or data[end - len(PROTOCOL) - 3 : end - 3] == PROTOCOL


def _unacknowledged(descriptor: int) -> int:
    """Bytes in the socket's send queue (Linux SIOCOUTQ), 0 where the system can't tell."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0\0\0\0"))[0])
    except (OSError, ValueError):
        return 0
