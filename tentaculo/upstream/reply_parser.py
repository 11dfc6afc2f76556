"""Replies from bytes; knows framing (RFC 9112), no sockets and no time.

Ordinary ones are read here; all others by httptools (llhttp), from their first byte on, or from the
first chunk that is not ordinary.  It tells neither where a reply ended nor that a body is to be skipped,
so whatever follows an ended reply only marks the parser as broken: its connection is not used again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httptools

from tentaculo.errors import GatewayError, UpstreamProtocolError
from tentaculo.upstream.faults import translate
from tentaculo.upstream.plain_head import PlainHead, read_plain_head
from tentaculo.upstream.reply import Framing, ReplyHead
from tentaculo.wire.chunks import ENDED, MALFORMED, OPEN, ChunkReader

HEAD_LIMIT = 256 * 1024
LENGTH_LIMIT = 2**63 - 1  # llhttp takes the largest lengths for none
_CONTROLS = bytes({*range(0x20), 0x7F} - {0x09})
# Brings a parser that has seen nothing of a reply to the beginning of its first chunk.
_UP_TO_CHUNKS = b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n"
_NO_BODY = frozenset({204, 304})
_NOTED = (b"keep-alive", b"content-type", b"content-length", b"transfer-encoding")
_NOTED_LENGTHS = frozenset(map(len, _NOTED))
_NO_HEAD: Final = ReplyHead()


class ReplyParser:
    """Parses the replies of one connection, one after another.

    `head_done` and `ended` describe the reply in hand; `is_framed` is whether the last read was
    whole chunks of it and nothing else; `keep_alive` is whether the upstream keeps the connection.
    """

    __slots__ = (
        "_broken",
        "_chunks",
        "_head_bytes",
        "_head_taken",
        "_is_head",
        "_left",
        "_on_interim",
        "_parser",
        "_parts",
        "_reason",
        "ended",
        "head",
        "head_done",
        "is_framed",
        "keep_alive",
        "keep_alive_seconds",
    )

    def __init__(self, on_interim: Callable[[ReplyHead], None]) -> None:
        self._on_interim = on_interim
        self._parser: httptools.HttpResponseParser | None = None
        self.keep_alive = True
        self.keep_alive_seconds: float | None = None
        self._broken = False
        self._parts: list[bytes] = []  # of the body, from one read
        self.expect(is_head=False)

    def expect(self, *, is_head: bool) -> None:
        """Begin with the reply to the next request; `is_head` for the method HEAD."""
        self._is_head = is_head
        self._head_bytes = 0
        self._head_taken = False
        self._reason = b""
        self._chunks: ChunkReader | None = None
        self._left = 0  # of a body with a length that is read here
        self.head = _NO_HEAD
        self.head_done = False
        self.ended = False
        self.is_framed = False

    @property
    def untouched(self) -> bool:
        """Whether no byte of the reply has come."""
        return not self._head_bytes

    @property
    def reusable(self) -> bool:
        """Whether another reply can follow the ended one."""
        return self.keep_alive and not self._broken and self.head.framing is not Framing.CLOSE

    def take_head(self) -> ReplyHead | None:
        """Return the head, the first time."""
        head = None if self._head_taken else self.head
        self._head_taken = True
        return head

    def feed(self, data: bytes) -> bytes:
        """Take bytes; return what of the body is in them.  Raises UpstreamProtocolError."""
        if self.ended:
            self._broken = True
            return b""
        if self._chunks is not None:
            return self._feed_chunks(self._chunks, data)
        if self._left:
            return self._feed_length(data)
        if self.untouched and not self._is_head:
            text, end, body = data.partition(b"\r\n\r\n")
            head = read_plain_head(text) if end else None
            if head is not None:
                self._head_bytes = len(text)
                return self._begin(head, body)
        return self._feed_parser(data)

    # Ordinary replies.

    def _begin(self, head: PlainHead, body: bytes) -> bytes:
        self.head = head
        self.head_done = True
        self.keep_alive = head.keep_alive
        if head.keep_alive_field is not None:
            self.keep_alive_seconds = _timeout_of(head.keep_alive_field)
        if head.length is not None:
            self._left = head.length
            return self._feed_length(body)
        chunks = self._chunks = ChunkReader()
        body = self._feed_chunks(chunks, body)
        self.is_framed = False  # the head came with it
        return body

    def _feed_length(self, data: bytes) -> bytes:
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self._left = 0
        self.ended = True
        if left == 0:
            return data
        self._broken = True
        return data[:left]

    def _feed_chunks(self, chunks: ChunkReader, data: bytes) -> bytes:
        body = chunks.feed(data)
        self.is_framed = chunks.were_whole
        if chunks.state == OPEN:
            return body
        if chunks.state == MALFORMED:
            raise UpstreamProtocolError("parse")
        self._chunks = None
        if chunks.state == ENDED:
            self.ended = True
            self._broken = bool(chunks.rest)
            return body
        self._feed_parser(_UP_TO_CHUNKS)
        return body + self._feed_parser(chunks.rest)

    # All others.

    def _feed_parser(self, data: bytes) -> bytes:
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        if self.head is _NO_HEAD:
            self.head = ReplyHead()
        if not self.head_done:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            if not self.ended:
                raise _error_of(fault) from None
            self._broken = True
        if self._head_bytes > HEAD_LIMIT and not self.head_done:
            raise UpstreamProtocolError("head_too_large")
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    # httptools' callbacks; they note what came.

    def on_message_begin(self) -> None:
        if self.ended:
            self._broken = True

    def on_status(self, reason: bytes) -> None:
        if self.head_done:
            return
        if len(reason.translate(None, _CONTROLS)) != len(reason):  # llhttp lets them pass
            raise UpstreamProtocolError("reason")
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_done:  # a trailer, or a second reply
            return
        self.head.add(name, value)
        if len(name) in _NOTED_LENGTHS:
            self._note(name.lower(), value)

    def _note(self, name: bytes, value: bytes) -> None:
        head = self.head
        if name == b"content-length":
            head.length = int(value)
            head.framing = Framing.LENGTH
            if head.length > LENGTH_LIMIT:
                raise UpstreamProtocolError("content_length")
        elif name == b"transfer-encoding":
            # Nothing is forgiven here: after `chunked` and a space llhttp reads to the end instead.
            if head.framing is Framing.CHUNKED or value.lower() != b"chunked":
                raise UpstreamProtocolError("transfer_coding")
            head.framing = Framing.CHUNKED
        elif name == b"content-type":
            head.note_type(value)
        elif name == b"keep-alive":
            self.keep_alive_seconds = _timeout_of(value)

    def on_headers_complete(self) -> None:
        if self.head_done:  # of an ordinary reply, read before; or a second one
            return
        assert self._parser is not None
        head = self.head
        head.status = self._parser.get_status_code()
        head.status_line = b"HTTP/1.1 %d %b" % (head.status, self._reason)
        self._reason = b""
        if head.status < 200:
            if head.status < 100:
                raise UpstreamProtocolError("status")
            return
        self.keep_alive = self._parser.should_keep_alive()
        version = self._parser.get_http_version()
        if version != "1.1":
            self._note_version(version)
        self.head_done = True
        if self._is_head or head.status in _NO_BODY:
            self._end_without_body(head)

    def _note_version(self, version: str) -> None:
        if version != "1.0":
            raise UpstreamProtocolError("version")
        if self.head.framing is Framing.CHUNKED:  # RFC 9112 section 6.1: faulty framing
            self.keep_alive = False

    def _end_without_body(self, head: ReplyHead) -> None:
        # The parser may go on to wait for a body that is only announced.
        if self._is_head or head.length or head.framing is Framing.CHUNKED:
            self._broken = True
        head.framing = Framing.NONE
        self.ended = True

    def on_body(self, data: bytes) -> None:
        if self.ended:
            self._broken = True
        else:
            self._parts.append(data)

    def on_message_complete(self) -> None:
        if self.ended:
            return
        if self.head_done:
            self.ended = True
            return
        head, self.head = self.head, ReplyHead()
        if head.status == 101:
            raise UpstreamProtocolError("upgrade")
        self._on_interim(head)


def _error_of(fault: BaseException) -> GatewayError:
    """Return what a callback raised, for httptools only says that one did; or the fault's translation."""
    cause = fault.__context__
    return cause if isinstance(cause, GatewayError) else translate(fault)


def _timeout_of(value: bytes) -> float | None:
    """Return the timeout of a `Keep-Alive` field (`timeout=5, max=100`), None where it has none."""
    for item in value.split(b","):
        name, _, number = item.strip().partition(b"=")
        if name.lower() == b"timeout" and number.strip().isdigit():
            return float(number)
    return None
