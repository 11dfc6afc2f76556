"""The one log event and the metrics of an exchange."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.access.memory_store import MemoryStore
from tentaculo.access.principals import Principal
from tentaculo.config.settings import Access, LogSettings, StreamSettings
from tentaculo.errors import (
    GatewayError,
    Overloaded,
    RouteNotFound,
    TooManyStreams,
    Unauthorized,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tentaculo.relay.answer import Answer
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.record import Record
from tentaculo.relay.relay import Relay
from tentaculo.relay.snapshot import build_snapshot
from tentaculo.relay.streams import Streams
from tentaculo.telemetry.logs import Logs
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines
from tests.fakes.clock import Clock
from tests.relay.parts import Relayed, Upstream, parsed_request, plan_of, route_of, settings_of

GET = b"GET /api/a?q=1 HTTP/1.1\r\nHost: a\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\n"


Happening = Callable[[Record, Answer], None]


class Desk:
    """A relay of which only the clock, the log and the metrics are in use."""

    def __init__(self, backend: Upstream) -> None:
        self.clock = Clock()
        self.lines: list[bytes] = []
        self._backend = backend
        self._registry = (metrics := Metrics(version="0")).registry
        self.relay = Relay(
            snapshot=build_snapshot(settings_of(route_of()), metrics=metrics, deadlines=Deadlines()),
            logs=Logs(LogSettings(level="debug", format="json"), self.lines.append),
            metrics=metrics,
            streams=Streams(10),
            tokens=EphemeralTokens(MemoryStore(), metrics.tokens),
            deadlines=Deadlines(),
            loop=asyncio.get_running_loop(),
            clock=self.clock,
            new_request_id=lambda: "id-1",
        )

    def record(self, data: bytes = GET, *, routed: bool = True) -> Record:
        """Begin the record of a request, which takes a second and a half."""
        record = Record(self.relay, parsed_request(data))
        if routed:
            plan = self.relay.snapshot.table.match("a", "/api/a", "GET")
            assert isinstance(plan, RoutePlan)
            record.plan = plan
        self.clock.advance(1.5)
        return record

    def answer(self, *reads: bytes) -> Answer:
        """Answer with what an upstream sends."""
        relayed = Relayed(self._backend)
        self._backend.sends(*reads)
        return relayed.answer

    @property
    def event(self) -> dict[str, Any]:
        """The only event, without its time stamp."""
        (line,) = self.lines
        event: dict[str, Any] = json.loads(line)
        assert event.pop("timestamp").endswith("Z")
        return event

    def count(self, name: str, **labels: str) -> float | None:
        """Value of a series."""
        return self._registry.get_sample_value(f"tentaculo_{name}", labels)

    def requests(self, status_class: str, route: str = "api") -> float | None:
        """How many GET requests were counted for a route."""
        return self.count("requests_total", route=route, method="GET", status_class=status_class)


@pytest.fixture
async def desk(backend: Upstream) -> Desk:
    """A relay that counts and logs."""
    return Desk(backend)


async def test_answered_exchange(desk: Desk) -> None:
    """An exchange makes one event of all its facts, and counts once."""
    record = desk.record()
    record.principal = Principal("caller")
    record.bytes_in = 7
    record.request_finished(desk.answer(REPLY), ())
    assert desk.event == {
        "event": "request.finished",
        "level": "info",
        "request_id": "id-1",
        "client": "192.0.2.7",
        "method": "GET",
        "url": "/api/a?q=1",
        "route": "api",
        "upstream": "backend",
        "principal": "caller",
        "status": 200,
        "duration_ms": 1500.0,
        "bytes_in": 7,
        "bytes_out": 5,
    }
    assert desk.requests("2xx") == 1
    assert desk.count("request_duration_seconds_sum", route="api") == 1.5


async def test_secrets_stay_out(desk: Desk) -> None:
    """Neither a parameter that names a secret nor the credential itself, wherever it stands, is logged."""
    target = b"/api/a?token=t0p-secret&q=Pr1ncipal-token"
    record = desk.record(GET.replace(b"/api/a?q=1", target))
    record.request_finished(desk.answer(REPLY), ("Pr1ncipal-token",))
    assert desk.event["url"] == "/api/a?token=***&q=***"
    assert b"secrets" not in desk.lines[0]


async def test_secrets_stay_out_when_there_is_too_much(desk: Desk) -> None:
    """Nor is the credential in what is logged of an overload."""
    record = desk.record(GET.replace(b"q=1", b"q=Pr1ncipal-token"))
    record.error, record.status = Overloaded("resources"), 503
    record.request_finished(None, ("Pr1ncipal-token",))
    assert (desk.event["code"], desk.event["url"]) == ("overloaded", "/api/a?q=***")


FAULTS: dict[str, tuple[GatewayError, str, bool]] = {
    "unreachable": (UpstreamUnreachable("refused"), "5xx", True),
    "timeout": (UpstreamTimeout("response"), "5xx", True),
    "protocol": (UpstreamProtocolError("parse"), "5xx", True),
    "the gateway's own limit": (TooManyStreams("streams"), "5xx", False),
    "the client's": (Unauthorized("missing"), "4xx", False),
}


@pytest.mark.parametrize(("error", "status_class", "counts"), FAULTS.values(), ids=FAULTS)
async def test_error_instead_of_an_answer(
    error: GatewayError, status_class: str, counts: bool, desk: Desk
) -> None:
    """The event tells code and reason; only what an upstream did wrong counts as its fault."""
    record = desk.record()
    record.error, record.status, record.bytes_out = error, error.status, 123
    record.request_finished(desk.answer(), ())
    told = {key: desk.event[key] for key in ("status", "code", "reason", "bytes_out")}
    assert told == {"status": error.status, "code": error.code, "reason": error.reason, "bytes_out": 123}
    assert desk.requests(status_class) == 1
    faults = desk.count("upstream_faults_total", upstream="backend", kind=error.code)
    assert faults == (1 if counts else None)


async def test_error_after_the_head(desk: Desk) -> None:
    """A cut reply is logged with the status and the bytes that the client got, and why it was cut."""
    record = desk.record()
    record.error = UpstreamProtocolError("cut")
    record.request_finished(desk.answer(REPLY[:-2]), ())
    told = {key: desk.event[key] for key in ("status", "code", "reason", "bytes_out")}
    assert told == {"status": 200, "code": "upstream_protocol_error", "reason": "cut", "bytes_out": 3}
    assert desk.requests("2xx") == 1
    assert desk.count("upstream_faults_total", upstream="backend", kind="upstream_protocol_error") == 1


async def test_client_that_left_unanswered(desk: Desk) -> None:
    """A client that left before any answer is 499, and nobody's fault."""
    record = desk.record()
    record.client_gone = True
    record.request_finished(None, ())
    assert (desk.event["status"], desk.event["code"]) == (499, "client_gone")
    assert "reason" not in desk.event
    assert desk.requests("4xx") == 1


