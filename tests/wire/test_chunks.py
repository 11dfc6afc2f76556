"""Where chunked bodies end, for any split, and for bodies that end nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.wire.chunks import ENDED, LINE_LIMIT, MALFORMED, ODD, OPEN, ChunkedEnd, ChunkReader

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


BODY = [b"hello", b"x" * 300, b"\r\n0\r\n\r\n", b"a"]
WHOLE = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in BODY)


def test_whole_chunks_are_known_as_such() -> None:
    """A read of whole chunks may be passed on as it is; any other may not, nor the last."""
    reader = ChunkReader()
    assert reader.feed(WHOLE) == b"".join(BODY)
    assert reader.were_whole
    for piece, whole in ((b"5\r\nhel", False), (b"lo\r\n", False), (b"5", False), (b"\r\nhello\r\n", False)):
        reader.feed(piece)
        assert reader.were_whole is whole
    assert reader.feed(b"5\r\nhello\r\n") == b"hello"
    assert reader.were_whole
    assert reader.feed(b"1\r\na\r\n0\r\n\r\n") == b"a"
    assert (reader.state, reader.were_whole, reader.rest) == (ENDED, False, b"")


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.integers(1, 20)))
def test_any_ordinary_body_in_any_pieces(parts: list[bytes], sizes: list[int]) -> None:
    """However it is chunked and cut, all of it is read, and nothing behind it."""
    data = b"".join(b"%X\r\n%b\r\n" % (len(part), part) for part in parts) + b"000\r\n\r\n" + NEXT
    reader, at, body = ChunkReader(), 0, b""
    for size in [*sizes, len(data)]:
        if reader.state == OPEN:
            body += reader.feed(data[at : at + size])
            at += size
    assert (reader.state, body) == (ENDED, b"".join(parts))
    assert NEXT.startswith(reader.rest)


NOT_ORDINARY = {
    "extension": b"5;a=b\r\nhello\r\n",
    "space": b"5 \r\nhello\r\n",
    "trailers": b"0\r\nA: b\r\n\r\n",
    "sixteen digits": b"0" * 15 + b"5\r\nhello\r\n",
    "no size": b"\r\nhello",
    "no digit": b"g\r\nhello",
    "sign": b"-5\r\nhello",
    "bare LF": b"5\nhello\r\n",
    "bare CR": b"5\rhello\r\n",
    "end without its end": b"0\r\nx\r\n",
}


@pytest.mark.parametrize("odd", NOT_ORDINARY.values(), ids=NOT_ORDINARY)
@pytest.mark.parametrize("step", [1, 1000])
def test_what_is_not_ordinary_is_handed_back(odd: bytes, step: int) -> None:
    """From the beginning of its chunk on, with nothing lost, and what came before is the body."""
    data = WHOLE + odd
    reader, body, unread = ChunkReader(), b"", data
    while reader.state == OPEN:
        assert unread
        body += reader.feed(unread[:step])
        unread = unread[step:]
    assert (reader.state, body) == (ODD, b"".join(BODY))
    assert reader.rest + unread == odd
    assert not reader.were_whole


@pytest.mark.parametrize("end", [b"x", b"\rx", b"\n\r"])
def test_chunk_of_another_size_than_said(end: bytes) -> None:
    """There is no chunk's beginning to go back to."""
    reader = ChunkReader()
    reader.feed(b"5\r\nhello" + end)
    assert reader.state == MALFORMED
