"""A reply parser that is fed reads and sums up what it made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tentaculo.upstream.reply import Framing, ReplyHead
from tentaculo.upstream.reply_parser import ReplyParser
from tentaculo.wire.headers import Field
from tests.upstream.fakes import OK

SMALL = OK + b"Content-Length: 2\r\n\r\nhi"


@dataclass(frozen=True, slots=True)
class Told:
    """What a parser made of its bytes."""

    status: int
    framing: Framing
    body: bytes
    ended: bool
    reusable: bool
    interim: tuple[int, ...] = ()
    reason: bytes = b"OK"
    length: int | None = None
    fields: tuple[Field, ...] | None = None


class Reading:
    """A parser with all that it handed out."""

    def __init__(self, *, is_head: bool = False) -> None:
        self.interim: list[ReplyHead] = []
        self.parser = ReplyParser(self.interim.append)
        self.head: ReplyHead | None = None
        self.body = b""
        self.parser.expect(is_head=is_head)

    def feed(self, reads: Sequence[bytes]) -> None:
        """Feed reads, taking what came after each as a connection does."""
        for data in reads:
            body = self.parser.feed(data)
            if self.parser.head_done:
                head = self.parser.take_head()
                assert (head is None) is (self.head is not None)
                self.head = self.head or head
            self.body += body

    def told(self, *, with_fields: bool = False) -> Told:
        """Sum up."""
        head, parser = self.head, self.parser
        assert head is not None
        return Told(
            head.status,
            head.framing,
            self.body,
            parser.ended,
            parser.reusable,
            tuple(interim.status for interim in self.interim),
            head.reason,
            head.length,
            tuple(fields_of(head)) if with_fields else None,
        )


def fields_of(head: ReplyHead) -> list[Field]:
    """The fields of a head, names and values."""
    names_and_lines = zip(head.names, head.lines, strict=True)
    assert all(line.startswith(name + b": ") for name, line in names_and_lines)
    return [(name, line[len(name) + 2 :]) for name, line in zip(head.names, head.lines, strict=True)]


def read(*reads: bytes, is_head: bool = False, with_fields: bool = False) -> Told:
    """Feed reads to a fresh parser and sum up."""
    reading = Reading(is_head=is_head)
    reading.feed(reads)
    return reading.told(with_fields=with_fields)
