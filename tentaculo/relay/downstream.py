"""One connection from a client: reads requests, and begins their exchanges without a task.

aiohttp's protocol parses, and its task takes over whatever must wait for something: a body, or a
new connection to an upstream.  The parser is given whole heads and whole bodies, one after the
other, so that it is always known which of them the next bytes belong to.  Malformed requests are
answered here, since aiohttp would echo them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from aiohttp import hdrs, web
from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import _ErrInfo

from tentaculo.errors import BadRequest, GatewayError, HeadersTooLarge, RequestTimeout, TargetTooLong
from tentaculo.relay.heads import HEAD_END, fault_of
from tentaculo.relay.request import DirectExchange, Request
from tentaculo.relay.timed import TimedConnection
from tentaculo.wire.chunks import ChunkedEnd
from tentaculo.wire.headers import LENGTH_DIGITS

if TYPE_CHECKING:
    from tentaculo.relay.listener import Listener

BARE_ENDS = (b"\n\n", b"\n\r\n")
PROTOCOL = b"HTTP/"
QUEUE_LIMIT = 16  # aiohttp goes on reading when its queue is down to this


class DownstreamConnection(TimedConnection):
    """A client's connection; `body` is the one that the exchange in hand is reading.

    `lost_at` is when the connection ended, by the listener's deadlines' clock, 0 before.
    """

    __slots__ = (
        "_awaits_body",
        "_beginning",
        "_body",
        "_body_left",
        "_chunks",
        "_deaf",
        "_direct",
        "_feeding",
        "_handed_over",
        "_held",
        "_is_last",
        "_is_spent",
        "body",
        "lost_at",
    )

    def __init__(self, listener: Listener, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(listener, loop=loop)
        self._held = b""  # came, but was not given to the parser yet
        self._body: StreamReader = EMPTY_PAYLOAD  # of the request that was parsed last
        self._body_left = 0
        self._chunks: ChunkedEnd | None = None
        self._deaf = False  # nothing more is taken
        self._is_last = False  # no request after the one in hand
        self._is_spent = False  # the parser has read trailers
        self._awaits_body = False
        self._feeding = False
        self._beginning = False
        self._direct: DirectExchange | None = None
        self._handed_over: DirectExchange | None = None
        self.body: StreamReader | None = None
        self.lost_at = 0.0

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop what is done for the client."""
        self.lost_at = self.listener.deadlines.clock()
        for exchange in (self._direct, self._handed_over):
            if exchange is not None:
                exchange.client_left()
        self._direct = self._handed_over = None
        super().connection_lost(exc)

    @property
    def is_at_work(self) -> bool:
        """Whether a request is being answered, or waits for that."""
        return self._direct is not None or self._request_in_progress or bool(self._messages)

    # Reading.

    def data_received(self, data: bytes) -> None:
        """Take what came; without any, let the parser go on where it held back."""
        if data and self._is_at_rest():
            head = self.listener.heads.read(data)
            if head is not None:
                self.head_arrived()
                self._begin(Request(head, EMPTY_PAYLOAD, self))
                return
        if self.refusal is not None:
            self.refuse(self.refusal)
        elif not data:
            self._parse(b"")
            self._feed()
        elif not self._deaf:
            self._held = self._held + data if self._held else data
            self._feed()

    def _is_at_rest(self) -> bool:
        """Whether nothing is in hand, so that what comes next is the beginning of a request."""
        waiter = self._waiter
        return not (
            self._direct is not None
            or self._held
            or self._messages
            or waiter is None  # aiohttp's task is at work
            or waiter.done()
            or self._deaf
            or self._is_last
            or self._force_close
            or self._close
            or self.writing_paused
            or self._body_left
            or self._chunks is not None
            or self.refusal is not None
            or not self._body.is_eof()
        )

    def _feed(self) -> None:
        """Give the parser as much as may be parsed now, and begin what came of it."""
        if self._feeding:
            return
        self._feeding = True
        while self._held and not self._deaf and len(self._messages) < QUEUE_LIMIT:
            if not (self._feed_body() if self._body_left or self._chunks else self._feed_head()):
                break
        self._feeding = False
        if self._held and not self._buffer_paused and len(self._messages) >= QUEUE_LIMIT:
            self._pause_reading_for_buffer()
        if self._messages:
            self._next()

    def _resume_reading_if_drained(self) -> None:
        # aiohttp calls it when its task took a message.
        self._resume_reading_for_buffer()
        self._feed()

    def _parse(self, data: bytes) -> None:
        waiter, self._waiter = self._waiter, None  # or every request would wake aiohttp's task
        super().data_received(data)
        self._waiter = waiter
        self._note_broken_body()

    def _feed_head(self) -> bool:
        if self._is_last:
            self._deaf = True
            return False
        if not self._body.is_eof():  # the parser holds back some of it; the head must wait
            self._wait_for_body()
            return False
        if self._is_spent:
            self._is_spent = False
            self.renew_parser()
        held = self._held
        if held[0] == 0x0D or held[0] == 0x0A:
            held = self._held = held.lstrip(b"\r\n")  # RFC 9112 section 2.2
        end = held.find(HEAD_END) + len(HEAD_END)
        if end < len(HEAD_END):
            return self._feed_unfinished_head(held)
        head, self._held = (held, b"") if end == len(held) else (held[:end], held[end:])
        self.head_arrived()
        self._parse_head(head)
        return True

    def _wait_for_body(self) -> None:
        if not self._awaits_body:
            self._awaits_body = True
            self._body.on_eof(self._body_ended)

    def _body_ended(self) -> None:
        self._awaits_body = False
        self._loop.call_soon(self._feed)  # not within the parser's own call

    def _feed_unfinished_head(self, held: bytes) -> bool:
        limits, line_end = self.listener.limits, held.find(b"\n")
        if any(end in held for end in BARE_ENDS) or (line_end >= 0 and PROTOCOL not in held[:line_end]):
            self._parse_head(held)  # which refuses it
            return False
        if len(held) > limits.request_line and b"\n" not in held[: limits.request_line + 2]:
            self._fault(TargetTooLong("line"))
        elif len(held) > limits.headers + limits.request_line:
            self._fault(HeadersTooLarge("headers"))
        elif held:
            self.head_began()
        return False

    def _parse_head(self, head: bytes) -> None:
        line_end = head.find(b"\r\n")
        if head[line_end - len(PROTOCOL) - 3 : line_end - 3] != PROTOCOL:
            self._fault(BadRequest("protocol"))  # the parser would take RTSP and ICE for HTTP
            return
        if len(head) - line_end > self.listener.limits.headers + len(HEAD_END):
            self._fault(HeadersTooLarge("headers"))
            return
        before = len(self._messages)
        self._parse(head)
        if len(self._messages) > before:
            self._expect_body(*self._messages[-1])

    def _expect_body(self, message: RawRequestMessage | _ErrInfo, body: StreamReader) -> None:
        self._body = body
        if isinstance(message, _ErrInfo) or message.method == hdrs.METH_CONNECT:
            self._deaf = True
            return
        # Behind an upgrade, wanted or not, aiohttp may lose bytes; behind a close there is nothing.
        self._is_last = bool(message.upgrade or message.should_close)
        if message.chunked:
            self._chunks = ChunkedEnd()
        elif body is not EMPTY_PAYLOAD:
            self._expect_length(message.headers.get(hdrs.CONTENT_LENGTH, "0"))

    def _expect_length(self, length: str) -> None:
        if len(length) > LENGTH_DIGITS:  # far more than there is, and more than int() takes
            self._messages.pop()
            self._fault(BadRequest("content_length"))
        else:
            self._body_left = int(length)

    def _feed_body(self) -> bool:
        held = self._held
        if self._chunks is None:
            end = min(self._body_left, len(held))
            self._body_left -= end
        else:
            found = self._chunks.feed(held)
            end = len(held) if found is None else found
            if found is not None:
                self._is_spent = self._chunks.has_trailers
                self._chunks = None
        self._held = held[end:]
        self._parse(held[:end] if end < len(held) else held)
        whole = not self._body_left and self._chunks is None
        if whole and not (self._body.is_eof() or self._reading_paused):
            self._break_body()  # the parser sees another end than we do
        return True

    def _note_broken_body(self) -> None:
        """Tell whoever reads a broken body; aiohttp only queues the fault behind it as a message."""
        messages = self._messages
        if messages and isinstance(messages[-1][0], _ErrInfo) and not self._body.is_eof():
            messages.pop()
            self._break_body()

    def _break_body(self) -> None:
        self._deaf = True
        self._body.set_exception(BadRequest("body"))
        self._body.feed_eof()  # or aiohttp would read on for what can't come

    def _fault(self, error: GatewayError) -> None:
        """Answer with an error, after what came before; nothing more is taken."""
        self._deaf = True
        self._held = b""
        self._messages.append((_ErrInfo(status=error.status, exc=error, message=""), EMPTY_PAYLOAD))

    def head_overdue(self) -> None:
        """Answer a head that did not come in time; close where none had begun."""
        if self._held and self.refusal is None:
            self._fault(RequestTimeout("head"))
            self._next()
        else:
            self.force_close()

    # Exchanges.

    def _next(self) -> None:
        """Begin what was parsed: at once where nothing must be waited for, else in aiohttp's task."""
        if self._beginning or self._waiter is None or self._waiter.done():
            return  # aiohttp's task is at work, and goes on with the next itself
        messages = self._messages
        self._beginning = True
        while messages and self._direct is None and not self._force_close and not self.writing_paused:
            message, payload = messages[0]
            if payload is not EMPTY_PAYLOAD or isinstance(message, _ErrInfo) or self._upgraded:
                self._waiter.set_result(None)
                break
            messages.popleft()
            self._make_room()
            self._begin(Request(message, payload, self))
            if self._handed_over is not None:
                break
        self._beginning = False

    def _begin(self, request: Request) -> None:
        self._direct = exchange = self.listener.new_exchange(request)
        exchange.begin()

    def _make_room(self) -> None:
        """Let the parser go on where it held back pipelined requests."""
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) < QUEUE_LIMIT:
            self._resume_reading_if_drained()

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
        self._messages.appendleft((cast(Any, request.message), request.body))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take_handed_over(self) -> DirectExchange | None:
        """Return the exchange that was left to aiohttp's task, once."""
        exchange, self._handed_over = self._handed_over, None
        return exchange

    def resume_writing(self) -> None:
        """The client took what was written: go on with what waits for that."""
        super().resume_writing()
        if self._messages:
            self._next()

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
        return self.listener.malformed(self, fault_of(exc, self.max_line_size))
