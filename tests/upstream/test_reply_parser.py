"""Replies from bytes: framing by RFC 9112 section 6.3, however the bytes are cut into reads."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tentaculo.errors import UpstreamProtocolError
from tentaculo.upstream.reply import Framing
from tests.upstream.fakes import CHUNKED, OK
from tests.upstream.reading import SMALL, Reading, Told, fields_of, read


def told(framing: Framing, body: bytes = b"", *, reusable: bool = True, length: int | None = None) -> Told:
    """Sum up an ordinary whole reply."""
    return Told(200, framing, body, ended=True, reusable=reusable, length=length)


CORPUS: dict[str, tuple[bytes, Told]] = {
    "length": (SMALL, told(Framing.LENGTH, b"hi", length=2)),
    "length of zero": (OK + b"Content-Length: 0\r\n\r\n", told(Framing.LENGTH, length=0)),
    "length in odd spelling": (
        OK + b"cONTENT-lENGTH: \t 2 \r\n\r\nhi",
        told(Framing.LENGTH, b"hi", length=2),
    ),
    "body like a head": (
        OK + b"Content-Length: 19\r\n\r\nHTTP/1.1 500 No\r\n\r\n",
        told(Framing.LENGTH, b"HTTP/1.1 500 No\r\n\r\n", length=19),
    ),
    "chunked": (CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", told(Framing.CHUNKED, b"abcde")),
    "chunked, empty": (CHUNKED + b"0\r\n\r\n", told(Framing.CHUNKED)),
    "chunked in upper case": (
        OK + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n",
        told(Framing.CHUNKED, b"a"),
    ),
    "chunk extensions": (
        CHUNKED + b'3;a;b=c;d="e;\\"f"\r\nabc\r\n0;last\r\n\r\n',
        told(Framing.CHUNKED, b"abc"),
    ),
    "chunk sizes spelled oddly": (
        CHUNKED + b"00a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n",
        told(Framing.CHUNKED, b"01234567890123456789"),
    ),
    "chunk like an end": (
        CHUNKED + b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n",
        told(Framing.CHUNKED, b"\r\n0\r\n\r\n"),
    ),
    "trailers": (
        CHUNKED + b"1\r\na\r\n0\r\nX-Sum: 1\r\nSet-Cookie: late=1\r\nContent-Type: text/evil\r\n\r\n",
        told(Framing.CHUNKED, b"a"),
    ),
    "close-delimited": (
        OK + b"\r\nuntil the end\r\n\r\n",
        Told(200, Framing.CLOSE, b"until the end\r\n\r\n", ended=False, reusable=False),
    ),
    "close-delimited, keep-alive said": (
        OK + b"Connection: keep-alive\r\n\r\nx",
        Told(200, Framing.CLOSE, b"x", ended=False, reusable=False),
    ),
    "last of its connection": (
        OK + b"Connection: close\r\nContent-Length: 1\r\n\r\na",
        told(Framing.LENGTH, b"a", reusable=False, length=1),
    ),
    "close among options": (
        OK + b"Connection: x-a, Close\r\nContent-Length: 1\r\n\r\na",
        told(Framing.LENGTH, b"a", reusable=False, length=1),
    ),
    "HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
        told(Framing.LENGTH, b"a", reusable=False, length=1),
    ),
    "HTTP/1.0 that keeps the connection": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",
        told(Framing.LENGTH, b"a", length=1),
    ),
    "HTTP/1.0 without a length": (
        b"HTTP/1.0 200 OK\r\n\r\nold",
        Told(200, Framing.CLOSE, b"old", ended=False, reusable=False),
    ),
    "HTTP/1.0 in chunks": (  # RFC 9112 section 6.1
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        told(Framing.CHUNKED, b"a", reusable=False),
    ),
    "204": (
        b"HTTP/1.1 204 No\r\n\r\n",
        Told(204, Framing.NONE, b"", ended=True, reusable=True, reason=b"No"),
    ),
    "304": (
        b"HTTP/1.1 304 Same\r\nETag: x\r\n\r\n",
        Told(304, Framing.NONE, b"", ended=True, reusable=True, reason=b"Same"),
    ),
    "304 with a length": (
        b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n",
        Told(304, Framing.NONE, b"", ended=True, reusable=False, reason=b"Same", length=9),
    ),
    "204 with a length": (
        b"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n",
        Told(204, Framing.NONE, b"", ended=True, reusable=False, reason=b"No", length=9),
    ),
    "204 with a length of zero": (
        b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n",
        Told(204, Framing.NONE, b"", ended=True, reusable=True, reason=b"No", length=0),
    ),
    "304 with chunks announced": (
        b"HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n",
        Told(304, Framing.NONE, b"", ended=True, reusable=False, reason=b"Same"),
    ),
    "100 before": (
        b"HTTP/1.1 100 Continue\r\n\r\n" + SMALL,
        Told(200, Framing.LENGTH, b"hi", ended=True, reusable=True, interim=(100,), length=2),
    ),
    "several before": (
        b"HTTP/1.1 100 Continue\r\nX: 1\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 199 Odd\r\n\r\n" + SMALL,
        Told(200, Framing.LENGTH, b"hi", ended=True, reusable=True, interim=(100, 103, 199), length=2),
    ),
    "no reason": (
        b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n",
        Told(404, Framing.LENGTH, b"", ended=True, reusable=True, reason=b"", length=0),
    ),
    "long odd reason": (
        b"HTTP/1.1 599 Not  \xe9ven: close\t\r\nContent-Length: 0\r\n\r\n",
        Told(599, Framing.LENGTH, b"", ended=True, reusable=True, reason=b"Not  \xe9ven: close\t", length=0),
    ),
    "upgrade offered": (
        OK + b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nhi",
        told(Framing.LENGTH, b"hi", length=2),
    ),
    "empty lines before": (b"\r\n\r\n" + SMALL, told(Framing.LENGTH, b"hi", length=2)),
}


@pytest.mark.parametrize(("data", "expected"), CORPUS.values(), ids=CORPUS)
def test_reply_is_read_the_same_however_it_is_cut(data: bytes, expected: Told) -> None:
    """In one read, in two cut at every byte, and byte by byte, the reply is the same one."""
    whole = read(data, with_fields=True)
    fields = whole.fields
    assert read(data) == expected
    for at in range(1, len(data)):
        assert read(data[:at], data[at:], with_fields=True) == whole, at
    single = read(*(data[i : i + 1] for i in range(len(data))), with_fields=True)
    assert single == whole
    assert fields is not None


@given(st.data())
@settings(max_examples=200)
def test_reply_survives_any_cutting(data: st.DataObject) -> None:
    """Any number of cuts, over two replies on one connection, changes nothing."""
    names = data.draw(
        st.lists(st.sampled_from([n for n in CORPUS if CORPUS[n][1].reusable]), min_size=2, max_size=4)
    )
    reading = Reading()
    for name in names:
        stream, expected = CORPUS[name]
        cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=6)) | {0, len(stream)})
        reading.head, reading.body = None, b""
        reading.interim.clear()
        reading.parser.expect(is_head=False)
        reading.feed([stream[a:b] for a, b in pairwise(cuts) if a < b])
        assert reading.told() == expected


def test_fields_are_raw_and_in_order() -> None:
    """Names, order, repetition and bytes of the fields are the upstream's; trailers are none of them."""
    data = (
        b"X-B: 1\r\nx-a: \tcaf\xe9 \r\nSet-Cookie: a\r\nX-Empty:\r\nset-cookie: b\r\n"
        b"Content-Type: text/event-stream; charset=utf-8\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Late: 1\r\n\r\n"
    )
    reading = Reading()
    reading.feed([OK + data])
    assert reading.head is not None
    assert [(name, value.strip()) for name, value in fields_of(reading.head)] == [
        (b"X-B", b"1"),
        (b"x-a", b"caf\xe9"),
        (b"Set-Cookie", b"a"),
        (b"X-Empty", b""),
        (b"set-cookie", b"b"),
        (b"Content-Type", b"text/event-stream; charset=utf-8"),
        (b"Transfer-Encoding", b"chunked"),
    ]
    assert reading.head.content_type == b"text/event-stream; charset=utf-8"


