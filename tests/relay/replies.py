"""Replies of upstreams, and the kinds of routes that they come through."""

from __future__ import annotations

from tentaculo.config.settings import Access, StreamSettings
from tests.relay.parts import route_of

OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TYPE = b"Content-Type: text/event-stream\r\n"
EVENTS = OK + TYPE + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: X-P\r\nX-P: 1\r\n\r\n"
PUBLIC = route_of(access=Access.PUBLIC)
STREAM = route_of(access=Access.PUBLIC, stream=StreamSettings())
TOKEN_STREAM = route_of(access=Access.UPSTREAM, stream=StreamSettings())
