"""A request whose reply may be a stream, from what told of it to what it was made to say."""

from __future__ import annotations

from typing import Any

import pytest

from tentaculo.access.principals import Principal
from tentaculo.access.store import Lease
from tentaculo.errors import Draining, GatewayError, StreamUnavailable, TooManyStreams, Unauthorized
from tentaculo.relay.answer import Answer
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.streaming import Streaming
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.parts import Relayed, Upstream, parsed_request
from tests.relay.replies import EVENTS

ROUTES = """
routes:
  - {name: plain, path: /plain, upstream: backend, access: public}
  - {name: stream, path: /stream, upstream: backend, access: public, stream: {last_event: false}}
  - {name: retried, path: /retried, upstream: backend, access: ephemeral-token,
     ephemeral_token: {issue_path: /token}, stream: {unavailable: retry}}
"""
CALLER, OTHER = Principal("operator-ui"), Principal("another")


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with room for one stream."""
    return await start_front(configuration(upstream.port, routes=ROUTES, limits="streams: 1"))


class Asked:
    """One request on a route, with a reply that the test makes."""

    def __init__(
        self, front: Front, backend: Upstream, path: str, principal: Principal | None = None
    ) -> None:
        self.front = front
        self.request = Streaming(
            front.relay, parsed_request(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
        )
        plan = front.relay.snapshot.table.match("a", path, "GET")
        assert isinstance(plan, RoutePlan)
        self.request.record.plan = plan
        self.request.record.principal = principal
        self.relayed = Relayed(backend, plan.settings)

    @property
    def answer(self) -> Answer:
        """The reply."""
        return self.relayed.answer

    def opens(self) -> Any:
        """Have the reply turn out to be a stream; return that."""
        self.request.stream_opening(self.answer)
        (stream,) = self.front.relay.streams.all_open()
        return stream

    def refusal(self) -> GatewayError:
        """Have the reply turn out to be a stream that may not open."""
        with pytest.raises(GatewayError) as refused:
            self.request.stream_opening(self.answer)
        return refused.value

    def close(self) -> None:
        """Give the place back."""
        for stream in self.front.relay.streams.all_open():
            stream.end_stream("draining")
            self.front.relay.streams.ended(stream)
            self.front.deadlines.forget(stream)  # type: ignore[arg-type]


# The opening.


async def test_stream_opens(front: Front, backend: Upstream) -> None:
    """It takes its place, and is logged with what it is."""
    asked = Asked(front, backend, "/stream", CALLER)
    asked.opens()
    event = await front.logs.wait_for("stream.opened")
    assert (event["route"], event["principal"]) == ("stream", "operator-ui")
    asked.close()


async def test_stream_without_a_place(front: Front, backend: Upstream) -> None:
    """It is refused, and neither counted nor logged."""
    asked = Asked(front, backend, "/stream")
    asked.opens()
    with pytest.raises(TooManyStreams):
        asked.request.stream_opening(asked.answer)
    assert len(front.logs.named("stream.opened")) == 1
    asked.close()


async def test_first_event(front: Front, backend: Upstream) -> None:
    """How long it took from the request on is counted."""
    asked = Asked(front, backend, "/stream")
    front.clock.advance(2.5)
    asked.request.first_event()
    assert front.metric(r'tentaculo_stream_first_event_seconds_sum\{route="stream"') == 2.5


@pytest.mark.parametrize(
    ("path", "leased", "status", "retried"),
    [
        ("/retried", True, 503, True),
        ("/retried", True, 502, True),
        ("/retried", True, 500, False),
        ("/retried", True, 404, False),
        ("/retried", False, 503, False),
        ("/stream", True, 503, False),
        ("/plain", True, 503, False),
    ],
)
async def test_denied_stream(
    path: str, leased: bool, status: int, retried: bool, front: Front, backend: Upstream
) -> None:
    """Only whose token is bound is to come again, where the route says so, and after what may pass."""
    asked = Asked(front, backend, path)
    asked.request._lease = Lease(b"d", 1) if leased else None
    if not retried:
        asked.request.stream_denied(status)
        return
    with pytest.raises(StreamUnavailable) as denied:
        asked.request.stream_denied(status)
    assert denied.value.reason == str(status)


# What operators are told.


async def test_description(front: Front, backend: Upstream) -> None:
    """A stream is one from its opening to its end, and says whether its client lags."""
    asked = Asked(front, backend, "/stream", CALLER)
    assert not asked.request.is_streaming
    asked.request._answer = asked.answer
    backend.sends(EVENTS)
    asked.opens()
    assert asked.request.is_streaming
    described = asked.request.describe_stream(front.clock.now + 2)
    told = {key: described[key] for key in ("route", "principal", "age", "lagging")}
    assert told == {"route": "stream", "principal": "operator-ui", "age": 2.0, "lagging": False}
    asked.request.end("revoked")
    assert not asked.request.is_streaming
    asked.close()


# The end, before there is a stream.


async def test_cut_before_there_is_an_answer(front: Front, backend: Upstream) -> None:
    """A stream that was to open while nothing could be told yet does not."""
    asked = Asked(front, backend, "/stream")
    error = Draining("cut")
    asked.request.cut_short(error)
    assert asked.refusal() is error
    assert len(front.relay.streams) == 0


async def test_cut_while_the_answer_is_awaited(front: Front, backend: Upstream) -> None:
    """The upstream is let go, and what waits for it hears why."""
    asked = Asked(front, backend, "/stream")
    asked.request._answer = asked.answer
    error = Draining("cut")
    asked.request.cut_short(error)
    assert asked.relayed.done == [error]
    assert backend.transport.aborted


async def test_end_before_there_is_a_stream(front: Front, backend: Upstream) -> None:
    """It is refused with the reason."""
    asked = Asked(front, backend, "/stream")
    asked.request.end("superseded")
    refusal = asked.refusal()
    assert isinstance(refusal, Unauthorized)
    assert refusal.reason == "superseded"


# Revocation.


@pytest.mark.parametrize("path", ["/stream", "/plain"])
async def test_revoked_stream(path: str, front: Front, backend: Upstream) -> None:
    """An open stream of the principal ends, whatever its route says; another's goes on."""
    asked = Asked(front, backend, path, CALLER)
    backend.sends(EVENTS)
    stream = asked.opens()
    asked.request.revoke("another")
    assert stream.end_reason is None
    asked.request.revoke("operator-ui")
    assert stream.end_reason == "revoked"
    assert asked.relayed.done == [None]
    asked.close()