def test_interim_heads_keep_their_own_fields() -> None:
    """Fields of a 1xx belong to it and not to the reply after it."""
    reading = Reading()
    reading.feed([b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" + SMALL])
    assert [(head.status, head.reason, fields_of(head)) for head in reading.interim] == [
        (103, b"Hints", [(b"Link", b"</a>")])
    ]
    assert reading.head is not None
    assert fields_of(reading.head) == [(b"Content-Length", b"2")]


HEAD_REPLIES = {
    "length": b"Content-Length: 1234\r\n",
    "length of zero": b"Content-Length: 0\r\n",
    "chunked": b"Transfer-Encoding: chunked\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("fields", HEAD_REPLIES.values(), ids=HEAD_REPLIES)
def test_reply_to_head_ends_with_its_head(fields: bytes) -> None:
    """A reply to HEAD has no body whatever it announces, and its parser is not used again."""
    found = read(OK + fields + b"\r\n", is_head=True)
    assert (found.framing, found.ended, found.reusable, found.body) == (Framing.NONE, True, False, b"")


def test_reply_to_head_waits_past_interim_replies() -> None:
    """A 1xx is not yet the reply to HEAD."""
    found = read(b"HTTP/1.1 103 E\r\n\r\n", OK + b"Content-Length: 5\r\n\r\n", is_head=True)
    assert (found.status, found.length, found.interim) == (200, 5, (103,))


AFTER = {
    "second reply": SMALL,
    "second reply to be": b"H",
    "garbage": b"\x00\x01garbage",
    "TLS alert": b"\x15\x03\x03\x00\x02",
    "body too long": b"!",
    "huge": SMALL * 10_000,
}
FIRST = {
    "length": SMALL,
    "chunked": CHUNKED + b"2\r\nhi\r\n0\r\n\r\n",
    "last": OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
    "204": b"HTTP/1.1 204 No\r\n\r\n",
    "304 with a length": b"HTTP/1.1 304 No\r\nContent-Length: 3\r\n\r\n",
    "after an interim one": b"HTTP/1.1 100 C\r\n\r\n" + SMALL,
}


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER)
@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_bytes_after_the_end_change_nothing_but_reuse(first: bytes, after: bytes) -> None:
    """What follows an ended reply in the same read is no part of it, and the connection is done for."""
    alone, found = read(first, with_fields=True), read(first + after, with_fields=True)
    assert not found.reusable
    assert (found.status, found.body, found.ended, found.fields) == (
        alone.status,
        alone.body,
        True,
        alone.fields,
    )
    assert found.framing is alone.framing
    assert found.interim == alone.interim


def test_body_of_a_head_reply_is_dropped() -> None:
    """An upstream that sends a body to HEAD all the same: it is not handed out."""
    found = read(OK + b"Content-Length: 5\r\n\r\nhello" + SMALL, is_head=True)
    assert (found.body, found.ended, found.reusable) == (b"", True, False)


@pytest.mark.parametrize("status", [200, 404])
def test_interim_reply_with_framing_fields_has_no_body(status: int) -> None:
    """RFC 9110 section 15.2: a 1xx ends with its head whatever its fields say; the reply follows at once."""
    data = b"HTTP/1.1 103 E\r\nContent-Length: 2\r\n\r\nHTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nhi" % status
    found = read(data)
    assert (found.status, found.body, found.interim) == (status, b"hi", (103,))


def test_untouched_until_the_first_byte() -> None:
    """The first byte of a reply, of an interim one, of garbage ends `untouched`; `expect` resets it."""
    reading = Reading()
    assert reading.parser.untouched
    reading.feed([b"H"])
    assert not reading.parser.untouched
    reading.feed([SMALL[1:]])
    assert not reading.parser.untouched
    reading.parser.expect(is_head=False)
    assert reading.parser.untouched


def test_taking_gives_the_head_once() -> None:
    """The head is handed out the first time only, pieces of the body once each."""
    parser = Reading().parser
    assert parser.feed(OK + b"Content-Length: 4\r\n\r\nab") == b"ab"
    assert parser.take_head() is parser.head
    assert parser.take_head() is None
    assert parser.feed(b"cd") == b"cd"
    assert parser.take_head() is None


KEEP_ALIVES = {
    "none": (b"", None),
    "timeout": (b"Keep-Alive: timeout=5\r\n", 5.0),
    "with max": (b"keep-alive: max=100, Timeout=7 \r\n", 7.0),
    "zero": (b"Keep-Alive: timeout=0\r\n", 0.0),
    "max only": (b"Keep-Alive: max=100\r\n", None),
    "negative": (b"Keep-Alive: timeout=-1\r\n", None),
    "fraction": (b"Keep-Alive: timeout=1.5\r\n", None),
    "words": (b"Keep-Alive: timeout=soon\r\n", None),
    "empty": (b"Keep-Alive:\r\n", None),
    "no number": (b"Keep-Alive: timeout\r\n", None),
    "other name": (b"Keep-Alive: xtimeout=3\r\n", None),
    "not ASCII": (b"Keep-Alive: timeout=\xb2\r\n", None),
}


@pytest.mark.parametrize(("field", "seconds"), KEEP_ALIVES.values(), ids=KEEP_ALIVES)
def test_keep_alive_timeout_is_read(field: bytes, seconds: float | None) -> None:
    """The whole seconds of `Keep-Alive: timeout=` are told; anything else is as nothing said."""
    reading = Reading()
    reading.feed([OK + field + b"Content-Length: 0\r\n\r\n"])
    assert reading.parser.keep_alive_seconds == seconds


def test_keep_alive_timeout_is_remembered() -> None:
    """What one reply said holds for the connection while later ones say nothing."""
    reading = Reading()
    reading.feed([OK + b"Keep-Alive: timeout=9\r\nContent-Length: 0\r\n\r\n"])
    reading.parser.expect(is_head=False)
    reading.parser.feed(SMALL)
    assert reading.parser.keep_alive_seconds == 9.0


@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from([b"", OK, CHUNKED]), st.booleans())
def test_any_bytes_end_in_a_reply_or_an_error(reads: list[bytes], start: bytes, is_head: bool) -> None:
    """Whatever an upstream sends, the only error is the upstream's."""
    parser = Reading(is_head=is_head).parser
    with suppress(UpstreamProtocolError):
        for data in [start, *reads]:
            parser.feed(data)
    assert parser.head_done or not parser.ended
