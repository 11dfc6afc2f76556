"""Replies that RFC 9112 does not allow, and heads without end."""

from __future__ import annotations

import pytest

from tentaculo.errors import UpstreamProtocolError
from tentaculo.upstream.reply_parser import HEAD_LIMIT
from tests.upstream.fakes import CHUNKED, OK
from tests.upstream.reading import SMALL, Reading, read

MALFORMED = {
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "parse"),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x46", "parse"),
    "request": (b"GET / HTTP/1.1\r\n\r\n", "parse"),
    "HTTP/0.9": (b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n", "version"),
    "HTTP/2.0": (b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "version"),
    "HTTP/1.2": (b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", "parse"),
    "no version": (b"HTTP 200 OK\r\n\r\n", "parse"),
    "status 000": (b"HTTP/1.1 000 No\r\n\r\n", "status"),
    "status 099": (b"HTTP/1.1 099 No\r\n\r\n", "status"),
    "status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", "parse"),
    "status of four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", "parse"),
    "status with a sign": (b"HTTP/1.1 +20 OK\r\n\r\n", "parse"),
    "NUL in the reason": (b"HTTP/1.1 200 a\0b\r\nContent-Length: 0\r\n\r\n", "reason"),
    "escape in the reason": (b"HTTP/1.1 200 a\x1b[2J\r\nContent-Length: 0\r\n\r\n", "reason"),
    "DEL in the reason": (b"HTTP/1.1 200 \x7f\r\nContent-Length: 0\r\n\r\n", "reason"),
    "bare CR in the reason": (b"HTTP/1.1 200 a\rb\r\nContent-Length: 0\r\n\r\n", "parse"),
    "reason of an interim reply": (b"HTTP/1.1 103 a\0b\r\n\r\n", "reason"),
    "obs-fold": (OK + b"X-A: one\r\n two\r\nContent-Length: 0\r\n\r\n", "parse"),
    "obs-fold with tab": (OK + b"X-A: one\r\n\ttwo\r\nContent-Length: 0\r\n\r\n", "parse"),
    "obs-fold at once": (OK + b"X-A:\r\n two\r\nContent-Length: 0\r\n\r\n", "parse"),
    "folded first line": (OK + b" X-A: one\r\n\r\n", "parse"),
    "bare LF": (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "parse"),
    "bare LF in the fields": (OK + b"X: 1\nContent-Length: 0\r\n\r\n", "parse"),
    "bare CR": (OK + b"X: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n", "parse"),
    "NUL": (OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n", "parse"),
    "space before colon": (OK + b"Content-Length : 0\r\n\r\n", "parse"),
    "no name": (OK + b": x\r\nContent-Length: 0\r\n\r\n", "parse"),
    "no colon": (OK + b"nonsense\r\nContent-Length: 0\r\n\r\n", "parse"),
    "two lengths": (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!", "parse"),
    "two equal lengths": (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "parse"),
    "list of lengths": (OK + b"Content-Length: 2, 2\r\n\r\nhi", "parse"),
    "length with a sign": (OK + b"Content-Length: +2\r\n\r\nhi", "parse"),
    "negative length": (OK + b"Content-Length: -2\r\n\r\nhi", "parse"),
    "length with underscore": (OK + b"Content-Length: 0_2\r\n\r\nhi", "parse"),
    "hexadecimal length": (OK + b"Content-Length: 0x2\r\n\r\nhi", "parse"),
    "no length": (OK + b"Content-Length:\r\n\r\nhi", "parse"),
    "length of 2^63": (OK + b"Content-Length: 9223372036854775808\r\n\r\nhi", "content_length"),
    "length of 2^64-1": (OK + b"Content-Length: 18446744073709551615\r\n\r\nhi", "content_length"),
    "length beyond": (OK + b"Content-Length: 99999999999999999999999\r\n\r\nhi", "parse"),
    "length and chunks": (OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "parse"),
    "chunks and length": (OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "parse"),
    "gzip, chunked": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "transfer_coding"),
    "chunked, gzip": (OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n", "transfer_coding"),
    "gzip in a line before": (
        OK + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        "transfer_coding",
    ),
    "gzip in a line after": (
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n",
        "transfer_coding",
    ),
    "chunked twice": (OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n", "transfer_coding"),
    "identity": (OK + b"Transfer-Encoding: identity\r\n\r\n", "transfer_coding"),
    "chunked with a parameter": (OK + b"Transfer-Encoding: chunked;a=b\r\n\r\n", "transfer_coding"),
    "chunked in quotes": (OK + b'Transfer-Encoding: "chunked"\r\n\r\n', "transfer_coding"),
    "chunked and a space": (OK + b"Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n", "transfer_coding"),
    "xchunked": (OK + b"Transfer-Encoding: xchunked\r\n\r\n", "transfer_coding"),
    "chunk size missing": (CHUNKED + b"\r\nabc\r\n0\r\n\r\n", "parse"),
    "chunk size negative": (CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", "parse"),
    "chunk size with 0x": (CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", "parse"),
    "chunk size with a space": (CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", "parse"),
    "chunk size beyond": (CHUNKED + b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n", "parse"),
    "chunk with bare LF": (CHUNKED + b"3\nabc\n0\n\n", "parse"),
    "chunk too long": (CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", "parse"),
    "chunk too short": (CHUNKED + b"3\r\nab\r\n0\r\n\r\n", "parse"),
    "length in the trailers": (CHUNKED + b"0\r\nContent-Length: 3\r\n\r\nabc", "parse"),
    "101": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "upgrade"),
    "101 without Upgrade": (b"HTTP/1.1 101 Switching\r\n\r\n", "upgrade"),
    "101 and more": (b"HTTP/1.1 101 Switching\r\n\r\n" + SMALL, "upgrade"),
    "body of a 1xx": (b"HTTP/1.1 100 C\r\nContent-Length: 2\r\n\r\nhi" + SMALL, "parse"),
    "chunks of a 1xx": (b"HTTP/1.1 100 C\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMALL, "parse"),
}


@pytest.mark.parametrize("step", [1, 3, 100_000], ids=["byte by byte", "three bytes", "one read"])
@pytest.mark.parametrize(("data", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_reply_is_an_error(data: bytes, reason: str, step: int) -> None:
    """What RFC 9112 does not allow is refused, with a word that says why, and is not `untouched`."""
    reading = Reading()
    with pytest.raises(UpstreamProtocolError) as raised:
        reading.feed([data[i : i + step] for i in range(0, len(data), step)])
    assert raised.value.reason == reason
    assert not reading.parser.untouched
    assert not reading.parser.ended


ENDLESS = {
    "one endless field": b"X: " + b"a" * (HEAD_LIMIT + 1),
    "endless fields": b"X-Name: some value\r\n" * (HEAD_LIMIT // 20 + 2),
    "endless interim replies": b"Content-Length: 0\r\n\r\n"
    + b"HTTP/1.1 103 E\r\n\r\n" * (HEAD_LIMIT // 18 + 1),
    "endless reason": b"",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_head_is_cut_off(name: str) -> None:
    """A head, the interim ones before it included, has a limit however slowly it comes."""
    start = b"HTTP/1.1 103 Early" if name != "endless reason" else b"HTTP/1.1 103 " + b"a" * (HEAD_LIMIT + 1)
    data = start + b"\r\n" * (name != "endless reason") + ENDLESS[name]
    reading = Reading()
    with pytest.raises(UpstreamProtocolError) as raised:
        reading.feed([data[i : i + 16_384] for i in range(0, len(data), 16_384)])
    assert raised.value.reason == "head_too_large"


def test_head_below_the_limit_passes() -> None:
    """A head as large as the limit is read, and a body is not counted with it."""
    field = b"X: " + b"a" * (HEAD_LIMIT - len(OK) - 40) + b"\r\n"
    head = OK + field + b"Content-Length: %d\r\n\r\n" % (2 * HEAD_LIMIT)
    body = b"b" * (2 * HEAD_LIMIT)
    assert len(head) <= HEAD_LIMIT
    assert len(read(head[:-1], head[-1:] + body[:1], body[1:]).body) == 2 * HEAD_LIMIT
