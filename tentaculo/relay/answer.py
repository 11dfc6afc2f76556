"""A reply on its way to the client: its head once, its body as it comes, framed for the client.

It takes what an upstream connection read and writes it to the client's transport in one piece.
Reading and writing are tied together here: a slow client stops the upstream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from tentaculo.errors import GatewayError, NotAnEventStream, UpstreamRedirect
from tentaculo.relay.last_words import TAIL, is_between_events
from tentaculo.relay.plan import RoutePlan
from tentaculo.upstream.connection import Ask, UpstreamConnection
from tentaculo.upstream.deadlines import NEVER
from tentaculo.upstream.reply import Framing, ReplyHead
from tentaculo.wire.headers import Meaning, ResponseFields, sort_response_fields

EVENT_STREAM = b"text/event-stream"  # 17 characters
NO_CONTENT = 204


class StreamWatch(Protocol):
    """Told when a reply turns out to be a stream."""

    def stream_opening(self, answer: Answer) -> None:
        """Count the stream; raises TooManyStreams."""

    def stream_denied(self, status: int) -> None:
        """Judge an error status where a stream was asked for; raises what is to be answered instead."""


class Answer:
    """The reply of one exchange; `on_done` is called with None, or with what went wrong.

    `http10` says that the client speaks HTTP/1.0; `uploading` that the request is not whole yet;
    `framed` that the client can tell a cut reply from a whole one; `extra` are header lines to add.
    """

    __slots__ = (
        "_ask",
        "_extra",
        "_http10",
        "_method",
        "_on_done",
        "_plan",
        "_request_id",
        "_tail",
        "_transport",
        "_upstream",
        "_watch",
        "bytes_out",
        "chunked",
        "framed",
        "is_stream",
        "keep_alive",
        "stalled",
        "started",
        "status",
        "uploading",
    )

    def __init__(
        self,
        transport: asyncio.Transport | None,
        on_done: Callable[[GatewayError | None], None],
        plan: RoutePlan,
        watch: StreamWatch,
        *,
        method: str,
        http10: bool,
        request_id: str,
        keep_alive: bool,
        extra: bytes = b"",
    ) -> None:
        self._transport = transport
        self._on_done: Callable[[GatewayError | None], None] | None = on_done
        self._plan = plan
        self._watch: StreamWatch | None = watch
        self._method = method
        self._http10 = http10
        self._request_id = request_id
        self._extra = extra
        self._tail: bytes | None = None
        self._upstream: UpstreamConnection | None = None
        self._ask: Ask | None = None
        self.keep_alive = keep_alive
        self.started = False
        self.stalled = False
        self.is_stream = False
        self.uploading = False
        self.chunked = False
        self.framed = True
        self.status = 0
        self.bytes_out = 0

    def attach(self, upstream: UpstreamConnection, ask: Ask) -> None:
        """Say where the reply comes from."""
        self._upstream = upstream
        self._ask = ask

    def detach(self) -> None:
        """Stop an upstream that is still at work."""
        upstream, self._upstream = self._upstream, None
        self._ask = None
        if upstream is not None:
            upstream.abort()

    def release(self) -> None:
        """Let go of everything at the end of the exchange, so that no cycle is left to collect."""
        self.detach()
        self._watch = self._on_done = None

    def finish(self, error: GatewayError | None = None) -> None:
        """Say that the reply is over, once; with what went wrong, or None."""
        on_done, self._on_done = self._on_done, None
        if on_done is not None:
            on_done(error)

    def end(self, last: bytes = b"") -> None:
        """End a started reply in good order before its upstream does; `last` is said between events only."""
        self.detach()
        self.keep_alive = False
        if self._on_done is not None and self.chunked:
            out: list[bytes] = []
            words = [last] if last and self._tail is not None and is_between_events(self._tail) else []
            self._frame(out, words, ended=True)
            self._write(out)
        self.finish()

    # From the upstream.

    def interim_received(self, head: ReplyHead) -> None:
        """Pass a 1xx on; HTTP/1.0 has none."""
        if self._http10 or self._transport is None or self._transport.is_closing():
            return
        fields = sort_response_fields(head.fields, self._plan.response_names)
        self._transport.write(b"".join((_status_line(head), *_without_length(fields.kept), b"\r\n")))

    def reply_received(self, head: ReplyHead | None, parts: list[bytes], *, ended: bool) -> None:
        """Write what one read brought."""
        out: list[bytes] = []
        if head is not None:
            try:
                out.append(self._begin(head))
            except GatewayError as error:
                self.detach()
                self.finish(error)
                return
        if parts or (ended and self.chunked):
            self._frame(out, parts, ended=ended)
        self._write(out)
        if ended:
            self._upstream = None
            self.finish()

    def reply_failed(self, error: GatewayError) -> None:
        """Take the end of a reply that is not whole."""
        self._upstream = None
        self.finish(error)

    def _frame(self, out: list[bytes], parts: list[bytes], *, ended: bool) -> None:
        if self._tail is not None and parts:
            last = parts[-1]
            self._tail = last[-TAIL:] if len(last) >= TAIL else b"".join((self._tail, *parts))[-TAIL:]
        if not self.chunked:
            out += parts
            self.bytes_out += sum(map(len, parts))
            return
        size = sum(map(len, parts))
        self.bytes_out += size
        if size:
            out += (b"%x\r\n" % size, *parts, b"\r\n")
        if ended:
            out.append(b"0\r\n\r\n")

    def _write(self, out: list[bytes]) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or not out:
            return
        transport.write(out[0] if len(out) == 1 else b"".join(out))

    # The head.

    def _begin(self, head: ReplyHead) -> bytes:
        streaming = head.status == 200 and is_event_stream(head.content_type)
        if self._plan.is_token_stream:
            if head.status >= 400 and self._watch is not None:
                self._watch.stream_denied(head.status)
            check_stream_reply(head, self._method, streaming=streaming)
        if streaming and head.framing is not Framing.NONE:
            assert self._watch is not None
            self._watch.stream_opening(self)
            self.is_stream = True
            if not any(name.lower() == b"content-encoding" for name, _ in head.fields):
                self._tail = b""
        self.status = head.status
        self.started = True
        if self.is_stream or self._plan.settings.stream is not None:
            self._never_idle()
        if self.uploading:
            self.keep_alive = False  # the rest of the body may never come
        framing = self._framing(head)
        fields = sort_response_fields(head.fields, self._plan.response_names)
        kept = fields.kept if head.status != NO_CONTENT else _without_length(fields.kept)
        return b"".join(
            (_status_line(head), *kept, framing, self._added(fields, streaming=streaming), b"\r\n")
        )

    def _never_idle(self) -> None:
        if self._ask is not None and self._upstream is not None:
            self._ask.idle_timeout = NEVER
            self._upstream.deadline = NEVER

    def _framing(self, head: ReplyHead) -> bytes:
        self.framed = not self._http10 or head.framing in (Framing.LENGTH, Framing.NONE)
        if head.framing is Framing.CHUNKED or head.framing is Framing.CLOSE:
            if self._http10:
                self.keep_alive = False
            else:
                self.chunked = True
        line = b"Transfer-Encoding: chunked\r\n" if self.chunked else b""
        if not self.keep_alive:
            return line + b"Connection: close\r\n"
        return line + b"Connection: keep-alive\r\n" if self._http10 else line

    def _added(self, fields: ResponseFields, *, streaming: bool) -> bytes:
        plan, seen = self._plan, fields.seen
        added = plan.response_lines + self._extra
        if Meaning.REQUEST_ID not in seen:
            added += b"X-Request-Id: %b\r\n" % self._request_id.encode()
        if not (streaming or seen or plan.settings.stream is not None):
            return added + plan.silent_lines
        if streaming and Meaning.ACCEL_BUFFERING not in seen:
            added += b"X-Accel-Buffering: no\r\n"
        if plan.settings.stream is not None and Meaning.REFERRER_POLICY not in seen:
            added += b"Referrer-Policy: no-referrer\r\n"
        if Meaning.CACHE_CONTROL not in seen:
            added += b"Cache-Control: no-store\r\n" if streaming else plan.private_line
        return added if Meaning.VARY in seen else added + plan.vary_line

    # From the client's connection.

    def client_paused(self) -> None:
        """Stop reading: the client takes no more for now."""
        if self._upstream is not None:
            self._upstream.pause_reading()

    def client_resumed(self) -> None:
        """Go on reading."""
        if self._upstream is not None:
            self._upstream.resume_reading()

    def client_stalled(self) -> None:
        """End an exchange whose client took nothing for too long."""
        self.stalled = True
        self.keep_alive = False
        self.detach()
        self.finish()


def is_event_stream(content_type: bytes) -> bool:
    """Whether a Content-Type names an event stream, whatever its parameters."""
    return content_type[:17].lower() == EVENT_STREAM and content_type[17:].lstrip(b" \t")[:1] in (b"", b";")


def check_stream_reply(head: ReplyHead, method: str, *, streaming: bool) -> None:
    """Hold an upstream to the rules of a route that a token opens.

    It yields an event stream, a 204 or an error; anything else would make the stream's exemption
    good for ordinary calls.  Raises UpstreamRedirect or NotAnEventStream.
    """
    status = head.status
    if 300 <= status < 400 and status != 304:
        raise UpstreamRedirect(str(status))
    if streaming or status == NO_CONTENT or status >= 400:
        return
    if method == "OPTIONS" and status == 200 and head.length == 0:
        return
    raise NotAnEventStream(str(status))


def _without_length(kept: list[bytes]) -> list[bytes]:
    """Drop `Content-Length` from lines of name, colon, value, end: 1xx and 204 must not have it.

    See RFC 9110 section 8.6.
    """
    names = kept[::4]
    return [piece for at, piece in enumerate(kept) if names[at // 4].lower() != b"content-length"]


def _status_line(head: ReplyHead) -> bytes:
    return b"HTTP/1.1 %d %b\r\n" % (head.status, head.reason)
