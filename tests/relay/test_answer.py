"""A reply from the bytes of an upstream to the bytes that the client gets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tentaculo.config.settings import Access, HeaderEdits, RouteSettings, StreamSettings
from tentaculo.errors import (
    GatewayError,
    NotAnEventStream,
    TooManyStreams,
    UpstreamProtocolError,
    UpstreamRedirect,
    UpstreamTimeout,
)
from tentaculo.relay.answer import Answer, is_event_stream
from tests.relay.parts import Relayed, Upstream, open_upstream, plan_of, route_of

OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
PUBLIC = route_of(access=Access.PUBLIC)
STREAM = route_of(access=Access.PUBLIC, stream=StreamSettings())
TOKEN_STREAM = route_of(access=Access.UPSTREAM, stream=StreamSettings())


@pytest.fixture
async def backend() -> AsyncIterator[Upstream]:
    """An upstream connection."""
    with open_upstream() as upstream:
        yield upstream


# Framing.


REPLIES: dict[str, tuple[dict[str, Any], list[bytes], bytes]] = {
    "length": ({}, [PLAIN], b"Content-Length: 5\r\n*\r\nhello"),
    "length, in pieces": ({}, [PLAIN[:-5], b"he", b"llo"], b"Content-Length: 5\r\n*\r\nhello"),
    "length, HTTP/1.0": (
        {"http10": True},
        [PLAIN],
        b"Content-Length: 5\r\nConnection: keep-alive\r\n*\r\nhello",
    ),
    "length, to be closed": (
        {"keep_alive": False},
        [PLAIN],
        b"Content-Length: 5\r\nConnection: close\r\n*\r\nhello",
    ),
    "chunks": (
        {},
        [CHUNKED, b"2\r\nab\r\n", b"3;x=y\r\ncd", b"e\r\n0\r\nX-Trailer: a\r\n\r\n"],
        b"Transfer-Encoding: chunked\r\n*\r\n2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n" + LAST,
    ),
    "chunks of one read": (
        {},
        [CHUNKED + b"2\r\nab\r\n3\r\ncde\r\n" + LAST],
        b"Transfer-Encoding: chunked\r\n*\r\n5\r\nabcde\r\n" + LAST,
    ),
    "chunks, empty": ({}, [CHUNKED + LAST], b"Transfer-Encoding: chunked\r\n*\r\n" + LAST),
    "chunks, to be closed": (
        {"keep_alive": False},
        [CHUNKED + b"2\r\nab\r\n" + LAST],
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n*\r\n2\r\nab\r\n" + LAST,
    ),
    "chunks, HTTP/1.0": (
        {"http10": True},
        [CHUNKED + b"2\r\nab\r\n" + LAST],
        b"Connection: close\r\n*\r\nab",
    ),
    "until the end": (
        {},
        [OK + b"\r\nab", b"cd"],
        b"Transfer-Encoding: chunked\r\n*\r\n2\r\nab\r\n2\r\ncd\r\n" + LAST,
    ),
    "until the end, HTTP/1.0": ({"http10": True}, [OK + b"\r\nab"], b"Connection: close\r\n*\r\nab"),
    "HEAD of a length": (
        {"method": "HEAD"},
        [OK + b"Content-Length: 1234\r\n\r\n"],
        b"Content-Length: 1234\r\n*\r\n",
    ),
    "HEAD of chunks": ({"method": "HEAD"}, [CHUNKED], b"*\r\n"),
}


@pytest.mark.parametrize(("asked", "reads", "got"), REPLIES.values(), ids=REPLIES)
async def test_reply_is_framed_for_the_client(
    asked: dict[str, Any], reads: list[bytes], got: bytes, backend: Upstream
) -> None:
    """Whatever ends the upstream's reply, the client gets what its version of HTTP understands."""
    relayed = Relayed(backend, PUBLIC, **asked)
    backend.sends(*reads)
    if not relayed.done:
        backend.ends()
    assert relayed.done == [None]
    assert relayed.client.written == OK + got.replace(b"*", b"X-Request-Id: id-1\r\n")


@pytest.mark.parametrize("status", [204, 304])
async def test_reply_without_a_body(status: int, backend: Upstream) -> None:
    """204 and 304 have no body and get no framing."""
    relayed = Relayed(backend, PUBLIC)
    backend.sends(b'HTTP/1.1 %d Fine\r\nETag: "v"\r\n\r\n' % status)
    assert relayed.done == [None]
    assert relayed.client.written == (b'HTTP/1.1 %d Fine\r\nETag: "v"\r\nX-Request-Id: id-1\r\n\r\n' % status)