async def test_client_that_left_in_the_middle(desk: Desk) -> None:
    """A client that left later keeps the status that it got."""
    record = desk.record()
    record.client_gone = True
    record.request_finished(desk.answer(REPLY[:-2]), ())
    assert (desk.event["status"], desk.event["code"], desk.event["bytes_out"]) == (200, "client_gone", 3)


async def test_client_that_took_nothing(desk: Desk) -> None:
    """A client that was cut for taking nothing is told apart from one that left."""
    record = desk.record()
    answer = desk.answer(REPLY[:-2])
    answer.client_stalled()
    record.request_finished(answer, ())
    assert (desk.event["status"], desk.event["code"]) == (200, "slow_client")


async def test_health_check_is_quiet(desk: Desk) -> None:
    """A health check is logged at debug level alone, and counted apart from the routes."""
    record = desk.record(routed=False)
    record.status = 200
    record.request_finished(None, ())
    assert desk.event["level"] == "debug"
    assert "route" not in desk.event
    assert desk.requests("2xx", route="-") == 1


async def test_request_without_a_route(desk: Desk) -> None:
    """What matched no route is logged like any refusal, and counted apart from the routes."""
    record = desk.record(routed=False)
    record.error, record.status = RouteNotFound(), 404
    record.request_finished(None, ())
    assert (desk.event["level"], desk.event["code"]) == ("info", "route_not_found")
    assert desk.requests("4xx", route="-") == 1


async def test_stream_that_opens(desk: Desk) -> None:
    """A stream is logged and counted when it opens, before it is over."""
    record = desk.record()
    record.stream_opened((), "")
    event = desk.event
    assert (event["event"], event["route"], event["status"]) == ("stream.opened", "api", 200)
    assert event["duration_ms"] == 1500.0
    assert desk.count("streams_open", route="api") == 1
    assert desk.requests("2xx") is None


def _left(record: Record, answer: Answer) -> None:
    record.client_gone = True


def _stalled(record: Record, answer: Answer) -> None:
    answer.client_stalled()


