"""One exchange: a request with its response, from the first decision to the log line.

`_steps` is the order of things.  Errors are raised deep and answered here, where it is known
whether the answer has begun: before it, problem details; after it, the client's connection is cut.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from aiohttp import web
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
from tentaculo.relay.downstream import DownstreamConnection
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.problem import plain_response, problem
from tentaculo.relay.record import Record
from tentaculo.relay.request_head import CHUNKED, EXPECT_CONTINUE, request_head
from tentaculo.relay.response import RelayedResponse
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
_CLOSING_STATUSES = frozenset({400, 408, 413, 505})
_STREAM_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Exchange:
    """Carries one request through the gateway."""

    __slots__ = (
        "_answer",
        "_connection",
        "_end_reason",
        "_fields",
        "_forwarding",
        "_host",
        "_hostname",
        "_http10",
        "_relay",
        "_request",
        "_snapshot",
        "_upload",
        "record",
    )

    def __init__(self, relay: Relay, request: web.BaseRequest) -> None:
        self._relay = relay
        self._request = request
        self._snapshot = relay.snapshot
        self._connection = cast(DownstreamConnection, request.protocol)
        self._answer: Answer | None = None
        self._fields: RequestFields | None = None
        self._upload: Upload | None = None
        self._end_reason: str | None = None
        self._forwarding: bytes | None = None
        self._host = b""
        self._hostname = ""
        self._http10 = request.version is HttpVersion10
        self.record = Record(relay.new_request_id(), self._connection.peer.address, request, relay.clock())

    async def run(self) -> web.StreamResponse:
        """Carry the request through; always answers, always logs."""
        response = RelayedResponse(keep_alive=self._request.keep_alive and not self._relay.draining)
        try:
            await self._steps()
        except GatewayError as error:
            self._answer_error(error)
        except asyncio.CancelledError:
            self.record.client_gone = True
            raise
        except Exception as fault:
            self._relay.log.error("exchange.failed", request_id=self.record.request_id, exc_info=fault)
            self._answer_error(InternalError(type(fault).__name__))
        finally:
            self._finish(response)
        return response

    async def _steps(self) -> None:
        self._check_head()
        target = parse_target(self._request.raw_path, self._request.headers.get("Host", ""))
        self.record.target = target
        if target.path == self._snapshot.settings.health_path:
            self._answer_health()
            return
        plan = self.record.plan = self._match(target)
        fields = self._fields = sort_request_fields(
            self._request.raw_headers, plan.request_names, keep_credentials=plan.keep_credentials
        )
        if self._connection.peer.trusted:
            self._believe(fields)
        self.record.principal = plan.guard.admit(fields.credentials)
        self._check_limits(plan, fields)
        await self._forward(plan, self._head(plan, target, fields))

    # Decisions.

    def _check_head(self) -> None:
        request = self._request
        if request.version is not HttpVersion11 and not self._http10:
            raise VersionNotSupported("version")
        if request.method in REFUSED_METHODS:
            raise MethodNotAllowed("method", headers=(("Allow", ORDINARY_METHODS),))
        if self._connection.measure_heads:
            size = sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
            if size > self._snapshot.settings.limits.headers:
                raise HeadersTooLarge("headers")
        host = request.headers.get("Host")
        if host is not None:
            self._hostname = check_host(host)
            self._host = host.encode()
        if self._http10 and "Transfer-Encoding" in request.headers:
            raise BadRequest("transfer_encoding_in_http10")

    def _match(self, target: Target) -> RoutePlan:
        plan = self._snapshot.table.match(self._hostname, target.path, self._request.method)
        if target.found and not target.found <= plan.settings.allow_in_path:
            raise BadTarget("not_allowed_in_path")
        if plan.settings.token_stream and self._request.method not in _STREAM_METHODS:
            raise MethodNotAllowed("stream", headers=(("Allow", "GET, HEAD, OPTIONS"),))
        return plan

    def _check_limits(self, plan: RoutePlan, fields: RequestFields) -> None:
        if fields.expect and [value.lower() for value in fields.expect] != [b"100-continue"]:
            raise ExpectationFailed("expect")
        limit = self._snapshot.settings.limits.body
        if limit is not None and int(self._request.headers.get("Content-Length", "0")) > limit:
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
        return request_head(
            plan,
            self._request.method,
            target,
            fields,
            host=self._host,
            framing=self._framing(fields),
            forwarding=forwarding,
            principal=self.record.principal,
            request_id=self.record.request_id,
        )

    def _framing(self, fields: RequestFields) -> bytes:
        request = self._request
        if not request.body_exists:
            return b"Content-Length: 0\r\n" if "Content-Length" in request.headers else b""
        chunked = "Transfer-Encoding" in request.headers
        self._upload = upload = Upload(request.content, self._snapshot.settings.limits, chunked=chunked)
        line = CHUNKED if chunked else b"Content-Length: %d\r\n" % int(request.headers["Content-Length"])
        expects = fields.expect and not upload.is_complete and not self._http10
        return line + EXPECT_CONTINUE if expects else line

    async def _forward(self, plan: RoutePlan, head: bytes) -> None:
        self._answer = answer = Answer(
            self._connection.transport,
            self._relay.loop,
            plan,
            self,
            method=self._request.method,
            http10=self._http10,
            request_id=self.record.request_id,
            keep_alive=self._keeps_alive(),
        )
        self._connection.flow = answer
        upload = self._upload
        whole = upload is None or upload.is_complete
        if upload is not None and whole:
            head += upload.at_hand()
        repeatable = whole and self._request.method in IDEMPOTENT
        upstream = plan.pool.take_idle(certain=not repeatable)
        if upstream is None:
            upstream = await plan.pool.connect(plan.settings.timeouts.connect)
        error = await self._ask(upstream, head, answer, whole=whole)
        if error is not None and repeatable and upstream.is_stale and not answer.started:
            # An idle connection that the upstream closed as we wrote: nothing was answered.
            answer.reopen()
            upstream = await plan.pool.connect(plan.settings.timeouts.connect)
            error = await self._ask(upstream, head, answer, whole=whole)
        if error is not None:
            raise error

    async def _ask(
        self, upstream: UpstreamConnection, head: bytes, answer: Answer, *, whole: bool
    ) -> GatewayError | None:
        timeouts = self.record.timeouts
        ask = Ask(answer, self._request.method == "HEAD", timeouts.response, timeouts.idle)
        answer.attach(upstream, ask)
        upstream.ask(ask, head, whole=whole)
        if self._connection.writing_paused:
            answer.client_paused()
        if whole:
            return await answer.done
        return await self._ask_with_body(upstream, answer)

    async def _ask_with_body(self, upstream: UpstreamConnection, answer: Answer) -> GatewayError | None:
        assert self._upload is not None
        answer.uploading = True
        self._connection.body = self._request.content
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(self._pump(self._upload, upstream, answer), name="upload")
            error = await answer.done
            pump.cancel()
        return error

    async def _pump(self, upload: Upload, upstream: UpstreamConnection, answer: Answer) -> None:
        error = await upload.pump(upstream)
        answer.uploading = False
        if error is not None:
            answer.detach()
            answer.finish(error)

    def _keeps_alive(self) -> bool:
        return self._request.keep_alive and not self._relay.draining

    # Streams.

    def stream_opening(self, answer: Answer) -> None:
        """Count a reply that is an event stream.  Raises TooManyStreams."""
        self._relay.streams.opened(self)
        self.record.stream_opened(self._relay, self._secrets())

    def end_stream(self, reason: str) -> None:
        """End the open stream in good order, for a named reason."""
        if self._answer is not None:
            self._end_reason = reason
            self._answer.end()

    # The end.

    def _answer_health(self) -> None:
        request = self._request
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("health", headers=(("Allow", "GET, HEAD"),))
        self.record.status = 503 if self._relay.draining else 200
        body = b'{"status":"draining"}' if self._relay.draining else b'{"status":"ok"}'
        self._write(
            plain_response(
                self.record.status,
                body,
                content_type="application/json",
                keep_alive=self._keeps_alive(),
                with_body=request.method != "HEAD",
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
        self.record.keep_alive = (
            self._keeps_alive() and self._request.content.is_eof() and error.status not in _CLOSING_STATUSES
        )
        self._write(
            problem(
                error,
                self.record.request_id,
                keep_alive=self.record.keep_alive,
                with_body=self._request.method != "HEAD",
            )
        )

    def _write(self, data: bytes) -> None:
        transport = self._connection.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def _finish(self, response: RelayedResponse) -> None:
        connection, answer, record = self._connection, self._answer, self.record
        connection.flow = connection.body = None
        if answer is not None:
            answer.release()
            record.take(answer)
        if self._upload is not None:
            record.bytes_in = self._upload.bytes_in
        keep_alive = answer.keep_alive if answer is not None and answer.started else record.keep_alive
        if not keep_alive:
            response.force_close()
            connection.watch_close()
        if answer is not None and answer.is_stream:
            self._relay.streams.ended(self)
            record.stream_ended(self._relay, self._secrets(), self._end_reason)
        else:
            record.request_finished(self._relay, self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        """The request's secrets, to be kept out of the log wherever else they stand."""
        if self._fields is not None:
            return tuple(value.decode("latin-1") for value in self._fields.credentials)
        names = self._snapshot.secret_names
        return tuple(v.decode("latin-1") for n, v in self._request.raw_headers if n.lower() in names)
