"""Heads of requests, ordinary and odd ones, and how aiohttp reads them."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, HttpVersion11
from aiohttp.streams import EMPTY_PAYLOAD
from hypothesis import strategies as st

from tentaculo.relay.heads import MOST_FIELDS, HeadReader, RequestHead
from tentaculo.relay.listener import Listener

LIMIT = 400
GOOD = b"GET /good?a=b HTTP/1.1\r\nHost: good.test\r\nX-Good: c\r\n\r\n"
GOOD_FIELDS = [(b"Host", b"good.test"), (b"X-Good", b"c")]


def head(*lines: bytes, line: bytes = b"GET /x HTTP/1.1", host: bytes = b"Host: a\r\n") -> bytes:
    """Write a head."""
    return line + b"\r\n" + host + b"".join(field + b"\r\n" for field in lines) + b"\r\n"


def parsed(data: bytes, limit: int = LIMIT) -> list[tuple[Any, Any]]:
    """Return the messages and bodies that aiohttp makes of this, set up as for a connection."""
    with closing(asyncio.new_event_loop()) as loop:
        parser = HttpRequestParser(
            BaseProtocol(loop),
            loop,
            Listener.read_buffer,
            max_line_size=limit,
            max_field_size=limit + 1,
            max_headers=Listener.max_fields,
            auto_decompress=False,
            max_msg_queue_size=32,
        )
        messages, upgraded, tail = parser.feed_data(data)
        assert not upgraded
        assert tail == b""
        return list(messages)


def check_alike(taken: RequestHead, data: bytes) -> None:
    """Make sure that for aiohttp this is one request without a body, and the same one."""
    ((message, body),) = parsed(data)
    assert body is EMPTY_PAYLOAD
    assert (message.method, message.path) == (taken.method, taken.path)
    assert list(message.raw_headers) == list(taken.raw_headers)
    assert message.headers == taken.headers
    assert message.version == HttpVersion11
    assert (taken.is_http11, taken.is_http10) == (True, False)
    assert not any((message.should_close, message.upgrade, message.chunked))
    assert not any((taken.should_close, taken.upgrade, taken.chunked, taken.is_coded))
    assert taken.host == message.headers["Host"]
    assert "Content-Length" not in message.headers
    assert taken.content_length is None
    assert not {"Transfer-Encoding", "Expect", "Upgrade"} & set(message.headers)


def check_goes_on(reader: HeadReader) -> None:
    """Make sure that nothing is left of what came before."""
    for _ in range(2):
        taken = reader.read(GOOD)
        assert taken is not None
        assert (taken.method, taken.path, taken.host) == ("GET", "/good?a=b", "good.test")
        assert list(taken.raw_headers) == GOOD_FIELDS


# Ordinary.

CHROMIUM = (
    b"Connection: keep-alive",
    b'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
    b"sec-ch-ua-mobile: ?0",
    b"Upgrade-Insecure-Requests: 1",
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
    b"Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
    b"Sec-Fetch-Site: none",
    b"Accept-Encoding: gzip, deflate, br, zstd",
    b"Accept-Language: en-GB,en;q=0.9",
    b"Cookie: a=b; c=d",
)
TAKEN = {
    "the least": head(),
    "curl": head(b"User-Agent: curl/8.5.0", b"Accept: */*"),
    "chromium": head(*CHROMIUM),
    "event source": head(b"Accept: text/event-stream", b"Cache-Control: no-cache", b"Last-Event-ID: 7"),
    "aiohttp": head(b"Accept: */*", b"Accept-Encoding: gzip, deflate", b"User-Agent: Python/3.11"),
    "requests": head(b"User-Agent: python-requests/2", b"Accept: */*", b"Connection: keep-alive"),
    "keep-alive in capitals": head(b"CONNECTION: Keep-Alive"),
    "host last": head(b"A: b", b"host: c:8080", host=b""),
    "repeated fields": head(b"Cookie: a=b", b"Cookie: c=d", b"cookie: e=f"),
    "white space around": head(b"A: \t b c"),
    "no space": head(b"A:b"),
    "line feed before": b"\n" + head(),
    "empty lines behind": head() + b"\r\n\r\n",
    "other methods": head(line=b"DELETE /x HTTP/1.1"),
    "post of nothing": head(line=b"POST /x HTTP/1.1"),
    "odd target": head(line=b"GET //a/../%00;b?c=[\"']&d#e HTTP/1.1"),
    "as long as may be": head(b"A: " + b"v" * (LIMIT - len(head()) - 5)),
    "as many as may be": head(*[b"A:b"] * (MOST_FIELDS - 1)),
}


# Anything else.

NO_LINE_END = head()[:-2]
ONCE = (
    b"Content-Location",
    b"Content-Range",
    b"Content-Type",
    b"ETag",
    b"Max-Forwards",
    b"Server",
    b"User-Agent",
)
LEFT = {
    "nothing": b"",
    "only its end": b"\r\n\r\n",
    "only empty lines": b"\r\n" * 4,
    "cut in the line": head()[:9],
    "cut in a field": head()[:24],
    "cut before the end": NO_LINE_END,
    "cut in the end": head()[:-1],
    "a body behind it": head() + b"hello",
    "more behind it": head() + b"\r\n\r\nhello",
    "a second one": head() * 2,
    "a second one, cut": head() + NO_LINE_END,
    "a second one with a body to come": head() + head(b"Content-Length: 5", line=b"POST /y HTTP/1.1"),
    "a second one with chunks to come": head() + head(b"Transfer-Encoding: chunked"),
    "a second one without host, with a body to come": head() + head(b"Content-Length: 5", host=b""),
    "a second one without host, with chunks to come": head() + head(b"Transfer-Encoding: chunked", host=b""),
    "a second one, another protocol": head() + head(line=b"OPTIONS /y RTSP/1.0"),
    "a second one without a version": head() + b"GET /\r\n\r\n",
    "many": head() * 5,
    "empty line before": b"\r\n" + head(),
    "HTTP/1.0": head(line=b"GET /x HTTP/1.0"),
    "HTTP/1.0, keep-alive": head(b"Connection: keep-alive", line=b"GET /x HTTP/1.0"),
    "HTTP/2.0": head(line=b"GET /x HTTP/2.0"),
    "HTTP/1.2": head(line=b"GET /x HTTP/1.2"),
    "HTTP/01.1": head(line=b"GET /x HTTP/01.1"),
    "version in small letters": head(line=b"GET /x http/1.1"),
    "no version": b"GET /x\r\n\r\n",
    "rtsp": head(line=b"OPTIONS /x RTSP/1.1"),
    "ice": head(line=b"SOURCE /x ICE/1.1"),
    "rtsp behind a bare line feed": head(line=b"OPTIONS /x RTSP/1.0\nA: HTTP/1.1"),
    "HTTP/1.0 behind a bare line feed": head(line=b"GET /x HTTP/1.0\nA: HTTP/1.1"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "white space behind the version": head(line=b"GET /x HTTP/1.1 "),
    "white space before the method": head(line=b" GET /x HTTP/1.1"),
    "tab in the line": head(line=b"GET\t/x HTTP/1.1"),
    "no target": head(line=b"GET HTTP/1.1"),
    "no slash": head(line=b"GET x HTTP/1.1"),
    "asterisk": head(line=b"OPTIONS * HTTP/1.1"),
    "absolute": head(line=b"GET http://a/x HTTP/1.1"),
    "absolute, other": head(line=b"GET ftp://a/x HTTP/1.1"),
    "two targets": head(line=b"GET /x /y HTTP/1.1"),
    "control in the target": head(line=b"GET /x\x01 HTTP/1.1"),
    "nul in the target": head(line=b"GET /x\0 HTTP/1.1"),
    "byte of Latin-1 in the target": head(line=b"GET /\xe9 HTTP/1.1"),
    "connect": head(line=b"CONNECT a:443 HTTP/1.1"),
    "connect with a path": head(line=b"CONNECT /x HTTP/1.1"),
    "trace": head(line=b"TRACE /x HTTP/1.1"),
    "another method": head(line=b"PROPFIND /x HTTP/1.1"),
    "query": head(line=b"QUERY /x HTTP/1.1"),
    "no method": head(line=b"FOO /x HTTP/1.1"),
    "method in small letters": head(line=b"get /x HTTP/1.1"),
    "no host": head(host=b""),
    "host without value": head(host=b"Host:\r\n"),
    "host of white space": head(host=b"Host: \t\r\n"),
    "two hosts": head(b"Host: b"),
    "the same host twice": head(b"hOST: a"),
    "host with a byte of Latin-1": head(host=b"Host: \xe9\r\n"),
    "length": head(b"Content-Length: 5"),
    "length zero": head(b"content-length: 0"),
    "length twice": head(b"Content-Length: 5", b"Content-Length: 6"),
    "no number": head(b"Content-Length: abc"),
    "chunked": head(b"Transfer-Encoding: chunked"),
    "another coding": head(b"TRANSFER-ENCODING: identity"),
    "no chunked": head(b"Transfer-Encoding: xchunked"),
    "length and chunked": head(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "close": head(b"Connection: close"),
    "close and keep-alive": head(b"Connection: keep-alive, close"),
    "keep-alive twice": head(b"Connection: keep-alive", b"Connection: keep-alive"),
    "keep-alive, then close": head(b"Connection: keep-alive", b"Connection: close"),
    "option of another field": head(b"Connection: X-VX11-Token"),
    "no option": head(b"Connection:"),
    "option to upgrade": head(b"Connection: upgrade"),
    "upgrade": head(b"Upgrade: websocket"),
    "whole upgrade": head(b"Connection: Upgrade", b"Upgrade: websocket"),
    "upgrade to HTTP/2": head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"),
    "proxy connection": head(b"Proxy-Connection: close"),
    "old websocket": head(b"Sec-WebSocket-Key1: a"),
    "expect": head(b"Expect: 100-continue"),
    "expect something": head(b"expect: something"),
    "folded": head(b"A: b", b" c"),
    "folded by a tab": head(b"A: b", b"\tc"),
    "folded before any": head(b" A: b", host=b""),
    "white space before the colon": head(b"A : b"),
    "white space before the host's colon": head(host=b"Host : a\r\n"),
    "white space in a name": head(b"A B: c"),
    "no name": head(b": b"),
    "no colon": head(b"A"),
    "control in a name": head(b"A\x01: b"),
    "byte of Latin-1 in a name": head(b"A\xe9: b"),
    "byte of Latin-1 in a value": head(b"A: \xe9"),
    "nul in a value": head(b"A: b\0c"),
    "control in a value": head(b"A: b\x01c"),
    "delete in a value": head(b"A: b\x7fc"),
    "bare return in a value": head(b"A: b\rC: d"),
    "bare line feed in a value": head(b"A: b\nC: d"),
    "bare line feeds": b"GET /x HTTP/1.1\nHost: a\n\n",
    "bare line feeds at the end": b"GET /x HTTP/1.1\r\nHost: a\r\n\n\r\n\r\n",
    "no value": head(b"A:"),
    "no value, then more": head(b"A:", b"B: c"),
    "only white space": head(b"A: \t"),
    "white space behind a value": head(b"A: b "),
    "tab behind a value": head(b"A: b\t"),
    "too long": head(b"A: " + b"v" * (LIMIT - len(head()) - 4)),
}


LEFT |= {f"two of {name.decode()}": head(b"%b: a" % name, b"%b: a" % name.lower()) for name in ONCE}

# Any input.

FIELDS = [value.removeprefix(head()[:-2])[:-2] for value in (*TAKEN.values(), *LEFT.values())]
PIECES = st.one_of(
    st.sampled_from([*TAKEN.values(), *LEFT.values()]),
    st.sampled_from([piece for piece in FIELDS if len(piece) < 80]),
    st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"\0", b"HTTP/1.1", b"Host: a"]),
    st.binary(max_size=3),
)
LINES = st.builds(
    b"%b%b%b%b%b".__mod__,
    st.tuples(
        st.sampled_from([b"GET", b"POST", b"OPTIONS", b"HEAD", b"CONNECT", b"PRI", b"get", b""]),
        st.sampled_from([b" ", b" ", b" ", b"  ", b"\t"]),
        st.sampled_from(
            [b"/", b"/x?y#z", b"*", b"//", b"http://a/", b"/\xe9", b"/ x", b"a:1", b"/" + b"q" * 400]
        ),
        st.sampled_from([b" ", b" ", b" ", b"  ", b"\t", b""]),
        st.sampled_from(
            [b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"RTSP/1.0", b"HTTP/1.1 ", b"HTTP/1.0\nA: HTTP/1.1"]
        ),
    ),
)
NAMES = st.sampled_from(
    [
        b"A",
        b"Cookie",
        b"Host",
        b"host",
        b"Connection",
        b"connection",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Expect",
        b"Upgrade",
        b"Proxy-Connection",
        b"User-Agent",
        b"Content-Type",
        b"Keep-Alive",
        b"TE",
        b"",
        b" A",
        b"A ",
        b"Host ",
        b"X_Y",
        b"A\0",
        b"\xe9",
    ]
)
VALUES = st.sampled_from(
    [
        b"a",
        b"b",
        b"0",
        b"5",
        b"chunked",
        b"keep-alive",
        b"Keep-Alive",
        b"close",
        b"upgrade",
        b"websocket",
        b"100-continue",
        b"",
        b" ",
        b"a ",
        b"a\t",
        b"a\tb",
        b"a\r\n b",
        b"a\rb",
        b"a\nb",
        b"\0",
        b"\xe9",
        b"v" * 350,
    ]
)
ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r"])
WRITTEN = st.builds(
    lambda line, fields, end: line + b"\r\n" + b"".join(b"%b:%b%b%b" % field for field in fields) + end,
    LINES,
    st.lists(st.tuples(NAMES, st.sampled_from([b" ", b"", b"\t"]), VALUES, ENDS), max_size=6),
    st.sampled_from([b"\r\n"] * 6 + [b"", b"\n", b"\r\n\r\n", b"\r\nhello", b"\r\n" + head()]),
)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """Make something of an ordinary head, or of two."""
    data = draw(st.sampled_from([GOOD, GOOD + GOOD, head(*CHROMIUM[:3]), *TAKEN.values()]))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        data = data[:start] + draw(PIECES) + data[end:]
    return data
