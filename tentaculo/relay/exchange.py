"""One exchange: a request with its response, from the first byte up to the log line.

What is decided before is in `admission`; `_forward` is the order of what comes then.  Errors are
raised deep and answered here, where it is known whether the answer has begun: before it, problem
details; after it, the client's connection is cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from tentaculo.errors import GatewayError, InternalError, MethodNotAllowed
from tentaculo.relay.admission import Admission
from tentaculo.relay.answer import Answer
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.problem import plain_response, problem
from tentaculo.relay.request import Request
from tentaculo.relay.response import CLOSE, KEEP_OPEN
from tentaculo.relay.upload import Upload
from tentaculo.upstream.connection import Ask, UpstreamConnection
from tentaculo.wire.headers import bearer_token

if TYPE_CHECKING:
    from tentaculo.relay.relay import Relay

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
NO_REFERRER = (("Referrer-Policy", "no-referrer"),)
MAX_SECRETS = 8
_CLOSING_STATUSES = frozenset({400, 408, 413, 505})


class Exchange(Admission):
    """Carries one request through the gateway."""

    __slots__ = (
        "_answer",
        "_decided",
        "_end_reason",
        "_keep_alive",
        "_repeatable",
        "_retried",
        "_upstream",
    )

    def __init__(self, relay: Relay, request: Request) -> None:
        super().__init__(relay, request)
        self._keep_alive = not (self.message.should_close or self.message.upgrade or relay.draining)
        self._repeatable = self.message.method in IDEMPOTENT
        self._answer: Answer | None = None
        self._upstream: UpstreamConnection | None = None
        self._decided: tuple[RoutePlan, bytes] | None = None
        self._retried = False
        self._end_reason: str | None = None
        relay.exchange_opened(self)

    def begin(self) -> None:
        """Carry the request as far as nothing must be waited for; what comes back goes on by itself."""
        try:
            decided = self._decided = self.decide()
            if decided is not None:
                self._begin_forwarding(decided[0])
                return
            self._answer_health()
        except GatewayError as error:
            self._answer_error(error)
        except Exception as fault:
            self._failed(fault)
        self._finish()
        self.connection.exchange_over(keep_alive=self._keep_alive)

    def _begin_forwarding(self, plan: RoutePlan) -> None:
        upstream = plan.pool.take_idle(certain=not self._repeatable)
        if upstream is not None:
            self._send(upstream, self._direct_done, whole=True)
        else:
            self.connection.hand_over(self, self.request)

    def _direct_done(self, error: GatewayError | None) -> None:
        if error is not None:
            if self._may_retry():
                self.connection.hand_over(self, self.request)
                return
            self._answer_error(error)
        self._finish()
        self.connection.exchange_over(keep_alive=self._keep_alive)

    def client_left(self) -> None:
        """Stop: there is nobody to answer."""
        self.record.client_gone = True
        self._finish()

    def cut_short(self, error: GatewayError) -> None:
        """End what waits for an upstream's reply, as if that had failed with `error`."""
        self._keep_alive = False
        self._end_reason = error.code
        if self._answer is not None:
            self._answer.detach()
            self._answer.finish(error)

    async def run(self) -> web.StreamResponse:
        """Carry the request through, waiting where it must; always answers, always logs."""
        try:
            if self._decided is None:
                self._decided = self.decide()
            if self._decided is None:
                self._answer_health()
            else:
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
        await self.connection.room()  # or a client that reads nothing would have ever more written
        return KEEP_OPEN if self._keep_alive else CLOSE

    # The request's way up.

    async def _forward(self, plan: RoutePlan, head: bytes) -> None:
        upload = self.upload
        whole = upload is None or upload.is_complete
        if upload is not None and whole:
            self._decided = (plan, head + upload.at_hand())
        self._repeatable = whole and self.message.method in IDEMPOTENT
        upstream = None if self._retried else plan.pool.take_idle(certain=not self._repeatable)
        if upstream is None:
            upstream = await plan.pool.connect(plan.timeouts.connect)
        error = await self._ask(upstream, whole=whole)
        if error is not None and self._may_retry():
            error = await self._ask(await plan.pool.connect(plan.timeouts.connect), whole=True)
        if error is not None:
            raise error

    async def _ask(self, upstream: UpstreamConnection, *, whole: bool) -> GatewayError | None:
        done: asyncio.Future[GatewayError | None] = self.relay.loop.create_future()
        answer = self._send(
            upstream, lambda error: None if done.done() else done.set_result(error), whole=whole
        )
        if whole:
            return await done
        assert self.upload is not None
        answer.uploading = True
        self.connection.body = self.request.body
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(self._pump(self.upload, upstream, answer), name="upload")
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
        method, timeouts = self.message.method, plan.timeouts
        answer = self._answer = self.connection.flow = Answer(
            self.connection.transport,
            on_done,
            plan,
            self,
            method=method,
            http10=self.http10,
            request_id=self.record.request_id,
            keep_alive=self._keep_alive,
        )
        self._upstream = upstream
        ask = Ask(answer, method == "HEAD", timeouts.response, timeouts.idle)
        answer.attach(upstream, ask)
        upstream.ask(ask, head, whole=whole)
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
        self.relay.logs.logger.error("exchange.failed", request_id=self.record.request_id, exc_info=fault)
        self._answer_error(InternalError(type(fault).__name__))

    # Streams.

    def stream_opening(self, answer: Answer) -> None:
        """Count a reply that is an event stream.  Raises TooManyStreams."""
        self.relay.streams.opened(self)
        self.record.stream_opened(self._secrets())

    def end_stream(self, reason: str) -> None:
        """End the open stream in good order, for a named reason."""
        if self._answer is not None:
            self._end_reason = reason
            self._answer.end()

    # The end.

    def _answer_health(self) -> None:
        method, draining = self.message.method, self.relay.draining
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
                self.connection.cut()
            return
        self.record.status = error.status
        self._keep_alive &= self.request.body.is_eof() and error.status not in _CLOSING_STATUSES
        plan = self.record.plan
        if plan is not None and plan.settings.stream is not None:
            error.headers += NO_REFERRER  # its URL holds a token
        self._write(
            problem(
                error,
                self.record.request_id,
                keep_alive=self._keep_alive,
                with_body=self.message.method != "HEAD",
            )
        )

    def _write(self, data: bytes) -> None:
        transport = self.connection.transport
        self.record.bytes_out = len(data)
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def _finish(self) -> None:
        connection, answer, record = self.connection, self._answer, self.record
        connection.flow = None
        if self.upload is not None:
            connection.body = None
            record.bytes_in = self.upload.bytes_in
        if answer is not None:
            answer.release()
            if answer.started:
                self._keep_alive &= answer.keep_alive
        if answer is not None and answer.is_stream:
            self.relay.streams.ended(self)
            record.stream_ended(answer, self._secrets(), self._end_reason)
        else:
            record.request_finished(answer, self._secrets())
        if not self._keep_alive:
            connection.watch_close()
        self._upstream = self._answer = None
        self.relay.exchange_over(self)

    def _secrets(self) -> tuple[str, ...]:
        """The request's secrets, to be kept out of the log wherever else they stand."""
        if self.fields is not None:
            values = self.fields.credentials
        else:
            names = self.snapshot.secret_names
            raw = [value for name, value in self.message.raw_headers if name.lower() in names]
            # The token by itself first: it is what stands elsewhere.
            values = [part for value in raw for part in (bearer_token(value), value) if part]
        return tuple([value.decode("latin-1") for value in list(dict.fromkeys(values))[:MAX_SECRETS]])
