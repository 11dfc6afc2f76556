"""Which replies are streams, which may pass where a token opens one, and how they wait."""

from __future__ import annotations

import pytest

from tentaculo.config.settings import RouteSettings, StreamSettings
from tentaculo.errors import GatewayError, NotAnEventStream, TooManyStreams, UpstreamRedirect, UpstreamTimeout
from tests.relay.parts import Relayed, Upstream, route_of
from tests.relay.replies import CHUNKED, EVENTS, OK, PLAIN, PUBLIC, STREAM, TOKEN_STREAM, TYPE

JSON = b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
EMPTY = b"Content-Length: 0\r\n\r\n"
VERDICTS: dict[str, tuple[str, bytes, type[GatewayError] | None]] = {
    "stream": ("GET", EVENTS, None),
    "no more": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
    "bad request": ("GET", b"HTTP/1.1 400 Bad Request\r\n" + JSON, None),
    "error": ("GET", b"HTTP/1.1 401 Unauthorized\r\n" + JSON, None),
    "fault": ("GET", b"HTTP/1.1 503 Unavailable\r\n" + JSON, None),
    "ordinary": ("GET", OK + JSON, NotAnEventStream),
    "untyped": ("GET", OK + EMPTY, NotAnEventStream),
    "partial": ("GET", b"HTTP/1.1 206 Partial\r\n" + TYPE + EMPTY, NotAnEventStream),
    "created": ("GET", b"HTTP/1.1 201 Created\r\n" + JSON, NotAnEventStream),
    "not modified": ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n", NotAnEventStream),
    "redirect": ("GET", b"HTTP/1.1 302 Found\r\nLocation: /x\r\n" + EMPTY, UpstreamRedirect),
    "permanent redirect": ("GET", b"HTTP/1.1 308 Moved\r\nLocation: /x\r\n" + EMPTY, UpstreamRedirect),
    "redirect without a place": ("GET", b"HTTP/1.1 300 Choices\r\n" + EMPTY, UpstreamRedirect),
    "HEAD of a stream": ("HEAD", OK + TYPE + b"\r\n", None),
    "HEAD of another thing": ("HEAD", OK + b"Content-Length: 9\r\n\r\n", NotAnEventStream),
    "OPTIONS": ("OPTIONS", OK + EMPTY, None),
    "OPTIONS with a body": ("OPTIONS", OK + JSON, NotAnEventStream),
    "OPTIONS without a length": ("OPTIONS", OK + b"\r\n", NotAnEventStream),
}


@pytest.mark.parametrize(("method", "reply", "error"), VERDICTS.values(), ids=VERDICTS)
async def test_token_stream_yields_a_stream_or_an_error(
    method: str, reply: bytes, error: type[GatewayError] | None, backend: Upstream
) -> None:
    """On a route that a token opens nothing else passes; a refused reply leaves no trace but its status."""
    relayed = Relayed(backend, TOKEN_STREAM, method=method)
    backend.sends(reply)
    assert relayed.denials == [int(reply[9:12])] * (reply[9:10] in (b"4", b"5"))
    if error is None:
        assert relayed.answer.started
        return
    (refusal,) = relayed.done
    assert isinstance(refusal, error)
    assert refusal.reason == reply[9:12].decode()
    assert relayed.client.pieces == []
    assert not relayed.answer.started
    assert backend.transport.aborted


@pytest.mark.parametrize(("method", "reply", "error"), VERDICTS.values(), ids=VERDICTS)
async def test_other_stream_routes_take_any_reply(
    method: str, reply: bytes, error: type[GatewayError] | None, backend: Upstream
) -> None:
    """Where the gateway checks a call itself, or nobody does, content types and redirects stay free."""
    relayed = Relayed(backend, STREAM, method=method)
    backend.sends(reply)
    assert relayed.answer.started


async def test_stream_opens_once(backend: Upstream) -> None:
    """A stream is counted as its head comes, on any route, and its events pass as they come."""
    relayed = Relayed(backend, PUBLIC)
    backend.sends(EVENTS, b"9\r\ndata: 1\n\n\r\n")
    assert relayed.streams == [relayed.answer]
    assert relayed.answer.is_stream
    assert relayed.client.pieces[1] == b"9\r\ndata: 1\n\n\r\n"


NO_STREAMS = {
    "HEAD": ("HEAD", EVENTS),
    "error page": ("GET", b"HTTP/1.1 500 Oops\r\n" + TYPE + EMPTY),
    "other type": ("GET", PLAIN),
}


