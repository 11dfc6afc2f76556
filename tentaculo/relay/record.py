"""What is remembered of an exchange, and the one log event and metric made of it at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tentaculo.config.settings import Timeouts
from tentaculo.errors import GatewayError

if TYPE_CHECKING:
    from aiohttp import web

    from tentaculo.access.principals import Principal
    from tentaculo.relay.answer import Answer
    from tentaculo.relay.plan import RoutePlan
    from tentaculo.relay.relay import Relay
    from tentaculo.wire.target import Target

CLIENT_CLOSED = 499  # nginx's word for a client that left before it was answered


class Record:
    """The facts of one exchange; times are seconds of the relay's clock."""

    __slots__ = (
        "_request",
        "_started_at",
        "bytes_in",
        "bytes_out",
        "client",
        "client_gone",
        "error",
        "keep_alive",
        "plan",
        "principal",
        "request_id",
        "stalled",
        "status",
        "target",
    )

    def __init__(self, request_id: str, client: str, request: web.BaseRequest, started_at: float) -> None:
        self._request = request
        self._started_at = started_at
        self.request_id = request_id
        self.client = client
        self.target: Target | None = None
        self.plan: RoutePlan | None = None
        self.principal: Principal | None = None
        self.error: GatewayError | None = None
        self.client_gone = False
        self.stalled = False
        self.keep_alive = request.keep_alive
        self.status = 0
        self.bytes_in = 0
        self.bytes_out = 0

    @property
    def timeouts(self) -> Timeouts:
        """The route's timeouts."""
        assert self.plan is not None
        return self.plan.settings.timeouts

    def take(self, answer: Answer) -> None:
        """Take over what the answer counted."""
        self.bytes_out = answer.bytes_out
        self.stalled = answer.stalled
        if answer.started:
            self.status = answer.status

    def request_finished(self, relay: Relay, secrets: tuple[str, ...]) -> None:
        """Log and count an exchange that is over."""
        seconds = relay.clock() - self._started_at
        status = self.status or CLIENT_CLOSED
        plan = self.plan
        metrics = plan.metrics if plan is not None else relay.snapshot.unrouted
        metrics.request_finished(self._request.method, status, seconds)
        self._count_fault(relay)
        quiet = plan is None and self.error is None
        event = self._event(secrets, status)
        event["duration_ms"] = round(seconds * 1000, 3)
        (relay.log.debug if quiet else relay.log.info)("request.finished", **event)

    def stream_opened(self, relay: Relay, secrets: tuple[str, ...]) -> None:
        """Log and count a stream that opens."""
        assert self.plan is not None
        self.plan.metrics.stream_opened()
        relay.log.info("stream.opened", **self._event(secrets, 200))

    def stream_ended(self, relay: Relay, secrets: tuple[str, ...], end_reason: str | None) -> None:
        """Log and count a stream that is over; `end_reason` where the gateway ended it."""
        assert self.plan is not None
        seconds = relay.clock() - self._started_at
        reason = end_reason or self._end_reason()
        self.plan.metrics.stream_ended(reason, seconds)
        self.plan.metrics.request_finished(self._request.method, self.status, None)
        self._count_fault(relay)
        event = self._event(secrets, self.status)
        event |= {"end_reason": reason, "duration_ms": round(seconds * 1000, 3)}
        relay.log.info("stream.ended", **event)

    def _end_reason(self) -> str:
        if self.client_gone:
            return "client_gone"
        if self.stalled:
            return "slow_client"
        return "upstream_closed" if self.error is None else "upstream_error"

    def _count_fault(self, relay: Relay) -> None:
        error, plan = self.error, self.plan
        if plan is not None and error is not None and error.status in (502, 504):
            relay.metrics.upstream_fault(plan.settings.upstream, error.code)

    def _event(self, secrets: tuple[str, ...], status: int) -> dict[str, Any]:
        request, plan, error = self._request, self.plan, self.error
        event: dict[str, Any] = {
            "secrets": secrets,
            "request_id": self.request_id,
            "client": self.client,
            "method": request.method,
            "url": request.raw_path,
            "status": status,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
        }
        if plan is not None:
            event["route"] = plan.settings.name
            event["upstream"] = plan.settings.upstream
        if self.principal is not None:
            event["principal"] = self.principal.name
        if error is not None:
            event["code"] = error.code
            event["reason"] = error.reason
        elif self.client_gone or self.stalled:
            event["code"] = "client_gone" if self.client_gone else "slow_client"
        return event
