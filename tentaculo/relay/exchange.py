"""One exchange: a request with its response, from the first decision to the log line.

`_decide` and `_forward` are the order of things.  Errors are raised deep and answered here, where
it is known whether the answer has begun: before it, problem details; after it, the client's
connection is cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion10, HttpVersion11

from tentaculo.errors import (
    BadRequest,
    BadTarget,
    BodyTooLarge,
    ExpectationFailed,
    GatewayError,
    HeadersTooLarge,
    InternalError,
    MethodNotAllowed,
    VersionNotSupported,
)
from tentaculo.relay.answer import Answer
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.problem import plain_response, problem
from tentaculo.relay.record import Record
from tentaculo.relay.request import Request
from tentaculo.relay.request_head import CHUNKED, EXPECT_CONTINUE, request_head
from tentaculo.relay.response import CLOSE, KEEP_OPEN
from tentaculo.relay.upload import Upload
from tentaculo.upstream.connection import Ask, UpstreamConnection
from tentaculo.wire.authority import check_host
from tentaculo.wire.forwarded import trusted_origin
from tentaculo.wire.headers import RequestFields, sort_request_fields
from tentaculo.wire.target import Target, parse_target

if TYPE_CHECKING:
    from tentaculo.relay.relay import Relay

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})
ORDINARY_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
STREAM_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
NO_REFERRER = (("Referrer-Policy", "no-referrer"),)
_CLOSING_STATUSES = frozenset({400, 408, 413, 505})


class Exchange:
    """Carries one request through the gateway."""

    __slots__ = (
        "_answer",
        "_connection",
        "_decided",
        "_end_reason",
        "_fields",
        "_forwarding",
        "_host",
        "_http10",
        "_keep_alive",
        "_message",
        "_relay",
        "_repeatable",
        "_request",
        "_retried",
        "_snapshot",
        "_upload",
        "_upstream",
        "record",
    )

    def __init__(self, relay: Relay, request: Request) -> None:
        message = request.message
        self._relay = relay
        self._request = request
        self._message = message
        self._snapshot = relay.snapshot
        self._connection = request.connection
        self._http10 = message.version is HttpVersion10
        self._keep_alive = not (message.should_close or relay.draining)
        self._answer: Answer | None = None
        self._fields: RequestFields | None = None
        self._forwarding: bytes | None = None
        self._upload: Upload | None = None
        self._upstream: UpstreamConnection | None = None
        self._decided: tuple[RoutePlan, bytes] | None = None
        self._repeatable = message.method in IDEMPOTENT
        self._retried = False
        self._end_reason: str | None = None
        self._host = b""
        self.record = Record(relay, request)
        relay.exchange_opened()

    def begin(self) -> None:
        """Carry the request as far as nothing must be waited for; what comes back goes on by itself."""
        try:
            decided = self._decided = self._decide()
            certain = not self._repeatable
            upstream = None if decided is None else decided[0].pool.take_idle(certain=certain)
            if decided is not None and upstream is not None:
                self._send(upstream, self._direct_done, whole=True)
                return
        except GatewayError as error:
            self._answer_error(error)
        except Exception as fault:
            self._failed(fault)
        else:
            if decided is not None:
                self._connection.hand_over(self, self._request)
                return
        self._finish()
        self._connection.exchange_over(keep_alive=self._keep_alive)

    def _direct_done(self, error: GatewayError | None) -> None:
        if error is not None:
            if self._may_retry():
                self._connection.hand_over(self, self._request)
                return
            self._answer_error(error)
        self._finish()
        self._connection.exchange_over(keep_alive=self._keep_alive)

    def client_left(self) -> None:
        """Stop: there is nobody to answer."""
        self.record.client_gone = True
        self._finish()

    async def run(self) -> web.StreamResponse:
        """Carry the request through, waiting where it must; always answers, always logs."""
        try:
            if self._decided is None:
                self._decided = self._decide()
            if self._decided is not None:
                await self._forward(*self._decided)
        except GatewayError as error:
            self._answer_error(error)
        except asyncio.CancelledError:
            self.record.client_gone = True
            raise
        except Exception as fault:
            self._failed(fault)
        finally:
            self._finish()
        return KEEP_OPEN if self._keep_alive else CLOSE

    # Decisions.

    def _decide(self) -> tuple[RoutePlan, bytes] | None:
        """Return the route and the head to forward; None where the gateway answered itself."""
        self._check_head()
        host = self._message.headers.get(hdrs.HOST)
        hostname = "" if host is None else check_host(host)
        self._host = b"" if host is None else host.encode()
        target = parse_target(self._message.path, host or "")
        if target.path == self._snapshot.settings.health_path:
            self._answer_health()
            return None
        plan = self._match(hostname, target)
        fields = self._fields = sort_request_fields(
            self._message.raw_headers, plan.request_names, keep_credentials=plan.keep_credentials
        )
        if self._connection.peer.trusted:
            self._believe(fields)
        self.record.principal = plan.guard.admit(fields.credentials)
        self._check_limits(plan, fields)
        return plan, self._head(plan, target, fields)

    def _check_head(self) -> None:
        message = self._message
        if message.version is not HttpVersion11:
            self._check_version()
        if message.method in REFUSED_METHODS:
            raise MethodNotAllowed("method", headers=(("Allow", ORDINARY_METHODS),))
        if hdrs.TRANSFER_ENCODING in message.headers:
            self._check_coding()
        if self._connection.measure_heads:
            size = sum(len(name) + len(value) + 4 for name, value in message.raw_headers)
            if size > self._snapshot.settings.limits.headers:
                raise HeadersTooLarge("headers")

    def _check_version(self) -> None:
        if not self._http10:
            raise VersionNotSupported("version")

    def _check_coding(self) -> None:
        """Refuse a framing that a backend might read otherwise (RFC 9112 section 6.1)."""
        codings = self._message.headers.getall(hdrs.TRANSFER_ENCODING)
        if self._http10 or [coding.lower() for coding in codings] != ["chunked"]:
            raise BadRequest("transfer_encoding")

    def _match(self, hostname: str, target: Target) -> RoutePlan:
        method = self._message.method
        plan = self.record.plan = self._snapshot.table.match(hostname, target.path, method)
        if target.found and not target.found <= plan.settings.allow_in_path:
            raise BadTarget("not_allowed_in_path")
        if plan.is_token_stream and method not in STREAM_METHODS:
            raise MethodNotAllowed("stream", headers=(("Allow", "GET, HEAD, OPTIONS"),))
        return plan

    def _check_limits(self, plan: RoutePlan, fields: RequestFields) -> None:
        if fields.expect and [value.lower() for value in fields.expect] != [b"100-continue"]:
            raise ExpectationFailed("expect")
        limit = self._snapshot.settings.limits.body
        if limit is not None and int(self._message.headers.get(hdrs.CONTENT_LENGTH, "0")) > limit:
            raise BodyTooLarge("content_length")
        if plan.settings.stream is not None:
            self._relay.streams.check_room()

    # The request's way up.

    def _believe(self, fields: RequestFields) -> None:
        """Take a trusted peer's word for who sent the request."""
        trusted = self._snapshot.settings.trusted_peers
        origin = trusted_origin(self._connection.peer, self._host, fields.forwarding, trusted)
        self._forwarding = origin.lines
        self.record.client = origin.client
        self.record.request_id = origin.request_id or self.record.request_id

    def _head(self, plan: RoutePlan, target: Target, fields: RequestFields) -> bytes:
        forwarding = self._forwarding
        if forwarding is None:
            forwarding = b"%bX-Forwarded-Host: %b\r\n" % (self._connection.forwarded, self._host)
        record = self.record
        return request_head(
            plan,
            self._message.method,
            target,
            fields,
            host=self._host,
            framing=self._framing(fields),
            forwarding=forwarding,
            principal=record.principal,
            request_id=record.request_id,
        )

    def _framing(self, fields: RequestFields) -> bytes:
        request, headers = self._request, self._message.headers
        if not request.has_body:
            return b"Content-Length: 0\r\n" if hdrs.CONTENT_LENGTH in headers else b""
        chunked = bool(self._message.chunked)
        self._upload = upload = Upload(request.body, self._snapshot.settings.limits, chunked=chunked)
        line = CHUNKED if chunked else b"Content-Length: %d\r\n" % int(headers[hdrs.CONTENT_LENGTH])
        expects = fields.expect and not upload.is_complete and not self._http10
        return line + EXPECT_CONTINUE if expects else line

    async def _forward(self, plan: RoutePlan, head: bytes) -> None:
        upload = self._upload
        whole = upload is None or upload.is_complete
        if upload is not None and whole:
            self._decided = (plan, head + upload.at_hand())
        self._repeatable = whole and self._message.method in IDEMPOTENT
        upstream = None if self._retried else plan.pool.take_idle(certain=not self._repeatable)
        if upstream is None:
            upstream = await plan.pool.connect(plan.timeouts.connect)
        error = await self._ask(upstream, whole=whole)
        if error is not None and self._may_retry():
            error = await self._ask(await plan.pool.connect(plan.timeouts.connect), whole=True)
        if error is not None:
            raise error

    async def _ask(self, upstream: UpstreamConnection, *, whole: bool) -> GatewayError | None:
        done: asyncio.Future[GatewayError | None] = self._relay.loop.create_future()
        answer = self._send(
            upstream, lambda error: None if done.done() else done.set_result(error), whole=whole
        )
        if whole:
            return await done
        assert self._upload is not None
        answer.uploading = True
        self._connection.body = self._request.body
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(self._pump(self._upload, upstream, answer), name="upload")
            error = await done
            pump.cancel()
        return error

    def _send(
        self,
        upstream: UpstreamConnection,
        on_done: Callable[[GatewayError | None], None],
        *,
        whole: bool,
    ) -> Answer:
        assert self._decided is not None
        plan, head = self._decided
        method, timeouts = self._message.method, plan.timeouts
        answer = self._answer = self._connection.flow = Answer(
            self._connection.transport,
            on_done,
            plan,
            self,
            method=method,
            http10=self._http10,
            request_id=self.record.request_id,
            keep_alive=self._keep_alive,
        )
        self._upstream = upstream
        ask = Ask(answer, method == "HEAD", timeouts.response, timeouts.idle)
        answer.attach(upstream, ask)
        upstream.ask(ask, head, whole=whole)
        if self._connection.writing_paused:
            answer.client_paused()
        return answer

    def _may_retry(self) -> bool:
        """Whether an idle connection was closed by the upstream as we wrote: nothing was answered.

        Then once more, on a new one, if doing it twice does no harm (RFC 9110 section 9.2.2).
        """
        stale = self._upstream is not None and self._upstream.is_stale
        if self._retried or not stale or not self._repeatable:
            return False
        self._retried = True
        return True

    async def _pump(self, upload: Upload, upstream: UpstreamConnection, answer: Answer) -> None:
        error = await upload.pump(upstream)
        answer.uploading = False
        if error is not None:
            answer.detach()
            answer.finish(error)

    def _failed(self, fault: Exception) -> None:
        self._relay.log.error("exchange.failed", request_id=self.record.request_id, exc_info=fault)
        self._answer_error(InternalError(type(fault).__name__))

    # Streams.

    def stream_opening(self, answer: Answer) -> None:
        """Count a reply that is an event stream.  Raises TooManyStreams."""
        self._relay.streams.opened(self)
        self.record.stream_opened(self._secrets())

    def end_stream(self, reason: str) -> None:
        """End the open stream in good order, for a named reason."""
        if self._answer is not None:
            self._end_reason = reason
            self._answer.end()

    # The end.

    def _answer_health(self) -> None:
        method, draining = self._message.method, self._relay.draining
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowed("health", headers=(("Allow", "GET, HEAD"),))
        self.record.status = 503 if draining else 200
        self._write(
            plain_response(
                self.record.status,
                b'{"status":"draining"}' if draining else b'{"status":"ok"}',
                content_type="application/json",
                keep_alive=self._keep_alive,
                with_body=method != "HEAD",
            )
        )

    def _answer_error(self, error: GatewayError) -> None:
        self.record.error = error
        answer = self._answer
        if answer is not None and answer.started:
            answer.keep_alive = False
            if not answer.framed:
                self._connection.cut()
            return
        self.record.status = error.status
        self._keep_alive &= self._request.body.is_eof() and error.status not in _CLOSING_STATUSES
        plan = self.record.plan
        if plan is not None and plan.settings.stream is not None:
            error.headers += NO_REFERRER  # its URL holds a token
        self._write(
            problem(
                error,
                self.record.request_id,
                keep_alive=self._keep_alive,
                with_body=self._message.method != "HEAD",
            )
        )

    def _write(self, data: bytes) -> None:
        transport = self._connection.transport
        self.record.bytes_out = len(data)
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def _finish(self) -> None:
        connection, answer, record = self._connection, self._answer, self.record
        connection.flow = None
        if self._upload is not None:
            connection.body = None
            record.bytes_in = self._upload.bytes_in
        if answer is not None:
            answer.release()
            if answer.started:
                self._keep_alive &= answer.keep_alive
        if answer is not None and answer.is_stream:
            self._relay.streams.ended(self)
            record.stream_ended(answer, self._secrets(), self._end_reason)
        else:
            record.request_finished(answer, self._secrets())
        if not self._keep_alive:
            connection.watch_close()
        self._upstream = self._answer = None
        self._relay.exchange_over()

    def _secrets(self) -> tuple[str, ...]:
        """The request's secrets, to be kept out of the log wherever else they stand."""
        if self._fields is not None:
            return tuple([value.decode("latin-1") for value in self._fields.credentials])
        names = self._snapshot.secret_names
        return tuple([v.decode("latin-1") for n, v in self._message.raw_headers if n.lower() in names])
