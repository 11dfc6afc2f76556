"""Heads of requests: what is told of one, and the quick way to read an ordinary one.

Ordinary is a strict subset of RFC 9112 that every parser reads alike: a whole head by itself, in
ASCII, that announces no body.  What is not in it, good or bad, is for aiohttp's parser.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import httptools
from aiohttp.http_exceptions import LineTooLong
from multidict import CIMultiDict, CIMultiDictProxy

from tentaculo.errors import BadRequest, GatewayError, HeadersTooLarge, TargetTooLong
from tentaculo.wire.headers import REMEMBERED_NAMES, Field

MOST_FIELDS: Final = 100
LONGEST_NAME: Final = 64
HEAD_END: Final = b"\r\n\r\n"
VERSION: Final = b" HTTP/1.1"
_SPACE: Final = 0x20
_METHODS: Final = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}

# What is asked of a name; the bits of those that a head had are put together.
_ANY: Final = 0
_HOST: Final = 1
_CONNECTION: Final = 2
_UNUSUAL: Final = 4
_KINDS = {b"host": _HOST, b"connection": _CONNECTION}
# These announce a body, change the protocol, or are refused in a request.
_KINDS |= dict.fromkeys(
    (
        b"content-length",
        b"transfer-encoding",
        b"expect",
        b"upgrade",
        b"proxy-connection",
        b"sec-websocket-key1",
    ),
    _UNUSUAL,
)
# Of these a request has one at most; each gets a bit of its own.
_SINGLE = (
    b"content-location",
    b"content-range",
    b"content-type",
    b"etag",
    b"max-forwards",
    b"server",
    b"user-agent",
)
_KINDS |= {name: 8 << place for place, name in enumerate(_SINGLE)}


class RequestHead:
    """One head; `raw_headers` are names and values as they came, without the white space around values.

    `host` and `content_length` are the values of these fields, None where there are none; `is_coded` says
    that there is a Transfer-Encoding.
    """

    __slots__ = (
        "_headers",
        "chunked",
        "content_length",
        "host",
        "is_coded",
        "is_http10",
        "is_http11",
        "method",
        "path",
        "raw_headers",
        "should_close",
        "upgrade",
    )

    def __init__(self, method: str, path: str, raw_headers: Iterable[Field], host: str | None) -> None:
        self.method = method
        self.path = path
        self.raw_headers = raw_headers
        self.host = host
        self.content_length: str | None = None
        self.is_http10 = False
        self.is_http11 = True
        self.is_coded = False
        self.chunked = False
        self.should_close = False
        self.upgrade = False
        self._headers: Any = None

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The fields as text, by name in any case."""
        if self._headers is None:
            pairs = ((name.decode(), value.decode()) for name, value in self.raw_headers)
            self._headers = CIMultiDictProxy(CIMultiDict(pairs))
        found: CIMultiDictProxy[str] = self._headers
        return found


def head_of(message: Any) -> RequestHead:
    """Return the head that aiohttp's parser made, a RawRequestMessage."""
    fields = message.headers
    head = RequestHead(message.method, message.path, message.raw_headers, fields.get("Host"))
    head.content_length = fields.get("Content-Length")
    head.is_http10 = message.version == (1, 0)
    head.is_http11 = message.version == (1, 1)
    head.is_coded = "Transfer-Encoding" in fields
    head.chunked = bool(message.chunked)
    head.should_close = bool(message.should_close)
    head.upgrade = bool(message.upgrade)
    head._headers = fields
    return head


def fault_of(exc: BaseException | None, longest_line: int) -> GatewayError:
    """Return what is wrong with a head that aiohttp's parser refused; `longest_line` is its limit."""
    if isinstance(exc, GatewayError):
        return exc
    if isinstance(exc, LineTooLong):
        return TargetTooLong("line") if exc.args[1] == longest_line else HeadersTooLarge("field")
    if exc is not None and "Too many headers" in str(exc):
        return HeadersTooLarge("fields")
    return BadRequest(type(exc).__name__)


class HeadReader:
    """Reads ordinary heads of at most `limit` bytes, with llhttp; remembers the names that it has judged."""

    __slots__ = ("_fields", "_host", "_kinds", "_limit", "_parser", "_seen", "_target", "_whole")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kinds: dict[bytes, int] = {}
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._forget()

    def _forget(self) -> None:
        self._fields: list[Field] = []
        self._host = self._target = b""
        self._seen = 0
        self._whole = 0

    def read(self, data: bytes) -> RequestHead | None:
        """Return the head that `data` is, None where it is not one whole ordinary head and nothing else."""
        if len(data) > self._limit or not data.endswith(HEAD_END) or not data.isascii():
            return None
        end = data.find(b"\r\n")
        if data[max(0, end - 9) : end] != VERSION:  # the parser would take RTSP and ICE for HTTP
            return None
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._begin()
            return None
        head = self._head() if self._whole == 1 else None
        if head is None:
            self._begin()
        else:
            self._forget()
        return head

    def _head(self) -> RequestHead | None:
        if self._seen & _UNUSUAL or not self._seen & _HOST or len(self._fields) > MOST_FIELDS:
            return None
        method = _METHODS.get(self._parser.get_method())
        if method is None or not self._target.startswith(b"/"):
            return None
        return RequestHead(method, self._target.decode(), self._fields, self._host.decode())

    # httptools' callbacks.

    def on_url(self, target: bytes) -> None:
        self._target = target

    def on_header(self, name: bytes, value: bytes) -> None:
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._judge(name)
        if kind != _ANY:
            if self._seen & kind or (kind == _CONNECTION and value.lower() != b"keep-alive"):
                kind = _UNUSUAL
            self._seen |= kind
            if kind == _HOST:
                self._host = value
        if not value or value[-1] <= _SPACE:  # which parsers take off differently
            self._seen |= _UNUSUAL
        self._fields.append((name, value))

    def on_message_complete(self) -> None:
        self._whole += 1

    def _judge(self, name: bytes) -> int:
        kind = _KINDS.get(name.lower(), _ANY)
        if len(self._kinds) < REMEMBERED_NAMES and len(name) <= LONGEST_NAME:
            self._kinds[name] = kind
        return kind
