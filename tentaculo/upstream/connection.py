"""One HTTP/1.1 connection to an upstream: sends a request, hands the reply to a sink as it comes.

It knows framing (RFC 9112) and flow control; it knows nothing of routes, clients or pools.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

from tentaculo.errors import GatewayError, UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable
from tentaculo.upstream.deadlines import NEVER, Deadlines
from tentaculo.upstream.faults import translate
from tentaculo.upstream.reply import Framing, ReplyHead, ReplySink

HEAD_LIMIT = 256 * 1024
_NO_BODY = frozenset({204, 304})
_NOTEWORTHY = frozenset(map(len, (b"connection", b"keep-alive", b"content-type", b"content-length", b"transfer-encoding")))


@dataclass(slots=True)
class Ask:
    """One request on a connection: who takes the reply, and how long it may take, in seconds."""

    sink: ReplySink
    is_head: bool
    response_timeout: float
    idle_timeout: float


class UpstreamConnection(asyncio.Protocol):
    """A connection that carries one exchange after another, never two at once."""

    __slots__ = (
        "_ask",
        "_broken",
        "_drained",
        "_ended",
        "_head",
        "_head_bytes",
        "_head_done",
        "_head_given",
        "_on_closed",
        "_on_idle",
        "_parser",
        "_parts",
        "_peer_keep_alive",
        "_reading_paused",
        "_uploading",
        "_deadlines",
        "_transport",
        "deadline",
        "idle_since",
        "keep_alive",
        "peer_closed",
        "served",
    )

    def __init__(
        self,
        deadlines: Deadlines,
        *,
        on_idle: Callable[[UpstreamConnection], None],
        on_closed: Callable[[UpstreamConnection], None],
    ) -> None:
        self._deadlines = deadlines
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._transport: asyncio.Transport | None = None
        self._ask: Ask | None = None
        self._drained: asyncio.Future[None] | None = None
        self._peer_keep_alive: float | None = None
        self._reading_paused = False
        self._uploading = False
        self.deadline = NEVER
        self.keep_alive = True
        self.peer_closed = False
        self.idle_since = 0.0
        self.served = 0
        self._parser = httptools.HttpResponseParser(self)
        self._reset()

    def _reset(self) -> None:
        self._head = ReplyHead()
        self._parts: list[bytes] = []
        self._head_bytes = 0
        self._head_done = False
        self._head_given = False
        self._ended = False
        self._broken = False

    # What an exchange does.

    @property
    def is_open(self) -> bool:
        """Whether a request may still be written."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_stale(self) -> bool:
        """Whether it served before and then broke without a byte of the last reply."""
        return self.served > 0 and self._transport is None and not self._head_bytes and not self._head_done

    @property
    def peer_keep_alive(self) -> float | None:
        """Seconds for which the upstream said it keeps an idle connection, None where it did not."""
        return self._peer_keep_alive

    @property
    def fileno(self) -> int:
        """The socket's descriptor, -1 when closed."""
        sock = self._transport and self._transport.get_extra_info("socket")
        return sock.fileno() if sock else -1

    def ask(self, ask: Ask, data: bytes, *, whole: bool) -> None:
        """Send a request's head and what there is of its body; `whole` when that is all of it.

        The connection must be open and idle.  The reply goes to `ask.sink`.
        """
        self._ask = ask
        self._uploading = not whole
        self.deadline = self._deadlines.clock() + ask.response_timeout if whole else NEVER
        cast(asyncio.Transport, self._transport).write(data)

    def write(self, data: bytes) -> None:
        """Send a piece of the request's body."""
        if self._transport is not None:
            self._transport.write(data)

    def finish_request(self) -> None:
        """Say that the request is whole; the wait for the reply begins."""
        self._uploading = False
        if self._ask is not None and not self._head_done:
            self.deadline = self._deadlines.clock() + self._ask.response_timeout

    async def drained(self) -> None:
        """Wait until more may be written; returns at once where nothing is held up, or it closed."""
        if self._drained is not None:
            await asyncio.shield(self._drained)

    @property
    def unsent(self) -> int:
        """Bytes written but not taken by the system."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def pause_reading(self) -> None:
        """Stop reading; the idle time stands still."""
        if self._transport is not None and not self._reading_paused:
            self._reading_paused = True
            self.deadline = NEVER
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self._transport is not None and self._reading_paused:
            self._reading_paused = False
            if self._ask is not None:
                self.deadline = self._deadlines.clock() + self._ask.idle_timeout
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once; the sink hears nothing more."""
        self._ask = None
        self.keep_alive = False
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close an idle connection."""
        self.keep_alive = False
        if self._transport is not None:
            self._transport.close()

    # asyncio's protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._deadlines.watch(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadlines.forget(self)
        self._transport = None
        self.keep_alive = False
        self.resume_writing()
        ask, self._ask = self._ask, None
        self._on_closed(self)
        if ask is not None:
            self._cut(ask, exc)

    def _cut(self, ask: Ask, exc: Exception | None) -> None:
        if self._head_done and self._head.framing is Framing.CLOSE and exc is None:
            ask.sink.reply_received(None, [], True)
        elif self._head_done or self._head_bytes:
            ask.sink.reply_failed(UpstreamProtocolError("cut"))
        else:
            ask.sink.reply_failed(translate(exc) if exc else UpstreamUnreachable("closed"))

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
            self._fail(UpstreamTimeout("idle" if self._head_done else "response"))

    def data_received(self, data: bytes) -> None:
        ask = self._ask
        if ask is None:  # bytes nobody asked for
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            if not self._ended:
                self._fail(translate(fault))
                return
            self._broken = True
        if self._ask is ask:
            self._hand_over(ask, len(data))

    def _hand_over(self, ask: Ask, size: int) -> None:
        if not self._head_done:
            self._head_bytes += size
            if self._head_bytes > HEAD_LIMIT:
                self._fail(UpstreamProtocolError("head_too_large"))
            return
        head = None if self._head_given else self._head
        self._head_given = True
        parts, self._parts = self._parts, []
        if self._ended:
            self._finish(ask, head, parts)
            return
        if not self._reading_paused:
            self.deadline = self._deadlines.clock() + ask.idle_timeout
        ask.sink.reply_received(head, parts, False)

    def _finish(self, ask: Ask, head: ReplyHead | None, parts: list[bytes]) -> None:
        self._ask = None
        self.served += 1
        reusable = self._prepare_next(ask)
        ask.sink.reply_received(head, parts, True)
        if reusable and self.is_open:
            self._on_idle(self)
        else:
            self.close()

    def _prepare_next(self, ask: Ask) -> bool:
        """Make ready for another exchange; return whether the connection can carry one."""
        head = self._head
        if not self.keep_alive or self._broken or self._uploading or self.peer_closed:
            return False
        if head.framing is Framing.CLOSE or ask.is_head or (head.framing is Framing.NONE and head.length):
            return False  # the parser would take what comes next for a body that is not there
        if self._reading_paused:
            self.resume_reading()
        self._reset()
        return True

    def _fail(self, error: GatewayError) -> None:
        ask = self._ask
        self.abort()
        if ask is not None:
            ask.sink.reply_failed(error)

    # httptools' callbacks; they only note what came, `data_received` hands it over.

    def on_message_begin(self) -> None:
        if self._ended:
            self._broken = True

    def on_status(self, reason: bytes) -> None:
        if not self._ended:
            self._head.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done:  # a trailer, or a second reply
            return
        head = self._head
        head.fields.append((name, value))
        if len(name) in _NOTEWORTHY:
            self._note(head, name.lower(), value)

    def _note(self, head: ReplyHead, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            head.length = int(value)
            head.framing = Framing.LENGTH
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked":
                raise UpstreamProtocolError("transfer_coding")
            head.framing = Framing.CHUNKED
        elif name == b"content-type":
            head.content_type = value
        elif name == b"keep-alive":
            self._peer_keep_alive = _keep_alive_seconds(value)

    def on_headers_complete(self) -> None:
        if self._ended:
            return
        head = self._head
        head.status = self._parser.get_status_code()
        if head.status < 200:
            return
        self._head_done = True
        self.keep_alive = self._parser.should_keep_alive()
        if (self._ask is not None and self._ask.is_head) or head.status in _NO_BODY:
            head.framing = Framing.NONE
            self._ended = True

    def on_body(self, data: bytes) -> None:
        if self._ended:
            self._broken = True
        else:
            self._parts.append(data)

    def on_message_complete(self) -> None:
        if self._ended:
            return
        if self._head_done:
            self._ended = True
            return
        head, self._head = self._head, ReplyHead()
        if head.status == 101:
            raise UpstreamProtocolError("upgrade")
        if self._ask is not None:
            self._ask.sink.interim_received(head)


def _keep_alive_seconds(value: bytes) -> float | None:
    """Return the timeout of a `Keep-Alive` field (`timeout=5, max=100`), None where it has none."""
    for item in value.split(b","):
        name, _, number = item.strip().partition(b"=")
        if name.lower() == b"timeout" and number.strip().isdigit():
            return float(number)
    return None