async def test_one_read_is_one_write(backend: Upstream) -> None:
    """What comes together goes out together: head, body and end in one piece, then read for write."""
    whole = Relayed(backend)
    backend.sends(CHUNKED + b"2\r\nab\r\n2\r\ncd\r\n" + LAST)
    assert len(whole.client.pieces) == 1
    slow = Relayed(backend)
    backend.sends(CHUNKED, b"2\r\nab\r\n", LAST)
    assert slow.client.pieces[1:] == [b"2\r\nab\r\n", LAST]


async def test_read_without_bytes_of_the_body_writes_nothing(backend: Upstream) -> None:
    """A read that brings half a chunk's size makes no empty chunk, which would end the reply."""
    relayed = Relayed(backend)
    backend.sends(CHUNKED)
    before = len(relayed.client.pieces)
    backend.sends(b"1", b"0\r\n")
    assert relayed.client.pieces[before:] == []
    assert relayed.done == []


async def test_bytes_are_counted_without_framing(backend: Upstream) -> None:
    """`bytes_out` is the body that the client got."""
    for reads, http10 in (
        (PLAIN, False),
        (CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n" + LAST, False),
        (PLAIN, True),
    ):
        relayed = Relayed(backend, http10=http10)
        backend.sends(reads)
        assert (relayed.answer.status, relayed.answer.bytes_out) == (200, 5)


# The head.


async def test_head_passes_unchanged(backend: Upstream) -> None:
    """Reason, names, order, repetition and odd bytes of the fields stay; hop-by-hop fields stop here."""
    relayed = Relayed(backend, PUBLIC)
    backend.sends(
        b"HTTP/1.1 418 I'm a teapot\r\nset-cookie: a=1\r\nX-ODD: \xff\r\nSet-Cookie: b=2\r\n"
        b"Connection: X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    assert relayed.head == [
        b"HTTP/1.1 418 I'm a teapot",
        b"set-cookie: a=1",
        b"X-ODD: \xff",
        b"Set-Cookie: b=2",
        b"Content-Length: 0",
        b"X-Request-Id: id-1",
    ]


EDITED = route_of(
    access=Access.PUBLIC, response_headers=HeaderEdits(set=(("X-Frame-Options", "DENY"),), remove=("Server",))
)
ID, PRIVATE, VARY = b"X-Request-Id: id-1", b"Cache-Control: private", b"Vary: X-VX11-Token"
NO_STORE, NO_BUFFER, NO_REFERRER = (
    b"Cache-Control: no-store",
    b"X-Accel-Buffering: no",
    b"Referrer-Policy: no-referrer",
)
TYPE = b"Content-Type: text/event-stream\r\n"
ADDED: dict[str, tuple[RouteSettings, bytes, list[bytes]]] = {
    "public": (PUBLIC, b"", [ID]),
    "checked": (route_of(), b"", [ID, PRIVATE, VARY]),
    "checked, cached": (route_of(), b"Cache-Control: max-age=9\r\n", [ID, VARY]),
    "checked, varies": (route_of(), b"vary: Origin\r\n", [ID, PRIVATE]),
    "checked, both": (route_of(), b"Vary: Origin\r\nCache-Control: public\r\n", [ID]),
    "checked, other word": (route_of(), b"Referrer-Policy: origin\r\n", [ID, PRIVATE, VARY]),
    "request id": (PUBLIC, b"x-request-id: theirs\r\n", []),
    "checked, request id": (route_of(), b"X-Request-Id: theirs\r\n", [PRIVATE, VARY]),
    "edited": (EDITED, b"Server: x\r\nx-frame-options: ALLOW\r\n", [b"X-Frame-Options: DENY", ID]),
    "stream": (PUBLIC, TYPE, [ID, NO_BUFFER, NO_STORE]),
    "stream, checked": (route_of(), TYPE, [ID, NO_BUFFER, NO_STORE, VARY]),
    "stream, all said": (
        STREAM,
        TYPE + b"X-Accel-Buffering: yes\r\nCache-Control: no-cache\r\nReferrer-Policy: origin\r\nVary: *\r\n",
        [ID],
    ),
    "stream route": (STREAM, TYPE, [ID, NO_BUFFER, NO_REFERRER, NO_STORE]),
    "stream route, no stream": (STREAM, b"", [ID, NO_REFERRER]),
    "stream route, no stream, checked": (
        route_of(stream=StreamSettings()),
        b"",
        [ID, NO_REFERRER, PRIVATE, VARY],
    ),
    "token stream": (TOKEN_STREAM, TYPE, [ID, NO_BUFFER, NO_REFERRER, NO_STORE]),
}


@pytest.mark.parametrize(("route", "said", "added"), ADDED.values(), ids=ADDED)
async def test_fields_are_added_where_the_upstream_is_silent(
    route: RouteSettings, said: bytes, added: list[bytes], backend: Upstream
) -> None:
    """What the upstream says itself stands; what it doesn't is added behind it, once."""
    relayed = Relayed(backend, route)
    backend.sends(OK + b"Content-Length: 5\r\n" + said + b"\r\nhello")
    kept = [line for line in said.splitlines() if not line.lower().startswith((b"server", b"x-frame"))]
    assert relayed.head == [OK.strip(), b"Content-Length: 5", *kept, *added]


INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: X-P\r\nX-P: 1\r\n\r\n"


async def test_interim_reply_passes(backend: Upstream) -> None:
    """A 1xx goes on before the reply, with its end-to-end fields and nothing added."""
    relayed = Relayed(backend, PUBLIC)
    backend.sends(INTERIM)
    assert relayed.client.pieces == [b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"]
    assert not relayed.answer.started
    backend.sends(PLAIN)
    assert relayed.client.pieces[1].startswith(OK)


async def test_interim_reply_is_not_for_http10(backend: Upstream) -> None:
    """HTTP/1.0 knows no 1xx, and would take it for the reply."""
    relayed = Relayed(backend, http10=True)
    backend.sends(INTERIM, PLAIN)
    assert relayed.client.written.startswith(OK)


async def test_reply_that_overtakes_the_body_closes(backend: Upstream) -> None:
    """Where the request's body is still coming, the connection can't carry another request."""
    relayed = Relayed(backend, PUBLIC, whole=False)
    relayed.answer.uploading = True
    backend.sends(PLAIN)
    assert b"Connection: close" in relayed.head
    assert not relayed.answer.keep_alive


FRAMED = {
    "length": (PLAIN, False, True),
    "chunks": (CHUNKED, False, True),
    "until the end": (OK + b"\r\n", False, True),
    "length, HTTP/1.0": (PLAIN, True, True),
    "nothing, HTTP/1.0": (b"HTTP/1.1 204 Fine\r\n\r\n", True, True),
    "chunks, HTTP/1.0": (CHUNKED, True, False),
    "until the end, HTTP/1.0": (OK + b"\r\n", True, False),
}


@pytest.mark.parametrize(("reply", "http10", "framed"), FRAMED.values(), ids=FRAMED)
async def test_whether_a_cut_can_be_seen(reply: bytes, http10: bool, framed: bool, backend: Upstream) -> None:
    """Only where the connection's end is the body's end must it be reset to show a cut."""
    relayed = Relayed(backend, http10=http10)
    backend.sends(reply)
    assert relayed.answer.framed is framed


# The rules of streams.


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


JSON = b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
EMPTY = b"Content-Length: 0\r\n\r\n"
VERDICTS: dict[str, tuple[str, bytes, type[GatewayError] | None]] = {
    "stream": ("GET", EVENTS, None),
    "no more": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
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
    if error is None:
        assert relayed.answer.started
        return
    (refusal,) = relayed.done
    assert isinstance(refusal, error)
    assert refusal.reason == reply[9:12].decode()
    assert relayed.client.pieces == []
    assert not relayed.answer.started
    assert backend.transport.aborted
    plain = Relayed(Upstream(), STREAM, method=method)
    plain.upstream.sends(reply)
    plain.upstream.deadlines.close()
    assert plain.answer.started


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


# Ends.


async def test_upstream_that_breaks_before_the_head(backend: Upstream) -> None:
    """Nothing was written, so that an error can be answered."""
    relayed = Relayed(backend)
    backend.sends(b"HTTP/1.1 2")
    backend.ends()
    assert isinstance(relayed.done[0], UpstreamProtocolError)
    assert (relayed.answer.started, relayed.client.pieces) == (False, [])


@pytest.mark.parametrize(
    "reply", [PLAIN[:-2], CHUNKED + b"2\r\nab\r\n", EVENTS], ids=["length", "chunks", "stream"]
)
async def test_cut_reply_is_never_made_whole(reply: bytes, backend: Upstream) -> None:
    """A reply that breaks after its head gets no last chunk."""
    relayed = Relayed(backend)
    backend.sends(reply)
    before = relayed.client.written
    backend.ends()
    assert isinstance(relayed.done[0], UpstreamProtocolError)
    assert relayed.answer.started
    assert relayed.client.written == before
    assert LAST not in before


async def test_upstream_is_free_once_its_reply_is_over(backend: Upstream) -> None:
    """What happens to the client afterwards does not touch a connection that may serve others."""
    relayed = Relayed(backend)
    backend.sends(PLAIN)
    assert backend.idle == [backend.connection]
    relayed.answer.client_paused()
    assert backend.transport.reading
    relayed.answer.client_resumed()
    relayed.answer.client_stalled()
    relayed.answer.release()
    assert not backend.transport.is_closing()
    assert relayed.done == [None]


@pytest.mark.parametrize("reads", [[], [EVENTS], [PLAIN[:-2]]], ids=["no head", "stream", "half a body"])
async def test_release_stops_the_upstream(reads: list[bytes], backend: Upstream) -> None:
    """An exchange that is over leaves no upstream at work, and nothing is said any more."""
    relayed = Relayed(backend)
    backend.sends(*reads)
    relayed.answer.release()
    assert backend.transport.aborted
    backend.ends()
    relayed.answer.finish(UpstreamTimeout("late"))
    assert relayed.done == []


async def test_end_is_said_once(backend: Upstream) -> None:
    """The first end counts."""
    relayed = Relayed(backend)
    first = UpstreamTimeout("response")
    relayed.answer.finish(first)
    relayed.answer.finish()
    relayed.answer.reply_failed(UpstreamProtocolError("cut"))
    assert relayed.done == [first]


async def test_stream_ends_in_good_order(backend: Upstream) -> None:
    """When the gateway ends a stream, the client sees a whole reply and the upstream is left."""
    relayed = Relayed(backend, STREAM)
    backend.sends(EVENTS)
    relayed.answer.end()
    relayed.answer.end()
    assert relayed.client.pieces[1:] == [LAST]
    assert backend.transport.aborted
    assert relayed.done == [None]
    assert not relayed.answer.keep_alive


@pytest.mark.parametrize(
    ("http10", "reply"), [(True, EVENTS), (False, OK + TYPE + b"Content-Length: 9\r\n\r\n")]
)
async def test_end_without_chunks_adds_nothing(http10: bool, reply: bytes, backend: Upstream) -> None:
    """Where the client knows no chunks, the end of the connection is all there is to say."""
    relayed = Relayed(backend, STREAM, http10=http10)
    backend.sends(reply)
    relayed.answer.end()
    assert len(relayed.client.pieces) == 1
    assert (relayed.done, relayed.answer.keep_alive) == ([None], False)


# The client.


async def test_slow_client_stops_the_upstream(backend: Upstream) -> None:
    """While the client takes no more, nothing is read; the upstream's idle time stands still."""
    relayed = Relayed(backend)
    backend.sends(CHUNKED)
    relayed.answer.client_paused()
    assert not backend.transport.reading
    backend.pass_time(3600)
    assert relayed.done == []
    relayed.answer.client_resumed()
    assert backend.transport.reading


async def test_client_that_takes_nothing(backend: Upstream) -> None:
    """A stalled client ends the exchange: its upstream is left, its connection not used again."""
    relayed = Relayed(backend)
    backend.sends(CHUNKED)
    relayed.answer.client_stalled()
    assert backend.transport.aborted
    assert relayed.done == [None]
    assert (relayed.answer.stalled, relayed.answer.keep_alive) == (True, False)
    assert LAST not in relayed.client.written


async def test_closing_client_is_written_nothing(backend: Upstream) -> None:
    """To a client that is going, nothing more is written; the reply comes to its end all the same."""
    relayed = Relayed(backend)
    relayed.client.close()
    backend.sends(INTERIM, PLAIN)
    assert relayed.done == [None]
    assert relayed.client.pieces == []


async def test_client_that_is_gone(backend: Upstream) -> None:
    """The same holds where there is no transport any more."""
    relayed = Relayed(backend)
    done: list[GatewayError | None] = []
    answer = Answer(
        None,
        done.append,
        plan_of(PUBLIC),
        relayed,
        method="GET",
        http10=False,
        request_id="id-1",
        keep_alive=True,
    )
    answer.end()
    assert done == [None]
