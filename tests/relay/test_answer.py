"""A reply from the bytes of an upstream to the bytes that the client gets."""

from __future__ import annotations

from typing import Any

import pytest

from tentaculo.config.settings import Access, HeaderEdits, RouteSettings, StreamSettings
from tests.relay.parts import Relayed, Upstream, route_of
from tests.relay.replies import CHUNKED, INTERIM, LAST, OK, PLAIN, PUBLIC, STREAM, TOKEN_STREAM, TYPE

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
    "whole chunks": (
        {},
        [CHUNKED, b"2\r\nab\r\n03\r\ncde\r\n", b"1\r\nf", b"\r\n", b"A\r\n0123456789\r\n", LAST],
        b"Transfer-Encoding: chunked\r\n*\r\n2\r\nab\r\n03\r\ncde\r\n1\r\nf\r\nA\r\n0123456789\r\n" + LAST,
    ),
    "whole chunks, HTTP/1.0": (
        {"http10": True},
        [CHUNKED, b"2\r\nab\r\n3\r\ncde\r\n", LAST],
        b"Connection: close\r\n*\r\nabcde",
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


COUNTED = {
    "length": ([PLAIN[:-3], b"l", b"lo"], False),
    "chunks": ([CHUNKED + b"2\r\nhe\r\n", b"2\r\nll\r\n", b"1\r\no\r\n" + LAST], False),
    "HTTP/1.0": ([CHUNKED + b"2\r\nhe\r\n", b"3\r\nllo\r\n" + LAST], True),
}


@pytest.mark.parametrize(("reads", "http10"), COUNTED.values(), ids=COUNTED)
async def test_bytes_are_counted_without_framing(reads: list[bytes], http10: bool, backend: Upstream) -> None:
    """`bytes_out` is the body that the client got, without head and chunks."""
    relayed = Relayed(backend, http10=http10)
    backend.sends(*reads)
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


@pytest.mark.parametrize("name", [b"Content-Length", b"content-length"])
@pytest.mark.parametrize("status", [103, 204])
async def test_no_length_where_there_can_be_no_body(status: int, name: bytes, backend: Upstream) -> None:
    """1xx and 204 must not have a `Content-Length`, whatever the upstream says."""
    relayed = Relayed(backend, PUBLIC)
    backend.sends(b"HTTP/1.1 %d Fine\r\nX-A: 1\r\n%b: 0\r\nX-B: 2\r\n\r\n" % (status, name))
    assert relayed.head[:3] == [b"HTTP/1.1 %d Fine" % status, b"X-A: 1", b"X-B: 2"]
    assert b"length" not in relayed.client.written.lower()
