"""Where a shared stream's events come from: one upstream stream, opened again when it breaks.

It asks with the gateway's own credential, goes on after the last event id, and hands whole events to the
shared stream.  Whether any client listens is not known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tentaculo.errors import GatewayError, StreamUnavailable, UpstreamProtocolError
from tentaculo.relay.attempts import Attempts
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.reply_head import (
    NO_CONTENT,
    check_stream_reply,
    is_encoded,
    is_event_stream,
)
from tentaculo.relay.request_head import request_head
from tentaculo.relay.shared_stream import SharedStream
from tentaculo.relay.sharing import Sharing, Wanted
from tentaculo.relay.subscription import SharedHead
from tentaculo.upstream.connection import Ask, UpstreamConnection
from tentaculo.upstream.deadlines import NEVER
from tentaculo.upstream.reply import ReplyHead
from tentaculo.upstream.server import UpstreamServer
from tentaculo.wire.event_blocks import BlockSplitter, EventTooLarge
from tentaculo.wire.headers import RequestFields, sort_response_fields

if TYPE_CHECKING:
    from tentaculo.relay.relay import Relay

EVENT_LIMIT = 16 * 1024 * 1024
REOPEN_SECONDS = 30.0
FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0
AFTER_GOOD_END = 1.0
# Who holds a silent stream for so long is there, and has nothing to say.
THERE_SECONDS = 5.0
BLOCKS_A_TURN = 256
OK = 200
_ACCEPT = b"Accept: text/event-stream\r\n"
# With these an upstream says that it may have the stream later.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class SharedSource:
    """Keeps one upstream stream open; it is the sink of whichever connection that is on."""

    def __init__(
        self,
        relay: Relay,
        plan: RoutePlan,
        sharing: Sharing,
        wanted: Wanted,
        stream: SharedStream,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._relay = relay
        self._plan = plan
        self._sharing = sharing
        self._wanted = wanted
        self._stream = stream
        self._pause = pause
        self._request_id = ""
        self._asked_after = b""
        self._splitter = BlockSplitter(EVENT_LIMIT)
        self._upstream: UpstreamConnection | None = None
        self._ended: asyncio.Future[GatewayError | None] | None = None
        self._attempts = Attempts()
        self._avoided: tuple[UpstreamServer, ...] = ()
        self._has_spoken = False
        self._opened_at = NEVER
        self._is_over = False

    @property
    def route(self) -> str:
        """The name of the route that it was opened for."""
        return self._plan.name

    async def run(self) -> GatewayError | None:
        """Carry events until the upstream has no more, or is away for too long; return what is wrong then.

        Cancelled when nobody wants the stream any more.
        """
        clock, failures = self._relay.deadlines.clock, 0
        away_since = clock()
        while True:
            self._has_spoken, self._opened_at = False, NEVER
            error = await self._carry()
            if self._is_over or not self._stream.is_open:
                return error
            if clock() - self._opened_at >= THERE_SECONDS:
                away_since, failures = clock(), 0
            elif self._has_spoken:  # there, but if it always ends at once, it is asked ever less often
                away_since = clock()
            elif clock() - away_since > REOPEN_SECONDS:
                return error
            self._note_loss(error)
            await self._pause(self._delay(error, failures))
            failures += 1

    def _delay(self, error: GatewayError | None, failures: int) -> float:
        """Return how long to wait before the upstream is asked again, with jitter."""
        first = AFTER_GOOD_END if error is None else FIRST_DELAY
        delay: float = min(LONGEST_DELAY, first * 2**failures)
        return delay * (0.5 + 0.5 * self._relay.spread())

    async def _carry(self) -> GatewayError | None:
        """Open one upstream stream and wait for its end."""
        # A reload may have led the route elsewhere; what is open stays.
        self._plan = self._relay.snapshot.plans.get(self._plan.identity, self._plan)
        attempts = self._attempts = self._take_turn()
        try:
            error = await self._ask(attempts)
        except GatewayError as fault:
            error = fault
        except BaseException:
            attempts.end(None, neutral=True)
            raise
        self._avoided = () if error is None or attempts.server is None else (attempts.server,)
        attempts.end(error, neutral=self._opened_at is not NEVER)
        return error

    def _take_turn(self) -> Attempts:
        """Return the turn at the next server; that failed last only where there is no other."""
        if self._avoided:
            attempts = Attempts(self._avoided)
            with suppress(GatewayError):
                attempts.take(self._plan.upstream, self._wanted.url)
                return attempts
        return Attempts()

    async def _ask(self, attempts: Attempts) -> GatewayError | None:
        timeouts, stream = self._plan.timeouts, self._plan.settings.stream
        server = attempts.take(self._plan.upstream, self._wanted.url)
        if self._stream.is_open:  # it comes again by itself, and need not be waited for
            upstream = await self._plan.upstream.connect(server, timeouts.connect)
        else:
            upstream = await attempts.connect(self._plan.upstream, timeouts.connect)
        self._upstream = upstream
        idle = stream.idle_timeout if stream is not None else None
        self._splitter = BlockSplitter(EVENT_LIMIT)
        self._ended = self._relay.loop.create_future()
        ask = Ask(self, False, timeouts.response, NEVER if idle is None else idle)
        upstream.ask(ask, self._request(), whole=True)
        try:
            return await self._ended
        finally:
            self._let_go()

    def _request(self) -> bytes:
        self._request_id = self._relay.new_request_id()
        self._asked_after = self._stream.last_id
        return upstream_request(
            self._plan, self._wanted, last_id=self._asked_after, request_id=self._request_id
        )

    def _let_go(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abort()

    def _end(self, error: GatewayError | None) -> None:
        self._let_go()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(error)

    # From the upstream.

    def interim_received(self, head: ReplyHead) -> None:
        """Take a 1xx head, which means nothing here."""

    def reply_received(self, head: ReplyHead | None, body: bytes, framed: bytes, *, ended: bool) -> None:
        """Take what one read brought."""
        try:
            if head is not None:
                self._begin(head)
            if body and self._upstream is not None:
                self._take(body)
        except GatewayError as error:
            self._end(error)
            return
        if ended:
            self._upstream = None
            self._end(None)

    def reply_failed(self, error: GatewayError) -> None:
        """Take the end of a reply that is not whole; the unfinished event goes with it."""
        self._upstream = None
        self._end(error)

    def _begin(self, head: ReplyHead) -> None:
        streaming = head.status == OK and is_event_stream(head.content_type)
        check_stream_reply(head, "GET", streaming=streaming)
        if not streaming:
            self._deny(head)
        elif is_encoded(head):
            raise UpstreamProtocolError("encoded")
        else:
            self._open(head)

    def _deny(self, head: ReplyHead) -> None:
        """Act on an answer without a stream: the first is the clients' own, a later one may be the end."""
        if not self._stream.is_open:
            self._is_over = True
            self._stream.denied(self._shared_head(head))
        elif head.status == NO_CONTENT:
            self._is_over = True
        else:
            self._is_over = head.status not in _PASSING
            raise StreamUnavailable(str(head.status))
        self._end(None)

    def _open(self, head: ReplyHead) -> None:
        again, self._opened_at = self._stream.is_open, self._relay.deadlines.clock()
        if again and not self._asked_after:
            self._stream.resumed_blindly()
        self._stream.opened(self._shared_head(head))
        self._attempts.answered()
        self._log("info", "shared_stream.reopened" if again else "shared_stream.opened")

    def _shared_head(self, head: ReplyHead) -> SharedHead:
        fields = sort_response_fields(head.names, head.lines, self._sharing.response_names)
        return SharedHead(head.status, [head.status_line, *fields.kept], fields.seen)

    def _take(self, body: bytes) -> None:
        self._has_spoken = True
        try:
            blocks = self._splitter.feed(body)
        except EventTooLarge:
            self._is_over = True  # it would come again, and again be too large
            raise UpstreamProtocolError("event_too_large") from None
        if blocks:
            self._stream.received(blocks)
        if len(blocks) > BLOCKS_A_TURN and self._upstream is not None:
            self._upstream.pause_reading()  # others have their turn
            self._relay.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if self._upstream is not None:  # or it may carry another's reply by now
            self._upstream.resume_reading()

    # What is told of it.

    def _note_loss(self, error: GatewayError | None) -> None:
        if error is not None:
            self._relay.metrics.upstream_fault(self._plan.settings.upstream, error.code)
        code, reason = ("upstream_closed", "") if error is None else (error.code, error.reason)
        self._log("warning", "shared_stream.lost", code=code, reason=reason)

    def note_end(self, error: GatewayError | None) -> None:
        """Log that the shared stream is over."""
        facts = {} if error is None else {"code": error.code, "reason": error.reason}
        if self._stream.is_open:
            self._log("info", "shared_stream.closed", **facts)

    def _log(self, level: str, event: str, **facts: Any) -> None:
        self._relay.logs.event(
            level,
            event,
            {
                "secrets": (),
                "request_id": self._request_id,
                "route": self._plan.name,
                "upstream": self._plan.settings.upstream,
                "url": self._wanted.url,
                "clients": self._stream.clients,
                **facts,
            },
        )


def upstream_request(plan: RoutePlan, wanted: Wanted, *, last_id: bytes, request_id: str) -> bytes:
    """Return the request for a shared stream; it goes on after `last_id`, unless that is empty."""
    fields = RequestFields()
    fields.kept = [_ACCEPT, wanted.lines]
    if last_id:
        fields.kept.append(b"Last-Event-ID: %b\r\n" % last_id)
    return request_head(
        plan,
        "GET",
        wanted.target,
        fields,
        host=b"",
        framing=b"",
        forwarding=b"",
        principal=wanted.principal,
        request_id=request_id,
    )