def _failed(record: Record, answer: Answer) -> None:
    record.error = UpstreamProtocolError("cut")


ENDS: dict[str, tuple[Happening | None, str | None, str]] = {
    "upstream ended it": (None, None, "upstream_closed"),
    "upstream broke": (_failed, None, "upstream_error"),
    "client left": (_left, None, "client_gone"),
    "client took nothing": (_stalled, None, "slow_client"),
    "gateway ended it": (None, "draining", "draining"),
    "gateway ended it as the client left": (_left, "draining", "draining"),
}


@pytest.mark.parametrize(("happens", "given", "reason"), ENDS.values(), ids=ENDS)
async def test_stream_that_ends(
    happens: Happening | None, given: str | None, reason: str, desk: Desk
) -> None:
    """A stream ends for one named reason, in the log and in the metrics; its length is no request's."""
    record = desk.record()
    record.stream_opened((), "")
    answer = desk.answer(STREAM, b"data")
    answer.events = 3
    desk.lines.clear()
    desk.clock.advance(10.0)
    if happens is not None:
        happens(record, answer)
    record.stream_ended(answer, (), given)
    event = desk.event
    assert (event["event"], event["end_reason"], event["status"]) == ("stream.ended", reason, 200)
    assert (event["events"], event["bytes_out"], event["duration_ms"]) == (3, 4, 11500.0)
    assert desk.count("streams_open", route="api") == 0
    assert desk.count("streams_ended_total", route="api", reason=reason) == 1
    assert desk.count("stream_duration_seconds_sum", route="api") == 11.5
    assert desk.requests("2xx") == 1
    assert desk.count("request_duration_seconds_count", route="api") == 0


async def test_broken_stream_is_the_upstreams_fault(desk: Desk) -> None:
    """A stream that its upstream breaks counts as a fault of that upstream, and tells why."""
    record = desk.record()
    record.error = UpstreamTimeout("idle")
    record.stream_ended(desk.answer(STREAM), (), None)
    assert (desk.event["code"], desk.event["reason"]) == ("upstream_timeout", "idle")
    assert desk.count("upstream_faults_total", upstream="backend", kind="upstream_timeout") == 1


async def test_first_event_of_a_stream(desk: Desk) -> None:
    """The time from the request up to it is counted."""
    record = desk.record()
    record.first_event()
    assert desk.count("stream_first_event_seconds_sum", route="api") == 1.5
    assert desk.count("stream_first_event_seconds_count", route="api") == 1


@pytest.mark.parametrize("by", ["ephemeral_token", "principal_header", "principal_query"])
async def test_stream_by_what_opened_it(by: str, desk: Desk) -> None:
    """On a route that tokens open it is told and counted; a principal's token in a URL is deprecated."""
    record = desk.record()
    record.stream_opened((), by)
    assert desk.event["opened_by"] == by
    assert ("deprecated" in desk.event) is (by == "principal_query")
    sample = desk.relay.metrics.registry.get_sample_value
    assert sample("sse_streams_opened_total", {"credential": by}) == 1
    assert sample("sse_connect_latency_ms_sum") == 1500.0


async def test_stream_that_the_upstream_admits(desk: Desk) -> None:
    """It counts for the time to connect; what opened it the upstream alone knows."""
    record = desk.record()
    route = route_of(access=Access.UPSTREAM, stream=StreamSettings())
    record.plan = plan_of(route, metrics=desk.relay.metrics)
    record.stream_opened((), "")
    assert "opened_by" not in desk.event
    sample = desk.relay.metrics.registry.get_sample_value
    assert sample("sse_streams_opened_total", {"credential": "upstream"}) == 1
    assert sample("sse_connect_latency_ms_sum") == 1500.0


async def test_description_of_a_stream(desk: Desk) -> None:
    """It is plain data that says whose the stream is and what it has had by now; no URL is in it."""
    record, answer = desk.record(), desk.answer(STREAM, b"data: 1\n\n")
    described = record.describe_stream(answer, "", desk.clock.now)
    assert described == {
        "id": "id-1",
        "route": "api",
        "principal": None,
        "client": "192.0.2.7",
        "age": 1.5,
        "events": 1,
        "bytes": 9,
        "opened_by": None,
        "shared": False,
    }
    record.principal = Principal("caller")
    described = record.describe_stream(answer, "ephemeral_token", desk.clock.now + 1)
    told = {key: described[key] for key in ("principal", "opened_by", "age")}
    assert told == {"principal": "caller", "opened_by": "ephemeral_token", "age": 2.5}