@pytest.mark.parametrize(("method", "reply"), NO_STREAMS.values(), ids=NO_STREAMS)
async def test_no_stream_opens(method: str, reply: bytes, backend: Upstream) -> None:
    """What has no events is not counted as a stream, and finds no limit reached."""
    relayed = Relayed(backend, PUBLIC, method=method, room=False)
    backend.sends(reply)
    assert relayed.done == [None]
    assert not relayed.answer.is_stream


async def test_stream_too_many(backend: Upstream) -> None:
    """Past the limit the upstream is left, and the client can still be answered."""
    relayed = Relayed(backend, PUBLIC, room=False)
    backend.sends(EVENTS)
    assert isinstance(relayed.done[0], TooManyStreams)
    assert relayed.client.pieces == []
    assert backend.transport.aborted
    assert not relayed.answer.is_stream


PATIENCE = {
    "stream": (PUBLIC, EVENTS, True),
    "other reply on a stream route": (STREAM, CHUNKED, True),
    "ordinary": (PUBLIC, CHUNKED, False),
}


@pytest.mark.parametrize(("route", "reply", "waits"), PATIENCE.values(), ids=PATIENCE)
async def test_streams_may_be_silent(
    route: RouteSettings, reply: bytes, waits: bool, backend: Upstream
) -> None:
    """An idle stream is no fault, before and after its first event; an idle ordinary reply is."""
    relayed = Relayed(backend, route)
    backend.sends(reply)
    backend.pass_time(3600)
    if not waits:
        assert isinstance(relayed.done[0], UpstreamTimeout)
        return
    backend.sends(b"1\r\n\n\r\n")
    backend.pass_time(3600)
    assert relayed.done == []


IMPATIENT = route_of(stream=StreamSettings(idle_timeout=10.0))


@pytest.mark.parametrize("reply", [EVENTS, CHUNKED], ids=["stream", "other reply"])
async def test_idle_timeout(reply: bytes, backend: Upstream) -> None:
    """A route may bound the silence; it counts from the upstream's last bytes, and a beat is none of them."""
    relayed = Relayed(backend, IMPATIENT)
    backend.pass_time(25)  # the wait for the head is another matter
    backend.sends(reply)
    backend.pass_time(9)
    backend.sends(b"1\r\n\n\r\n")
    backend.pass_time(9)
    relayed.answer.beat(b": beat\n\n")
    assert relayed.done == []
    backend.pass_time(1)
    (error,) = relayed.done
    assert isinstance(error, UpstreamTimeout)
    assert error.reason == "idle"
    assert backend.transport.aborted


@pytest.mark.parametrize("reply", [EVENTS, CHUNKED], ids=["stream", "other reply"])
@pytest.mark.parametrize("seconds", [10.0, 600.0])
async def test_idle_timeout_from_the_head_on(seconds: float, reply: bytes, backend: Upstream) -> None:
    """It holds in the place of the route's other timeout, be it longer or shorter."""
    relayed = Relayed(backend, route_of(stream=StreamSettings(idle_timeout=seconds)))
    backend.pass_time(5)
    backend.sends(reply)
    backend.pass_time(seconds - 0.1)
    assert relayed.done == []
    backend.pass_time(0.1)
    assert isinstance(relayed.done[0], UpstreamTimeout)


async def test_idle_time_stands_still_for_a_slow_client(backend: Upstream) -> None:
    """While it takes nothing the upstream can't be heard, and has its full time again afterwards."""
    relayed = Relayed(backend, IMPATIENT)
    backend.sends(EVENTS)
    relayed.answer.client_paused()
    backend.pass_time(3600)
    relayed.answer.client_resumed()
    backend.pass_time(9)
    assert relayed.done == []
    backend.pass_time(1)
    assert isinstance(relayed.done[0], UpstreamTimeout)


async def test_idle_time_stands_still_during_an_upload(backend: Upstream) -> None:
    """A stream that opens before the request is whole waits for the client, until that has said all."""
    relayed = Relayed(backend, IMPATIENT, whole=False)
    relayed.answer.uploading = True
    backend.sends(EVENTS)
    backend.pass_time(3600)
    assert relayed.done == []
    relayed.answer.uploading = False
    backend.connection.finish_request()
    backend.pass_time(9)
    assert relayed.done == []
    backend.pass_time(1)
    assert isinstance(relayed.done[0], UpstreamTimeout)
