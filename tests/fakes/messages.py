"""HTTP/1 messages as the tests read them: strict, by RFC 9112, and independent of the gateway's own code.

Heads keep names, order and repetition; bodies come in pieces or whole, and say when they were cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum

BODYLESS = frozenset({204, 304})


class Malformed(Exception):
    """The bytes are not HTTP/1."""


class Cut(Exception):
    """The connection ended before the message did."""


class Framing(Enum):
    """How a body's end is found."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CONNECTION_END = "connection end"


@dataclass(frozen=True, slots=True)
class Head:
    """A start line and its fields, in Latin-1 text, exactly as they came."""

    start: str
    fields: tuple[tuple[str, str], ...]
    raw: bytes

    def values(self, name: str) -> list[str]:
        """Every value of a field, in order."""
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def value(self, name: str) -> str | None:
        """The first value of a field."""
        return next(iter(self.values(name)), None)

    @property
    def method(self) -> str:
        """The method of a request."""
        return self.start.split(" ")[0]

    @property
    def target(self) -> str:
        """The target of a request."""
        return self.start.split(" ")[1]

    @property
    def version(self) -> str:
        """The version of a reply."""
        return self.start.split(" ")[0]

    @property
    def status(self) -> int:
        """The status of a reply."""
        return int(self.start.split(" ")[1])


@dataclass(frozen=True, slots=True)
class Message:
    """A head with its body; `complete` is whether the body's own end was seen."""

    head: Head
    body: bytes = b""
    complete: bool = True
    trailers: tuple[tuple[str, str], ...] = ()
    interim: tuple[Head, ...] = ()

    @property
    def status(self) -> int:
        """The status of a reply."""
        return self.head.status


class Source:
    """A stream reader that counts what was taken from it and turns an early end into `Cut`."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.taken = 0

    async def line(self) -> bytes:
        """Take one line without its CRLF."""
        line = await self.until(b"\r\n")
        return line[:-2]

    async def until(self, end: bytes) -> bytes:
        """Take everything up to and with `end`."""
        try:
            return self._count(await self._reader.readuntil(end))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Cut from error

    async def exactly(self, size: int) -> bytes:
        """Take `size` bytes."""
        try:
            return self._count(await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Cut from error

    async def some(self, limit: int = 65536) -> bytes:
        """Take what is there; empty at a clean end, `Cut` at a reset."""
        try:
            return self._count(await self._reader.read(limit))
        except ConnectionError as error:
            raise Cut from error

    def _count(self, data: bytes) -> bytes:
        self.taken += len(data)
        return data


def source_of(data: bytes) -> Source:
    """Make a source of bytes already at hand."""
    reader = asyncio.StreamReader(limit=len(data) + 1)
    reader.feed_data(data)
    reader.feed_eof()
    return Source(reader)


async def read_head(source: Source) -> Head:
    """Read a start line and fields; `Cut` at the end, `Malformed` for anything that is neither."""
    raw = await source.until(b"\r\n\r\n")
    start, *lines = raw[:-4].decode("latin-1").split("\r\n")
    return Head(start, tuple(_field(line) for line in lines), raw)


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip() or "\n" in line:
        raise Malformed(line[:80])
    return name, value.strip(" \t")


def request_framing(head: Head) -> tuple[Framing, int]:
    """Decide how a request's body ends (RFC 9112, section 6.3)."""
    method_target_version = head.start.split(" ")
    if len(method_target_version) != 3 or method_target_version[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise Malformed(head.start[:80])
    return _declared(head) or (Framing.NONE, 0)


def reply_framing(head: Head, method: str) -> tuple[Framing, int]:
    """Decide how a reply's body ends (RFC 9112, section 6.3)."""
    if method == "HEAD" or head.status in BODYLESS or head.status < 200:
        return Framing.NONE, 0
    return _declared(head) or (Framing.CONNECTION_END, 0)


def _declared(head: Head) -> tuple[Framing, int] | None:
    encodings = head.values("Transfer-Encoding")
    lengths = head.values("Content-Length")
    if encodings and (lengths or [e.lower() for e in encodings] != ["chunked"]):
        raise Malformed("ambiguous framing")
    if encodings:
        return Framing.CHUNKED, 0
    if not lengths:
        return None
    if len(lengths) != 1 or not lengths[0].isascii() or not lengths[0].isdigit():
        raise Malformed("ambiguous length")
    return Framing.LENGTH, int(lengths[0])


async def body_pieces(
    source: Source, framing: tuple[Framing, int], trailers: list[str]
) -> AsyncIterator[bytes]:
    """Yield a body's bytes as they come; `Cut` when the connection ends first."""
    kind, size = framing
    if kind is Framing.LENGTH:
        async for piece in _counted(source, size):
            yield piece
    elif kind is Framing.CHUNKED:
        async for piece in _chunks(source, trailers):
            yield piece
    elif kind is Framing.CONNECTION_END:
        while piece := await source.some():
            yield piece


async def _counted(source: Source, size: int) -> AsyncIterator[bytes]:
    left = size
    while left:
        piece = await source.some(min(left, 65536))
        if not piece:
            raise Cut
        left -= len(piece)
        yield piece


async def _chunks(source: Source, trailers: list[str]) -> AsyncIterator[bytes]:
    while size := _chunk_size(await source.line()):
        async for piece in _counted(source, size):
            yield piece
        if await source.exactly(2) != b"\r\n":
            raise Malformed("chunk end")
    while line := await source.line():
        trailers.append(line.decode("latin-1"))


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0]
    if not digits or digits.strip(b"0123456789abcdefABCDEF"):
        raise Malformed("chunk size")
    return int(digits, 16)


async def read_body(source: Source, head: Head, framing: tuple[Framing, int]) -> Message:
    """Read a body whole; a cut one comes back with `complete` false."""
    body = bytearray()
    trailers: list[str] = []
    try:
        async for piece in body_pieces(source, framing, trailers):
            body += piece
    except Cut:
        return Message(head, bytes(body), complete=False)
    return Message(head, bytes(body), trailers=tuple(_field(line) for line in trailers))


async def read_request(source: Source) -> Message:
    """Read one request."""
    head = await read_head(source)
    return await read_body(source, head, request_framing(head))


async def read_reply(source: Source, method: str = "GET") -> Message:
    """Read one final reply, with the interim ones before it."""
    interim: list[Head] = []
    while (head := await read_head(source)).status < 200:
        interim.append(head)
    message = await read_body(source, head, reply_framing(head, method))
    return Message(head, message.body, message.complete, message.trailers, tuple(interim))
