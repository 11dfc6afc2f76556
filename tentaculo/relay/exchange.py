"""One exchange: a request with its response, from the first byte up to the log line.

What is decided before is in `admission`, what the gateway answers itself in `answering`, what becomes of
a stream in `streaming`; `_forward` is the order of what comes between.  Errors are raised deep and
answered where it is known whether the answer has begun: before it, problem details; after it, the
client's connection is cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tentaculo.errors import BadRequest, GatewayError, UpstreamTimeout
from tentaculo.relay.answer import Answer
from tentaculo.relay.attempts import Attempts
from tentaculo.relay.delivery import Recipient
from tentaculo.relay.opening import describe_client, redeem
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.request import Request
from tentaculo.relay.response import CLOSE, KEEP_OPEN
from tentaculo.relay.sharing import Sharing, wanted_stream
from tentaculo.relay.streaming import Streaming
from tentaculo.relay.subscription import Subscription
from tentaculo.relay.upload import Upload
from tentaculo.upstream.breaker import Outcome
from tentaculo.upstream.connection import Ask, UpstreamConnection
from tentaculo.upstream.server import outcome_of
from tentaculo.wire.headers import field_lines

if TYPE_CHECKING:
    from tentaculo.relay.relay import Relay

_SERVER_FAULTS: Final = frozenset({Outcome.FAULT, Outcome.AWAY})
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


class Exchange(Streaming):
    """Carries one request through the gateway."""

    __slots__ = (
        "_admitted",
        "_attempts",
        "_connecting",
        "_decided",
        "_plan",
        "_repeatable",
        "_retried",
        "_upstream",
    )

    def __init__(self, relay: Relay, request: Request) -> None:
        super().__init__(relay, request)
        self._repeatable = self.message.method in IDEMPOTENT
        self._upstream: UpstreamConnection | None = None
        self._admitted = False
        self._plan: RoutePlan | None = None
        self._decided: tuple[RoutePlan, bytes] | None = None
        self._retried = False
        self._attempts = Attempts()
        self._connecting: asyncio.Timeout | None = None
        relay.exchange_opened(self)

    def begin(self) -> None:
        """Carry the request as far as nothing must be waited for; what comes back goes on by itself."""
        try:
            plan = self._admit()
            if plan is not None and self.token is None:
                self._begin_forwarding(plan)
                return
            if plan is not None or self.issuing is not None:
                self.connection.hand_over(self, self.request)
                return
            self._answer_own()
        except GatewayError as error:
            self._answer_error(error)
        except Exception as fault:
            self._failed(fault)
        self._finish()
        self.connection.exchange_over(keep_alive=self._keep_alive)

    def _admit(self) -> RoutePlan | None:
        self._admitted = True
        plan = self._plan = self.decide()
        return plan

    def _begin_forwarding(self, plan: RoutePlan) -> None:
        if plan.sharing is not None and self.message.method == "GET":
            self._join(plan, plan.sharing, self._direct_done)
            return
        self._decided = (plan, self.head(plan))
        upstream = self._attempts.take(plan.upstream, self.record.client).pool.take_idle(
            certain=not self._repeatable
        )
        if upstream is not None:
            self._send(upstream, self._direct_done, whole=True)
        else:
            self.connection.hand_over(self, self.request)

    def _direct_done(self, error: GatewayError | None) -> None:
        if error is not None:
            if self._may_retry() or self._goes_elsewhere(error):
                self.connection.hand_over(self, self.request)
                return
            self._answer_error(error)
        self._finish()
        self.connection.exchange_over(keep_alive=self._keep_alive)

    def client_left(self) -> None:
        """Stop: there is nobody to answer."""
        self.record.client_gone = True
        self._finish()

    async def run(self) -> web.StreamResponse:
        """Carry the request through, waiting where it must; always answers, always logs."""
        try:
            plan = self._plan if self._admitted else self._admit()
            if plan is not None:
                if self.token is not None:
                    await self._redeem(plan, self.token)
                await self._forward(plan)
            elif self.issuing is not None:
                await self._issue(self.issuing)
            else:
                self._answer_own()
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

    async def _redeem(self, plan: RoutePlan, token: bytes) -> None:
        tokens, client = self.relay.tokens, self.record.client
        presented_by = describe_client(client, self.message.headers, self.cookies, secure=self.secure)
        redeeming = self.relay.loop.create_task(redeem(tokens, token, plan.name, presented_by), name="redeem")
        try:
            redeemed = await asyncio.shield(redeeming)
        except asyncio.CancelledError:
            self.relay.release_late(redeeming)
            raise
        self._lease = redeemed.lease
        if redeemed.lease is not None:
            tokens.hold(redeemed.lease, self.end)
        self.record.principal = plan.guard.holder(redeemed.grant)
        self._check_revoked()
        self.rate = plan.count_call(self.record.principal, client, self.relay.clock)
        self.check_room(plan)

    async def _forward(self, plan: RoutePlan) -> None:
        if plan.sharing is not None and self.message.method == "GET":
            await self._share(plan, plan.sharing)
            return
        if self._decided is None:
            self._decided = (plan, self.head(plan))
        head, upload = self._decided[1], self.upload
        whole = upload is None or upload.is_complete
        if upload is not None and whole:
            self._decided = (plan, head + upload.at_hand())
        self._repeatable = whole and self.message.method in IDEMPOTENT
        while (error := await self._try(plan, whole=whole)) is not None:
            if not self._goes_elsewhere(error):
                raise error

    async def _try(self, plan: RoutePlan, *, whole: bool) -> GatewayError | None:
        """Ask one server; return what is wrong with its reply, or that there is no connection."""
        server = self._attempts.take(plan.upstream, self.record.client)
        upstream = None if self._retried else server.pool.take_idle(certain=not self._repeatable)
        try:
            if upstream is None:
                upstream = await self._connect(plan)
            error = await self._ask(upstream, whole=whole)
            if error is not None and self._may_retry():
                error = await self._ask(await self._connect(plan), whole=True)
        except GatewayError as fault:
            return fault
        return error

    async def _connect(self, plan: RoutePlan) -> UpstreamConnection:
        """Open a connection; what cuts the exchange short, or did already, need not wait for that."""
        self._check_cut()
        connection: UpstreamConnection | None = None
        try:
            async with asyncio.timeout(None) as self._connecting:
                connection = await self._attempts.connect(plan.upstream, plan.timeouts.connect)
        except TimeoutError:
            self._check_cut()
        finally:
            self._connecting = None
        assert connection is not None
        return connection

    def cut_short(self, error: GatewayError) -> None:
        """End what waits for an upstream, for its connection too, as if that had failed with `error`."""
        super().cut_short(error)
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.reschedule(0.0)

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
            self._recipient(), on_done, plan, self, method=method
        )
        self._upstream = upstream
        self._attempts.sent = True
        ask = Ask(answer, method == "HEAD", timeouts.response, timeouts.idle)
        answer.attach(upstream, ask)
        upstream.ask(ask, head, whole=whole)
        return answer

    async def _share(self, plan: RoutePlan, sharing: Sharing) -> None:
        done: asyncio.Future[GatewayError | None] = self.relay.loop.create_future()
        self._join(plan, sharing, lambda error: None if done.done() else done.set_result(error))
        error = await done
        if error is not None:
            raise error

    def _join(
        self, plan: RoutePlan, sharing: Sharing, on_done: Callable[[GatewayError | None], None]
    ) -> None:
        """Have the stream fed from one that others have too, or will have."""
        assert self.target is not None
        assert self.fields is not None
        if self.request.has_body:
            raise BadRequest("body")
        wanted = wanted_stream(sharing, plan.shared_identity, self.target, self.fields, self.record.principal)
        client = self._answer = self.connection.flow = Subscription(
            self._recipient(), on_done, plan, self, last_event_id=self.last_event_id
        )
        self.relay.shared.join(plan, sharing, wanted, client)

    def _recipient(self) -> Recipient:
        """Return who asked, with the header lines of the gateway's own that go with this reply."""
        fields = self.cors + self.rate
        return Recipient(
            self.connection.transport,
            http10=self.http10,
            request_id=self.record.request_id,
            keep_alive=self._keep_alive,
            extra=field_lines(fields) if fields else b"",
            outbox=self.relay.outbox,
        )

    def _may_retry(self) -> bool:
        """Whether an idle connection was closed by the upstream as we wrote: nothing was answered.

        Then once more, on a new one, if doing it twice does no harm (RFC 9110 section 9.2.2).
        """
        stale = self._upstream is not None and self._upstream.is_stale
        if self._retried or not stale or not self._repeatable:
            return False
        self._retried = True
        return True

    def server_answered(self) -> None:
        """Tell the server that it is well, though its exchange goes on."""
        self._attempts.answered()

    def _goes_elsewhere(self, error: GatewayError) -> bool:
        """Whether another server is asked: nothing was answered, and asking twice does no harm.

        No harm is in a request that was never sent, nor in one that may be repeated (RFC 9110 section
        9.2.2); but who has waited for an answer in vain does not wait that long again.
        """
        plan, attempts = self._plan, self._attempts
        if plan is None or outcome_of(error) not in _SERVER_FAULTS:
            return False
        if self._answer is not None and self._answer.started:
            return False
        if attempts.sent and (not self._repeatable or isinstance(error, UpstreamTimeout)):
            return False
        if not attempts.give_up(plan.upstream, error):
            return False
        self.relay.metrics.upstream_fault(plan.settings.upstream, error.code)
        self._retried = False
        return True

    async def _pump(self, upload: Upload, upstream: UpstreamConnection, answer: Answer) -> None:
        error = await upload.pump(upstream)
        answer.uploading = False
        if error is not None:
            answer.detach()
            answer.finish(error)

    # The end.

    def _finish(self) -> None:
        connection, answer, record = self.connection, self._answer, self.record
        connection.flow = None
        if self.upload is not None:
            connection.body = None
            record.bytes_in = self.upload.bytes_in
        left_at = connection.lost_at if record.client_gone else None
        if answer is not None:
            answer.release(left_at)
            if answer.started:
                self._keep_alive &= answer.keep_alive
            if answer.stalled:
                connection.cut()
        elif left_at is not None and self._decided is not None:  # was waiting for a connection, ended with it
            self.relay.metrics.upstream_aborted(self.relay.clock() - left_at)
        if self._lease is not None:
            self.relay.release(self._lease)
        stream, self._stream = self._stream, None
        self._attempts.end(record.error, neutral=stream is not None or record.client_gone)
        if answer is not None and stream is not None:
            stream.close()
            record.stream_ended(answer, self._secrets(), stream.end_reason or self._end_reason)
        else:
            record.request_finished(answer, self._secrets())
        if not self._keep_alive:
            connection.watch_close()
        self._upstream = self._answer = None
        self.relay.exchange_over(self)
