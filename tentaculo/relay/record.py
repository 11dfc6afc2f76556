"""What is remembered of an exchange, and the one log event and metric made of it at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tentaculo.access.guard import BY_QUERY
from tentaculo.errors import Overloaded
from tentaculo.telemetry.token_metrics import UPSTREAM

if TYPE_CHECKING:
    from tentaculo.access.principals import Principal
    from tentaculo.errors import GatewayError
    from tentaculo.relay.delivery import Delivery
    from tentaculo.relay.issuing import IssuePlan
    from tentaculo.relay.plan import RoutePlan
    from tentaculo.relay.relay import Relay
    from tentaculo.relay.request import Request

TOKEN_ISSUED = 200
CLIENT_CLOSED = 499  # nginx's word for a client that left before it was answered


class Record:
    """The facts of one exchange; times are seconds of the relay's clock."""

    __slots__ = (
        "_message",
        "_relay",
        "bytes_in",
        "bytes_out",
        "client",
        "client_gone",
        "error",
        "issuing",
        "plan",
        "principal",
        "request_id",
        "stalled",
        "started_at",
        "status",
    )

    def __init__(self, relay: Relay, request: Request) -> None:
        self._relay = relay
        self._message = request.message
        self.started_at = relay.clock()
        self.request_id = relay.new_request_id()
        self.client = request.connection.peer.address
        self.plan: RoutePlan | None = None
        self.issuing: IssuePlan | None = None
        self.principal: Principal | None = None
        self.error: GatewayError | None = None
        self.client_gone = False
        self.stalled = False
        self.status = 0
        self.bytes_in = 0
        self.bytes_out = 0

    def _take(self, answer: Delivery) -> None:
        if answer.started:
            self.status = answer.status
            self.bytes_out = answer.bytes_out
        self.stalled = answer.stalled

    def request_finished(self, answer: Delivery | None, secrets: tuple[str, ...]) -> None:
        """Log and count an exchange that is over; `answer` is its reply, where there was one."""
        relay, plan = self._relay, self.plan
        if answer is not None:
            self._take(answer)
        seconds = relay.clock() - self.started_at
        status = self.status or CLIENT_CLOSED
        served = plan or self.issuing
        metrics = relay.snapshot.unrouted if served is None else served.metrics
        metrics.request_finished(self._message.method, status, seconds)
        if self.issuing is not None and status == TOKEN_ISSUED:
            relay.metrics.tokens.token_answered(seconds)
        event = self._event("request.finished", status, seconds)
        if self.error is not None:
            self._count_fault()
            if isinstance(self.error, Overloaded):
                relay.log_overload(event, secrets)
                return
        elif self.client_gone or self.stalled:
            event["code"] = "client_gone" if self.client_gone else "slow_client"
        elif served is None:  # a path of the gateway's own
            event["level"] = "debug"
        relay.logs.whole_event(event, secrets)

    def stream_opened(self, secrets: tuple[str, ...], by: str) -> None:
        """Log and count a stream that opens; `by` is the kind of credential on a route that tokens open."""
        assert self.plan is not None
        self.plan.metrics.streams.stream_opened()
        seconds = self._relay.clock() - self.started_at
        event = self._event("stream.opened", 200, seconds)
        if by:
            self._relay.metrics.tokens.stream_opened(by, seconds)
            event["opened_by"] = by
            if by == BY_QUERY:
                event["deprecated"] = "a principal's token stood in the URL"
        elif self.plan.is_stream_only:
            self._relay.metrics.tokens.stream_opened(UPSTREAM, seconds)
        self._relay.logs.whole_event(event, secrets)

    def first_event(self) -> None:
        """Count the time up to a stream's first event."""
        assert self.plan is not None
        self.plan.metrics.streams.first_event(self._relay.clock() - self.started_at)

    def describe_stream(self, answer: Delivery, by: str, now: float) -> dict[str, Any]:
        """Return what an operator wants to know of an open stream, in plain data; `age` in seconds."""
        assert self.plan is not None
        answer.count()
        return {
            "id": self.request_id,
            "route": self.plan.name,
            "principal": None if self.principal is None else self.principal.name,
            "client": self.client,
            "age": int((now - self.started_at) * 1000) / 1000,
            "events": answer.events,
            "bytes": answer.bytes_out,
            "opened_by": by or None,
            "shared": self.plan.sharing is not None,
        }

    def stream_ended(self, answer: Delivery, secrets: tuple[str, ...], end_reason: str | None) -> None:
        """Log and count a stream that is over; `end_reason` where the gateway ended it."""
        assert self.plan is not None
        self._take(answer)
        seconds = self._relay.clock() - self.started_at
        reason = end_reason or self._end_reason()
        self.plan.metrics.streams.stream_ended(reason, seconds)
        self.plan.metrics.request_finished(self._message.method, self.status, None)
        self._count_fault()
        event = self._event("stream.ended", self.status, seconds)
        event["end_reason"] = reason
        event["events"] = answer.events
        self._relay.logs.whole_event(event, secrets)

    def _end_reason(self) -> str:
        if self.client_gone:
            return "client_gone"
        if self.stalled:
            return "slow_client"
        return "upstream_closed" if self.error is None else "upstream_error"

    def _count_fault(self) -> None:
        error, plan = self.error, self.plan
        if plan is not None and error is not None and error.status in (502, 504):
            self._relay.metrics.upstream_fault(plan.settings.upstream, error.code)

    def _event(self, name: str, status: int, seconds: float) -> dict[str, Any]:
        message, plan = self._message, self.plan
        event: dict[str, Any] = {
            "event": name,
            "level": "info",
            "timestamp": None,
            "request_id": self.request_id,
            "client": self.client,
            "method": message.method,
            "url": message.path,
            "status": status,
            "duration_ms": int(seconds * 1e6) / 1000,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
        }
        if plan is not None:
            event["route"] = plan.name
            event["upstream"] = plan.settings.upstream
        elif self.issuing is not None:
            event["route"] = self.issuing.name
        if self.principal is not None:
            event["principal"] = self.principal.name
        if self.error is not None:
            event["code"] = self.error.code
            event["reason"] = self.error.reason
        return event
