"""What the gateway says on a stream, and that it stands between events or nowhere."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.relay.last_words import NOT_YET, TAIL, is_between_events, last_event
from tests.relay.parts import Relayed, Upstream, open_upstream
from tests.relay.replies import EVENTS, LAST, OK, STREAM, TYPE

WORDS = last_event("revoked")
TAILS = {
    b"": True,
    b"\n\n": True,
    b"\r\r": True,
    b"\r\n\r\n": True,
    b"\n\r\n": True,
    b"\n\r": True,
    b"\r\n\n": True,
    b"a\r\r\n": True,
    b"\n": False,
    b"a\r\n": False,
    b"a\n": False,
    b"a\r": False,
    b"\n\na": False,
    b"data": False,
}


@pytest.mark.parametrize(("tail", "between"), TAILS.items(), ids=[repr(tail) for tail in TAILS])
def test_place_between_events(tail: bytes, between: bool) -> None:
    """It is where an empty line has ended an event, however lines end, or where nothing was said yet."""
    assert is_between_events(tail) is between


def test_last_event() -> None:
    """It is one event with a type and JSON, which names the reason."""
    assert WORDS == b'event: revoked\ndata: {"reason": "revoked"}\n\n'


def test_not_yet() -> None:
    """It makes EventSource come again, and is no event."""
    assert NOT_YET.startswith(b"retry: 3000\n: ")
    assert NOT_YET.endswith(b"\n\n")
    assert b"data" not in NOT_YET


def lines_of(stream: bytes) -> list[bytes]:
    """Split a stream into lines as WHATWG does, the unfinished last one included."""
    return re.split(b"\r\n|\r|\n", stream)


def is_over(stream: bytes) -> bool:
    """Whether a parser holds nothing of an unfinished event, by its lines: an empty one came last."""
    return not stream or lines_of(stream)[-2:] == [b"", b""]


PIECES = st.lists(
    st.sampled_from([b"a", b"data: 1", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n"]), max_size=12
)


def chunk(data: bytes) -> bytes:
    """Frame a chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def relayed_stream(upstream: Upstream, reads: list[list[bytes]]) -> Relayed:
    """Relay a stream whose upstream sends several chunks in each read."""
    relayed = Relayed(upstream, STREAM)
    upstream.sends(EVENTS)
    upstream.sends(*(b"".join(map(chunk, parts)) for parts in reads if parts))
    return relayed


def unframed(body: bytes) -> bytes:
    """Take the chunks' frames away."""
    found, rest = b"", body
    while rest != LAST:
        size, _, rest = rest.partition(b"\r\n")
        found, rest = found + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return found


@given(reads=st.lists(PIECES, max_size=5))
async def test_words_never_break_an_event(reads: list[list[bytes]]) -> None:
    """However a stream's bytes are split, words follow a whole event, and follow each whole event."""
    sent = b"".join(piece for parts in reads for piece in parts)
    with open_upstream() as upstream:
        relayed = relayed_stream(upstream, reads)
        relayed.answer.end(WORDS)
        body = unframed(relayed.body)
    said = body.removeprefix(sent)
    assert body.startswith(sent)
    assert said in (b"", WORDS)
    assert not said or is_over(sent)
    if len(sent) >= TAIL or not sent:
        assert bool(said) is is_over(sent)


WHOLE = b"id: 1\r\ndata: a\r\n\r\n"


@pytest.mark.parametrize("at", range(len(WHOLE) + 1))
async def test_every_split_of_an_event(at: int, backend: Upstream) -> None:
    """Words come before an event or behind it, wherever the upstream stopped in it."""
    relayed = relayed_stream(backend, [[b"data: 0\r\n\r\n"], [WHOLE[:at]] if at else []])
    relayed.answer.end(WORDS)
    # A lone CR behind an empty line's LF ends that line, too.
    assert (WORDS in relayed.body) is (at in (0, len(WHOLE) - 1, len(WHOLE)))


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"x-own"])
async def test_encoded_stream(coding: bytes, backend: Upstream) -> None:
    """Nothing is ever added to it, not even where its bytes look like an empty line."""
    relayed = Relayed(backend, STREAM)
    head = OK + TYPE + b"Content-Encoding: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % coding
    backend.sends(head, chunk(b"\x1f\x8b\n\n"))
    relayed.answer.end(WORDS)
    assert relayed.body == chunk(b"\x1f\x8b\n\n") + LAST


async def test_stream_that_said_nothing(backend: Upstream) -> None:
    """The words are the first that its client hears."""
    relayed = relayed_stream(backend, [])
    relayed.answer.end(WORDS)
    assert relayed.body == chunk(WORDS) + LAST


@pytest.mark.parametrize("http10", [True, False], ids=["HTTP/1.0", "length"])
async def test_stream_without_chunks(http10: bool, backend: Upstream) -> None:
    """Where bytes can't be told from what the upstream promised, nothing is added."""
    relayed = Relayed(backend, STREAM, http10=http10)
    backend.sends(EVENTS if http10 else OK + TYPE + b"Content-Length: 99\r\n\r\n")
    relayed.answer.end(WORDS)
    assert relayed.body == b""
