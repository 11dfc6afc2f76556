"""Heads that are read at once: what is plain, and that they mean the same to the parser for everything."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tentaculo.errors import GatewayError
from tentaculo.upstream.plain_head import read_plain_head
from tentaculo.upstream.reply import Framing
from tests.upstream.reading import Reading, fields_of

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 5"
CHUNKED = b"Transfer-Encoding: chunked"
PLAIN = {
    "length": (b"HTTP/1.1 200 OK", LENGTH),
    "chunks": (b"HTTP/1.1 200 OK", CHUNKED),
    "no reason": (b"HTTP/1.1 404 ", LENGTH),
    "other spellings": (b"HTTP/1.1 200 OK", b"content-LENGTH: 5", b"CONNECTION: Keep-Alive"),
    "chunks in capitals": (b"HTTP/1.1 200 OK", b"Transfer-Encoding: CHUNKED"),
    "colons": (b"HTTP/1.1 302 Found", b"Location: http://a.test/b: c", LENGTH),
    "odd but plain": (b"HTTP/1.1 500 Internal Server Error", b"X_a!~: \"'\t, ", LENGTH),
    "its connection's last": (b"HTTP/1.1 200 OK", b"Connection: close", LENGTH),
    "two types": (b"HTTP/1.1 200 OK", b"Content-Type: a", b"content-type: b", LENGTH),
}


@pytest.mark.parametrize("lines", PLAIN.values(), ids=PLAIN)
def test_plain_head(lines: tuple[bytes, ...]) -> None:
    """It is read with no parser; what goes on are the upstream's own bytes."""
    head = read_plain_head(b"\r\n".join(lines))
    assert head is not None
    assert (head.status_line, head.lines) == (lines[0], list(lines[1:]))
    assert head.names == [line.partition(b":")[0] for line in lines[1:]]
    assert head.status == int(lines[0][9:12])
    assert (head.framing, head.length) == (
        (Framing.CHUNKED, None) if b"nked" in b"".join(lines).lower() else (Framing.LENGTH, 5)
    )
    assert head.keep_alive == (b"Connection: close" not in lines)


LEFT = {
    "no framing": (b"X: 1",),
    "two lengths": (LENGTH, LENGTH),
    "length and chunks": (LENGTH, CHUNKED),
    "chunks and length": (CHUNKED, LENGTH),
    "chunks twice": (CHUNKED, CHUNKED),
    "another coding": (b"Transfer-Encoding: gzip, chunked",),
    "length of many digits": (b"Content-Length: " + b"0" * 18 + b"5",),
    "length and a space": (LENGTH + b" ",),
    "length with a sign": (b"Content-Length: +5",),
    "no space": (LENGTH, b"X:1"),
    "two spaces": (LENGTH, b"X:  1"),
    "tab": (LENGTH, b"X:\t1"),
    "space and tab": (LENGTH, b"X: \t1"),
    "no value": (LENGTH, b"X:"),
    "space alone": (LENGTH, b"X: "),
    "no colon": (LENGTH, b"nonsense"),
    "no name": (LENGTH, b": 1"),
    "space before the colon": (LENGTH, b"X : 1"),
    "no token": (LENGTH, b"X(y): 1"),
    "folded": (LENGTH, b" X: 1"),
    "long name": (LENGTH, b"x" * 65 + b": 1"),
    "empty line": (LENGTH, b""),
    "NUL": (LENGTH, b"X: \0"),
    "control": (LENGTH, b"X: a\x1b"),
    "DEL": (LENGTH, b"X: a\x7f"),
    "not ASCII": (LENGTH, b"X: caf\xe9"),
    "bare CR": (LENGTH, b"X: a\rY: b"),
    "bare LF": (LENGTH, b"X: a\nY: b"),
    "upgrade": (LENGTH, b"Upgrade: h2c"),
    "proxy's connection": (LENGTH, b"Proxy-Connection: close"),
    "connection with a name": (LENGTH, b"Connection: close, x-a"),
}


@pytest.mark.parametrize("lines", LEFT.values(), ids=LEFT)
def test_what_is_not_plain_is_left(lines: tuple[bytes, ...]) -> None:
    """It is no fault: the parser for everything reads it."""
    assert read_plain_head(b"\r\n".join([b"HTTP/1.1 200 OK", *lines])) is None


