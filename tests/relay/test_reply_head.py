"""What an upstream's head is held to, and what is added to it."""

from __future__ import annotations

import pytest

from tentaculo.config.settings import HeaderEdits, RouteSettings, StreamSettings
from tentaculo.errors import GatewayError, NotAnEventStream, UpstreamRedirect
from tentaculo.relay.reply_head import (
    added_lines,
    check_stream_reply,
    is_encoded,
    is_event_stream,
    without_length,
)
from tentaculo.upstream.reply import ReplyHead
from tentaculo.wire.headers import Meaning
from tests.relay.parts import plan_of, route_of
from tests.relay.replies import PUBLIC, STREAM

TYPES = {
    b"text/event-stream": True,
    b"Text/Event-Stream": True,
    b"text/event-stream;charset=utf-8": True,
    b"text/event-stream \t; charset=utf-8": True,
    b"text/event-stream ": True,
    b"text/event-stream, text/html": False,
    b"text/event-streams": False,
    b"text/event-stream x": False,
    b"text/event": False,
    b"application/json; a=text/event-stream": False,
    b"": False,
}


@pytest.mark.parametrize(("content_type", "is_stream"), TYPES.items(), ids=[t.decode() for t in TYPES])
def test_type_of_an_event_stream(content_type: bytes, is_stream: bool) -> None:
    """Only the whole media type counts, in any case and with any parameters."""
    assert is_event_stream(content_type) is is_stream


def head_of(status: int, *fields: tuple[bytes, bytes], length: int | None = None) -> ReplyHead:
    """Make a head."""
    head = ReplyHead()
    head.status, head.length = status, length
    for name, value in fields:
        head.add(name, value)
    return head


@pytest.mark.parametrize(
    ("fields", "encoded"),
    [
        ([], False),
        ([(b"Content-Type", b"gzip")], False),
        ([(b"content-ENCODING", b"gzip")], True),
        ([(b"Content-Encoding", b"identity")], True),
        ([(b"X-Content-Encoding", b"gzip")], False),
    ],
)
def test_encoding(fields: list[tuple[bytes, bytes]], encoded: bool) -> None:
    """Whoever names an encoding, whichever, is taken at its word."""
    assert is_encoded(head_of(200, *fields)) is encoded


VERDICTS: dict[str, tuple[str, ReplyHead, bool, type[GatewayError] | None]] = {
    "stream": ("GET", head_of(200), True, None),
    "no content": ("GET", head_of(204), False, None),
    "error": ("GET", head_of(400), False, None),
    "fault": ("GET", head_of(599), False, None),
    "ordinary": ("GET", head_of(200), False, NotAnEventStream),
    "not modified": ("GET", head_of(304), False, NotAnEventStream),
    "redirect": ("GET", head_of(300), False, UpstreamRedirect),
    "last redirect": ("GET", head_of(399), False, UpstreamRedirect),
    "OPTIONS": ("OPTIONS", head_of(200, length=0), False, None),
    "OPTIONS with a body": ("OPTIONS", head_of(200, length=1), False, NotAnEventStream),
    "OPTIONS without a length": ("OPTIONS", head_of(200), False, NotAnEventStream),
    "OPTIONS with another status": ("OPTIONS", head_of(201, length=0), False, NotAnEventStream),
    "empty GET": ("GET", head_of(200, length=0), False, NotAnEventStream),
}


@pytest.mark.parametrize(("method", "head", "streaming", "error"), VERDICTS.values(), ids=VERDICTS)
def test_routes_of_streams_only(
    method: str, head: ReplyHead, streaming: bool, error: type[GatewayError] | None
) -> None:
    """They yield a stream, an error, or the word that there is none; the refusal tells the status."""
    if error is None:
        check_stream_reply(head, method, streaming=streaming)
        return
    with pytest.raises(error) as refused:
        check_stream_reply(head, method, streaming=streaming)
    assert refused.value.reason == str(head.status)


ID = b"X-Request-Id: id-1\r\n"
PRIVATE, VARY = b"Cache-Control: private\r\n", b"Vary: X-VX11-Token\r\n"
NO_STORE, NO_BUFFER = b"Cache-Control: no-store\r\n", b"X-Accel-Buffering: no\r\n"
NO_REFERRER = b"Referrer-Policy: no-referrer\r\n"
DECLARED = route_of(stream=StreamSettings())
EDITED = route_of(response_headers=HeaderEdits(set=(("Server", "own"),)))
ADDED: dict[str, tuple[RouteSettings, set[Meaning], bool, bytes]] = {
    "public": (PUBLIC, set(), False, ID),
    "checked": (route_of(), set(), False, ID + PRIVATE + VARY),
    "checked, has an id": (route_of(), {Meaning.REQUEST_ID}, False, PRIVATE + VARY),
    "checked, cached": (route_of(), {Meaning.CACHE_CONTROL}, False, ID + VARY),
    "checked, varies": (route_of(), {Meaning.VARY}, False, ID + PRIVATE),
    "edited": (EDITED, set(), False, b"Server: own\r\n" + ID + PRIVATE + VARY),
    "stream": (PUBLIC, set(), True, ID + NO_BUFFER + NO_STORE),
    "stream, buffered": (PUBLIC, {Meaning.ACCEL_BUFFERING}, True, ID + NO_STORE),
    "stream, cached": (PUBLIC, {Meaning.CACHE_CONTROL}, True, ID + NO_BUFFER),
    "declared": (STREAM, set(), True, ID + NO_BUFFER + NO_REFERRER + NO_STORE),
    "declared, told referrers": (STREAM, {Meaning.REFERRER_POLICY}, True, ID + NO_BUFFER + NO_STORE),
    "declared, no stream": (DECLARED, set(), False, ID + NO_REFERRER + PRIVATE + VARY),
}


@pytest.mark.parametrize(("route", "seen", "streaming", "added"), ADDED.values(), ids=ADDED)
def test_lines_are_added_where_the_upstream_is_silent(
    route: RouteSettings, seen: set[Meaning], streaming: bool, added: bytes
) -> None:
    """What it has said itself is not said again; what is extra comes before the rest."""
    lines = added_lines(plan_of(route), seen, streaming=streaming, request_id="id-1", extra=b"X-Own: 1\r\n")
    assert lines.replace(b"X-Own: 1\r\n", b"", 1) == added
    assert lines.count(b"X-Own: 1\r\n") == 1


def test_length_is_dropped() -> None:
    """However it is spelled, and nothing else."""
    lines = [b"X-A: content-length", b"CONTENT-Length: 0", b"Content-Lengths: 1"]
    assert without_length(lines) == [lines[0], lines[2]]
    assert without_length([]) == []
