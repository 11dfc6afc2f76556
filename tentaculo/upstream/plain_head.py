"""The head of an ordinary reply, read in one go where it came in one read.

It knows a strict part of RFC 9112, in which no byte can be taken in two ways.  What is not of it is no fault:
a parser that knows all of it reads that.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from tentaculo.upstream.reply import Framing, ReplyHead
from tentaculo.wire.headers import REMEMBERED_NAMES

_LENGTH_DIGITS: Final = 18
_SPACE: Final = 0x20
_TAB: Final = 0x09
_COLON: Final = 0x3A
# Replies without a body are left to the parser: what such a one announces is another matter.
_STATUSES: Final = {
    b"HTTP/1.1 %d %b" % (status, reason): int(status)
    for status in HTTPStatus
    if status >= 200 and status not in (204, 304)
    for reason in (status.phrase.encode(), b"")
}
_ODD_BYTES = frozenset(range(256)) - frozenset(range(0x20, 0x7F)) - frozenset(b"\t")
_TAMED: Final = bytes(ord("?") if byte in _ODD_BYTES else byte for byte in range(256))
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")

# What a field of a name says about the reply itself.
_NOTHING: Final = 0
_LENGTH: Final = 1
_CODING: Final = 2
_TYPE: Final = 3
_KEEP_ALIVE: Final = 4
_CONNECTION: Final = 5
_ODD: Final = 6
_NAMES: Final = {
    b"content-length": _LENGTH,
    b"transfer-encoding": _CODING,
    b"content-type": _TYPE,
    b"keep-alive": _KEEP_ALIVE,
    b"connection": _CONNECTION,
    b"proxy-connection": _ODD,
    b"upgrade": _ODD,
}
_OPTIONS: Final = frozenset({b"close", b"keep-alive"})
_BY_LENGTH: Final = Framing.LENGTH
_IN_CHUNKS: Final = Framing.CHUNKED
_TO_THE_END: Final = Framing.CLOSE


class PlainHead(ReplyHead):
    """A head that is plain; `keep_alive` is whether the upstream keeps the connection."""

    __slots__ = ("keep_alive", "keep_alive_field")

    def __init__(self, status: int, lines: list[bytes]) -> None:
        super().__init__()
        self.status = status
        self.status_line = lines.pop(0)
        self.lines = lines
        self.keep_alive = True
        self.keep_alive_field: bytes | None = None

    def note(self, kind: int, value: bytes) -> bool:
        """Note what a field says about the reply; return False where that is not plain."""
        if kind == _TYPE:
            self.note_type(value)
            return True
        if kind == _CONNECTION:
            option = value.lower()
            if option == b"close":
                self.keep_alive = False
            return option in _OPTIONS
        if kind == _KEEP_ALIVE:
            self.keep_alive_field = value
            return True
        return self._note_framing(kind, value)

    def _note_framing(self, kind: int, value: bytes) -> bool:
        if self.framing is not _TO_THE_END:
            return False
        if kind == _LENGTH and len(value) <= _LENGTH_DIGITS and value.isdigit():
            self.length = int(value)
            self.framing = _BY_LENGTH
            return True
        if kind == _CODING and value.lower() == b"chunked":
            self.framing = _IN_CHUNKS
            return True
        return False


def read_plain_head(text: bytes) -> PlainHead | None:
    """Return what a head says, up to its blank line, where all of it is plain and a body follows."""
    lines = text.split(b"\r\n")
    status = _STATUSES.get(lines[0])
    if status is None:
        return None
    bare = b"".join(lines)
    if bare.translate(_TAMED) != bare:
        return None
    head = PlainHead(status, lines)
    names = head.names
    for line in lines:
        colon = _find_colon(line)
        if colon < 0:
            return None
        spelling = line[:colon]
        name = _known.get(spelling)
        if name is None:
            name = _judge(spelling)
        if name.kind != _NOTHING and not head.note(name.kind, line[colon + 2 :]):
            return None
        names.append(name.spelling)
    return head if head.framing is not _TO_THE_END else None


def _find_colon(line: bytes) -> int:
    """Return where the name ends in a field with one space before its value; -1 where it is another."""
    at, last = 0, len(line) - 3
    while at <= last:
        if line[at] == _COLON:
            follows = line[at + 2]
            return at if line[at + 1] == _SPACE and follows not in (_SPACE, _TAB) else -1
        at += 1
    return -1


class _Name:
    """A field name as one upstream spells it, and what kind of field that is."""

    __slots__ = ("kind", "spelling")

    def __init__(self, spelling: bytes, kind: int) -> None:
        self.spelling = spelling
        self.kind = kind


# One object for each spelling: further look-ups of it are the cheapest there are.
_known: Final[dict[bytes, _Name]] = {}


def _judge(spelling: bytes) -> _Name:
    """Return what a spelling is; most are judged once."""
    if _NAME.fullmatch(spelling) is None:
        return _Name(spelling, _ODD)
    name = _Name(spelling, _NAMES.get(spelling.lower(), _NOTHING))
    if len(_known) < REMEMBERED_NAMES:
        _known[spelling] = name
    return name