async def test_revoked_before_it_opens(front: Front, backend: Upstream) -> None:
    """On a route with streams it is refused at once."""
    asked = Asked(front, backend, "/stream", CALLER)
    asked.request._answer = asked.answer
    asked.request.revoke("operator-ui")
    (error,) = asked.relayed.done
    assert isinstance(error, Unauthorized)
    assert error.reason == "revoked"


@pytest.mark.parametrize(("holder", "opens"), [(CALLER, False), (OTHER, True), (None, True)])
async def test_revoked_before_anyone_is_known(
    holder: Principal | None, opens: bool, front: Front, backend: Upstream
) -> None:
    """Who holds the token is found out later, and then whether that one was revoked."""
    asked = Asked(front, backend, "/stream")
    asked.request.revoke("operator-ui")
    asked.request.revoke("third")
    asked.request.record.principal = holder
    if opens:
        asked.opens()
        asked.close()
        return
    assert asked.refusal().reason == "revoked"


async def test_revoked_call(front: Front, backend: Upstream) -> None:
    """An ordinary one goes on, and is refused only if it turns out to be a stream."""
    asked = Asked(front, backend, "/plain", CALLER)
    asked.request._answer = asked.answer
    asked.request.revoke("operator-ui")
    assert asked.relayed.done == []
    assert asked.refusal().reason == "revoked"
