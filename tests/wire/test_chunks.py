"""Where chunked bodies end, for any split, and for bodies that end nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.wire.chunks import LINE_LIMIT, ChunkedEnd

BODIES = {
    "empty": b"0\r\n\r\n",
    "one chunk": b"5\r\nhello\r\n0\r\n\r\n",
    "upper-case size": b"A\r\n0123456789\r\n0\r\n\r\n",
    "extension": b'5;a=b;c="d"\r\nhello\r\n0;last\r\n\r\n',
    "trailers": b"1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\n",
    "a chunk that looks like an end": b"7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n",
    "zeros before the size": b"0005\r\nhello\r\n000\r\n\r\n",
}
NEXT = b"GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_end_at_every_split(body: bytes) -> None:
    """The end is the same wherever the bytes are cut, and nothing behind it is taken."""
    data = body + NEXT
    for cut in range(len(data)):
        chunks = ChunkedEnd()
        first = chunks.feed(data[:cut])
        if cut >= len(body):
            assert first == len(body)
        else:
            assert first is None
            assert chunks.feed(data[cut:]) == len(body) - cut


@pytest.mark.parametrize(
    "body",
    [b"g\r\nhello\r\n0\r\n\r\n", b"\r\n0\r\n\r\n", b"-1\r\n\r\n", b"x" * (LINE_LIMIT + 1) + b"\r\n0\r\n\r\n"],
    ids=["no number", "no size", "sign", "long line"],
)
def test_malformed_ends_nowhere(body: bytes) -> None:
    """What is no chunk has no end: the parser sees all of it and refuses."""
    chunks = ChunkedEnd()
    assert chunks.feed(body) is None
    assert chunks.feed(b"0\r\n\r\n" + NEXT) is None


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.integers(1, 20)))
def test_any_chunks_in_any_pieces(chunks: list[bytes], sizes: list[int]) -> None:
    """However a body is chunked and cut, its end is found exactly."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    finder, at = ChunkedEnd(), 0
    for size in [*sizes, len(body)]:
        piece = (body + NEXT)[at : at + size]
        found = finder.feed(piece)
        if found is not None:
            assert at + found == len(body)
            return
        at += len(piece)
    pytest.fail("the end was not found")
