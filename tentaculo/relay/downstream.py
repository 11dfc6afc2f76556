"""One connection from a client: reads requests, and begins their exchanges without a task.

aiohttp's protocol parses, and its task takes over whatever must wait for something: a body, or a
new connection to an upstream.  Malformed requests are answered here, since aiohttp would echo them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from tentaculo.errors import BadRequest, GatewayError, HeadersTooLarge, TargetTooLong
from tentaculo.relay.request import Request
from tentaculo.relay.timed import TimedConnection, Waiting

if TYPE_CHECKING:
    from tentaculo.relay.listener import Listener

PROTOCOL = b"HTTP/"
NO_REQUEST = b"\0"
HEAD_END = b"\r\n\r\n"
HEADS_AT_A_TIME = 32


class DirectExchange(Protocol):
    """An exchange that goes on without a task."""

    def begin(self) -> None:
        """Do all that needs no waiting; ends in `exchange_over` or `hand_over`, now or later."""

    def client_left(self) -> None:
        """Stop: there is nobody to answer."""


class DownstreamConnection(TimedConnection):
    """A client's connection.

    `measure_heads` says that a head may be larger than `limits.headers`, which is rare; `body` is
    the body that the exchange in hand is reading.
    """

    __slots__ = ("_beginning", "_direct", "_handed_over", "body", "measure_heads")

    def __init__(self, listener: Listener, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(listener, loop=loop)
        self._beginning = False
        self._direct: DirectExchange | None = None
        self._handed_over: DirectExchange | None = None
        self.body: StreamReader | None = None
        self.measure_heads = False

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop what is done for the client."""
        for exchange in (self._direct, self._handed_over):
            if exchange is not None:
                exchange.client_left()
        self._direct = self._handed_over = None
        super().connection_lost(exc)

    # Reading.

    def data_received(self, data: bytes) -> None:
        """Feed the parser; count and time a head that is not whole."""
        if self.refusal is not None:
            self.refuse(self.refusal)
            return
        if len(data) > self.listener.limits.headers:
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
            if self.head_bytes >= 0:
                self._head_finished()
            self._next()
        elif self._direct is None:
            self._head_unfinished(len(data))

    def _feed_heads(self, data: bytes) -> None:
        """Feed one head at a time: a fault behind a good request must not take that with it."""
        for _ in range(HEADS_AT_A_TIME):
            if self.head_bytes <= 0 and not _speaks_http(data):
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
        if self.head_bytes >= 0:
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
        if self.head_bytes < 0:
            self.head_bytes = 0
            self.watch(Waiting.HEAD, self.listener.limits.header_timeout)
        self.head_bytes += size
        if self.head_bytes > self.listener.head_limit:
            self.refuse(HeadersTooLarge("headers"))

    def _head_finished(self) -> None:
        self.measure_heads |= self.head_bytes > 0
        self.head_bytes = -1
        self.head_arrived()

    # Exchanges.

    def _next(self) -> None:
        """Begin what was parsed: at once where nothing must be waited for, else in aiohttp's task."""
        if self._beginning:
            return
        messages = self._messages
        self._beginning = True
        while messages and self._direct is None and self._handed_over is None and not self._force_close:
            message, payload = messages[0]
            if payload is not EMPTY_PAYLOAD or type(message) is not RawRequestMessage or self._upgraded:
                self._wake()
                break
            messages.popleft()
            self._direct = exchange = self.listener.new_exchange(Request(message, payload, self))
            self._make_room()
            exchange.begin()
        self._beginning = False

    def _make_room(self) -> None:
        """Let the parser go on where it held back pipelined requests."""
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

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
        if self._messages:
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

    # Errors of aiohttp's own parser.

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be parsed; `message` would echo it and is not used."""
        return self.listener.malformed(self, self._fault_of(exc))

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
