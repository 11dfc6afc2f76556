"""The content type that a reply is taken to have."""

from __future__ import annotations

import pytest

from tests.upstream.fakes import OK
from tests.upstream.reading import Reading

SSE, HTML = b"text/event-stream", b"text/html"
TYPES = {
    "same": ([SSE, SSE], SSE),
    "two": ([HTML, SSE], b""),
    "two, event stream first": ([SSE, HTML], b""),
    "none, then one": ([b"", SSE], b""),
    "three, last again": ([HTML, SSE, SSE], b""),
    "three, first again": ([SSE, HTML, SSE], b""),
}


@pytest.mark.parametrize(("types", "noted"), TYPES.values(), ids=TYPES)
def test_different_types_are_none(types: list[bytes], noted: bytes) -> None:
    """A reply that says two types has none; which one its reader takes is not known."""
    lines = b"".join(b"Content-Type: %b\r\n" % value for value in types)
    reading = Reading()
    reading.feed([b"HTTP/1.1 103 E\r\nContent-Type: text/x\r\n\r\n" + OK + lines + b"\r\n"])
    assert reading.head is not None
    assert reading.head.content_type == noted
    reading.parser.expect(is_head=False)
    assert reading.parser.head.content_type == b""


def test_type_is_noted_anew_for_each_reply() -> None:
    """What an earlier reply on the connection said does not count."""
    reading = Reading()
    for value in (HTML, SSE):
        reading.parser.expect(is_head=False)
        reading.parser.feed(OK + b"Content-Type: %b\r\nContent-Length: 0\r\n\r\n" % value)
        assert reading.parser.head.content_type == value
