"""A reply on its way to the client: its head once, its body as it comes, framed for the client.

It takes what an upstream connection read and writes it to the client's transport in one piece.
Reading and writing are tied together here: a slow client stops the upstream.
"""

from __future__ import annotations

from collections.abc import Callable

from tentaculo.errors import GatewayError
from tentaculo.relay.delivery import LAST_CHUNK, Delivery, Recipient, StreamWatch, chunk
from tentaculo.relay.last_words import retry_line
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.reply_head import (
    NO_CONTENT,
    check_stream_reply,
    is_encoded,
    is_event_stream,
    without_length,
)
from tentaculo.upstream.connection import Ask, UpstreamConnection
from tentaculo.upstream.deadlines import NEVER
from tentaculo.upstream.gathering import Gathering
from tentaculo.upstream.reply import Framing, ReplyHead
from tentaculo.wire.events import EventTracker, WithoutBom
from tentaculo.wire.headers import sort_response_fields


class Answer(Delivery):
    """The reply of one exchange; `uploading` says that the request is not whole yet."""

    __slots__ = (
        "_ask",
        "_awaits_event",
        "_bom",
        "_is_open_ended",
        "_method",
        "_tracker",
        "_upstream",
        "uploading",
    )

    def __init__(
        self,
        recipient: Recipient,
        on_done: Callable[[GatewayError | None], None],
        plan: RoutePlan,
        watch: StreamWatch,
        *,
        method: str,
    ) -> None:
        super().__init__(recipient, on_done, plan, watch)
        self._method = method
        self._upstream: UpstreamConnection | None = None
        self._ask: Ask | None = None
        self._tracker: EventTracker | None = None
        self._bom: WithoutBom | None = None
        self._awaits_event = False
        self._is_open_ended = False
        self.uploading = False

    def attach(self, upstream: UpstreamConnection, ask: Ask) -> None:
        """Say where the reply comes from."""
        self._upstream = upstream
        self._ask = ask

    def detach(self, left_at: float | None = None) -> None:
        """Stop an upstream that is still at work."""
        upstream, self._upstream = self._upstream, None
        self._ask = None
        if upstream is not None:
            upstream.abort(left_at)

    def gather(self, gathering: Gathering) -> None:
        """Have the upstream's events read together with others'."""
        if self._upstream is not None:
            self._upstream.gather(gathering)

    # From the upstream.

    def interim_received(self, head: ReplyHead) -> None:
        """Pass a 1xx on; HTTP/1.0 has none."""
        if self._recipient.http10:
            return
        fields = sort_response_fields(head.names, head.lines, self._plan.response_names)
        self._write(b"\r\n".join([head.status_line, *without_length(fields.kept), b"", b""]))

    def reply_received(self, head: ReplyHead | None, body: bytes, framed: bytes, *, ended: bool) -> None:
        """Write what one read brought."""
        lines: list[bytes] = []
        if head is not None:
            try:
                lines = self._begin(head)
            except GatewayError as error:
                self.detach()
                self.finish(error)
                return
        tracker = self._tracker
        if tracker is not None and body:
            tracker.feed(body)
            if self._awaits_event and tracker.events:
                self._note_first_event()
            if self._bom is not None:
                body, framed = self._without_bom(self._bom, body), b""
        self.bytes_out += len(body)
        if self.chunked:
            body = framed or self._in_chunks(body, ended=ended)
        if lines:
            lines[-1] += body
            body = b"\r\n".join(lines)
        if ended:
            self._upstream = None
            if body:
                self._write_last(body)
            self.finish()
        elif body:
            self._write(body)

    def reply_failed(self, error: GatewayError) -> None:
        """Take the end of a reply that is not whole."""
        self._upstream = None
        self.finish(error)

    def _note_first_event(self) -> None:
        self._awaits_event = False
        if self._watch is not None:
            self._watch.first_event()

    def _without_bom(self, bom: WithoutBom, body: bytes) -> bytes:
        body = bom.feed(body)
        if bom.done:
            self._bom = None
        return body

    def _in_chunks(self, body: bytes, *, ended: bool) -> bytes:
        if not ended:
            return chunk(body) if body else b""
        return chunk(body) + LAST_CHUNK if body else LAST_CHUNK

    # The head.

    def _begin(self, head: ReplyHead) -> list[bytes]:
        """Return the lines of the client's head; the last is the beginning of what follows it."""
        streaming = head.status == 200 and is_event_stream(head.content_type)
        if self._plan.is_stream_only:
            if head.status >= 400 and self._watch is not None:
                self._watch.stream_denied(head.status)
            check_stream_reply(head, self._method, streaming=streaming)
        if streaming and head.framing is not Framing.NONE:
            assert self._watch is not None
            self._watch.stream_opening(self)
            self.is_stream = True
        self.status = head.status
        self.started = True
        if self.is_stream or self._plan.settings.stream is not None:
            self._wait_for_events()
        if self.uploading:
            self.keep_alive = False  # the rest of the body may never come
        self._is_open_ended = head.framing is Framing.CHUNKED or head.framing is Framing.CLOSE
        framing = self._framing(open_ended=self._is_open_ended)
        fields = sort_response_fields(head.names, head.lines, self._plan.response_names)
        kept = fields.kept if head.status != NO_CONTENT else without_length(fields.kept)
        added = self._added(fields.seen, streaming=streaming)
        greeting = self._greet() if self.is_stream and not is_encoded(head) else b""
        return [head.status_line, *kept, framing + added, greeting]

    def _wait_for_events(self) -> None:
        """Let a stream be silent for as long as its route says."""
        if self._ask is not None and self._upstream is not None:
            stream = self._plan.settings.stream
            seconds = stream.idle_timeout if stream is not None else None
            self._ask.idle_timeout = NEVER if seconds is None else seconds
            if seconds is None or self.uploading:  # what is awaited then is the client's
                self._upstream.deadline = NEVER
            else:
                self._upstream.deadline = self._upstream.active_at + seconds

    def _greet(self) -> bytes:
        """Begin to follow the events; return what is said before the upstream's first byte."""
        self._tracker = EventTracker()
        self._awaits_event = True
        stream = self._plan.settings.stream
        if stream is None or stream.retry is None or not self._is_open_ended:
            return b""
        self._bom = WithoutBom()
        words = retry_line(stream.retry) + b"\n"  # one of the upstream's own comes later, and counts
        self.bytes_out += len(words)
        return chunk(words) if self.chunked else words

    # Bytes of the gateway's own.

    def count(self) -> None:
        """Bring `events` up to date; nothing is known of an encoded stream's."""
        if self._tracker is not None:
            self.events = self._tracker.events

    @property
    def quiet_since(self) -> float:
        """When the upstream last said something."""
        return self._upstream.active_at if self._upstream is not None else 0.0

    @property
    def _may_add(self) -> bool:
        tracker = self._tracker
        return tracker is not None and self._is_open_ended and tracker.is_between

    def _add(self, words: bytes, *, ended: bool = False) -> None:
        if self._bom is None and self._tracker is not None and self._tracker.untouched:
            self._bom = WithoutBom()  # a mark counts at the very beginning only
        super()._add(words, ended=ended)

    # From the client's connection.

    def client_paused(self) -> None:
        """Stop reading: the client takes no more for now."""
        super().client_paused()
        if self._upstream is not None:
            self._upstream.pause_reading()

    def client_resumed(self) -> None:
        """Go on reading."""
        super().client_resumed()
        if self._upstream is not None:
            self._upstream.resume_reading()