STATUS_LINES = [
    b"HTTP/1.1 200",
    b"HTTP/1.1 200  OK",
    b"HTTP/1.1 200 OK ",
    b"HTTP/1.1 200 Fine",
    b"HTTP/1.0 200 OK",
    b"http/1.1 200 OK",
    b"HTTP/1.1 100 Continue",
    b"HTTP/1.1 101 Switching Protocols",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 999 ",
    b"\r\nHTTP/1.1 200 OK",
    b"",
]


@pytest.mark.parametrize("line", STATUS_LINES)
def test_other_status_lines_are_left(line: bytes) -> None:
    """So is whatever has no body, or begins in another way than most."""
    assert read_plain_head(line + b"\r\n" + LENGTH) is None


ENDS = [
    b"5\r\nhello\r\n0\r\n\r\n",
    b"0\r\n\r\n",
    b"005;a=b\r\nhello\r\n0\r\nX: 1\r\n\r\n",
    b"5\r\nhello!\r\n",
]
MORE = [
    b"",
    b"hello",
    b"hell",
    b"hello!",
    b"5\r\nhel",
    b"A\r\n0123456789\r\n",
    b"x\r\n",
    b"0" * 20 + b"5\r\nhello\r\n",
]
HEADS = st.builds(
    lambda first, lines: b"\r\n".join([first, *lines, b"", b""]),
    st.sampled_from([*STATUS_LINES, *[b"HTTP/1.1 200 OK"] * 9, b"HTTP/1.1 404 Not Found"]),
    st.lists(
        st.sampled_from(
            [
                *{line for lines in (*LEFT.values(), *PLAIN.values()) for line in lines},
                b"Keep-Alive: timeout=5, max=100",
                b"Keep-Alive: none",
                b"Connection: keep-alive",
            ]
        ),
        max_size=4,
    ),
)
REPLIES = st.builds(
    lambda head, bodies: head + b"".join(bodies),
    st.one_of(HEADS, st.sampled_from([OK + LENGTH + b"\r\n\r\n", OK + CHUNKED + b"\r\n\r\n"])),
    st.lists(st.sampled_from([*ENDS, *MORE, OK + LENGTH + b"\r\n\r\nhello"]), max_size=4),
)


def outcome(reads: list[bytes], *, is_head: bool) -> tuple[object, bool]:
    """What a parser makes of these reads, good or bad, and whether another reply may follow."""
    reading = Reading(is_head=is_head)
    try:
        reading.feed(reads)
    except GatewayError as error:
        return (type(error), error.reason), False
    parser, head = reading.parser, reading.head
    if head is None:
        return None, False
    said = (head.status_line, head.status, head.content_type, head.framing, head.length, fields_of(head))
    kept = (parser.keep_alive, parser.keep_alive_seconds)
    interim = [found.status for found in reading.interim]
    return (said, reading.body, parser.ended, kept, interim), parser.reusable


@given(REPLIES, st.lists(st.integers(1, 200), max_size=5), st.booleans())
@example(OK + CHUNKED + b"\r\n\r\n5\r\nhello\r\n5;a\r\nhello\r\n0\r\nX: 1\r\n\r\n", [], False)
@example(OK + CHUNKED + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + OK, [60], False)
@example(OK + LENGTH + b"\r\nKeep-Alive: timeout=5\r\n\r\nhello!", [], False)
@example(OK + LENGTH + b"\r\n\r\nhello\r\n", [], False)
def test_any_reply_means_the_same_to_both(reply: bytes, places: list[int], is_head: bool) -> None:
    """A head that comes in two reads is the parser's: what it makes of a reply is the same, however cut.

    It forgives empty lines behind one, and only that.
    """
    cuts = [1, *sorted({place for place in places if 1 < place < len(reply)}), len(reply)]
    rest = [reply[begin:end] for begin, end in pairwise(cuts) if begin < end]
    together = [reply[:1] + rest[0], *rest[1:]] if rest else [reply]
    here, reusable = outcome(together, is_head=is_head)
    theirs, theirs_reusable = outcome([reply[:1], *rest], is_head=is_head)
    assert here == theirs
    assert reusable == theirs_reusable or (theirs_reusable and reply.endswith(b"\n"))
