"""What the gateway adds to a stream that is relayed: where it stands, and where there is nothing."""

from __future__ import annotations

from itertools import zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.config.settings import StreamSettings
from tentaculo.relay.delivery import chunk
from tentaculo.relay.last_words import BEAT, last_event
from tests.relay.parts import Relayed, Upstream, open_upstream, route_of
from tests.relay.replies import EVENTS, LAST, OK, STREAM, TYPE
from tests.wire.streams import BOM, CUTS, HOSTILE, STREAMS, cut, read

RETRYING = route_of(stream=StreamSettings(retry=2.5))
GREETING = b"retry: 2500\n\n"
WORDS = last_event("revoked", 3.0)
WHOLE = b"id: 1\r\ndata: a\r\n\r\n"


def unframed(body: bytes) -> bytes:
    """Take the chunks' frames away."""
    found, rest = b"", body
    while rest and rest != LAST:
        size, _, rest = rest.partition(b"\r\n")
        found, rest = found + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return found


def relayed_stream(upstream: Upstream, *pieces: bytes, http10: bool = False) -> Relayed:
    """Relay a stream whose upstream sends so many chunks."""
    relayed = Relayed(upstream, STREAM, http10=http10)
    upstream.sends(EVENTS, *(chunk(piece) for piece in pieces if piece))
    return relayed


# Between events.


@given(
    stream=STREAMS | st.sampled_from(list(HOSTILE.values())),
    cuts=CUTS,
    beats=st.lists(st.booleans(), max_size=10),
    retrying=st.booleans(),
    http10=st.booleans(),
)
async def test_beats_never_break_an_event(
    stream: bytes, cuts: list[int], beats: list[bool], retrying: bool, http10: bool
) -> None:
    """However a stream is split and wherever it beats, its events and ids stay as they are."""
    pieces = cut(stream, cuts)
    with open_upstream() as upstream:
        relayed = Relayed(upstream, RETRYING if retrying else STREAM, http10=http10)
        upstream.sends(EVENTS)
        for beat, piece in zip_longest(beats[: len(pieces) + 1], pieces, fillvalue=b""):
            if beat:
                relayed.answer.beat(BEAT)
            if piece:
                upstream.sends(chunk(piece))
        relayed.answer.count()
        body = relayed.body if http10 else unframed(relayed.body)
    sent, got = read(stream), read(body)
    assert got.events == sent.events
    assert got.last_id == sent.last_id
    assert got.retry == (2500 if retrying and sent.retry is None else sent.retry)
    assert relayed.answer.events == len(sent.events)
    assert relayed.answer.bytes_out == len(body)


@pytest.mark.parametrize("stream", HOSTILE.values(), ids=HOSTILE)
async def test_beat_at_every_place(stream: bytes, backend: Upstream) -> None:
    """A stream beats wherever nothing of an event is open, and nowhere else."""
    relayed = relayed_stream(backend)
    for end in range(min(len(stream), 600)):
        assert relayed.answer.beat(BEAT) is read(stream[:end]).is_between, stream[:end]
        backend.sends(chunk(stream[end : end + 1]))


@given(stream=STREAMS | st.sampled_from(list(HOSTILE.values())), cuts=CUTS)
async def test_last_words_never_break_an_event(stream: bytes, cuts: list[int]) -> None:
    """They follow a whole event, and each whole event; never a part of one."""
    with open_upstream() as upstream:
        relayed = relayed_stream(upstream, *cut(stream, cuts))
        relayed.answer.end(WORDS)
        body = unframed(relayed.body)
    assert body == stream + (WORDS if read(stream).is_between else b"")
    assert relayed.body.endswith(LAST)
    assert relayed.answer.bytes_out == len(body)


@pytest.mark.parametrize("at", range(len(WHOLE) + 1))
async def test_every_split_of_an_event(at: int, backend: Upstream) -> None:
    """Words come before an event or behind it, wherever the upstream stopped in it."""
    relayed = relayed_stream(backend, b"data: 0\r\n\r\n", WHOLE[:at])
    relayed.answer.end(WORDS)
    # A lone CR behind an empty line's LF ends that line, too.
    assert (WORDS in relayed.body) is (at in (0, len(WHOLE) - 1, len(WHOLE)))


async def test_words_that_end_a_stream_that_said_nothing(backend: Upstream) -> None:
    """They are the first that its client hears, in one piece with the end."""
    relayed = relayed_stream(backend)
    relayed.answer.end(WORDS)
    assert relayed.client.pieces[1:] == [chunk(WORDS) + LAST]


async def test_words_on_http10(backend: Upstream) -> None:
    """Where a stream ends with its connection, words need no frame."""
    relayed = relayed_stream(backend, http10=True)
    assert relayed.answer.beat(BEAT)
    relayed.answer.end(WORDS)
    assert relayed.body == BEAT + WORDS
    assert relayed.answer.bytes_out == len(BEAT + WORDS)


# Where nothing is added.

CODED = OK + TYPE + b"content-encoding: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = OK + TYPE + b"Content-Length: 99\r\n\r\n"
JSON = OK + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTOUCHED = {
    "gzip": (CODED % b"gzip", chunk(b"\x1f\x8b\n\n"), LAST),
    "br": (CODED % b"br", chunk(b"data: a\n\n"), LAST),
    "own": (CODED % b"x-own", b"", LAST),
    "length": (LENGTH, b"data: a\n\n", b""),
    "JSON": (JSON, chunk(b"{}\n\n"), LAST),
}


@pytest.mark.parametrize("http10", [False, True], ids=["1.1", "1.0"])
@pytest.mark.parametrize(("head", "body", "end"), UNTOUCHED.values(), ids=UNTOUCHED)
async def test_nothing_is_added(
    head: bytes, body: bytes, end: bytes, http10: bool, backend: Upstream
) -> None:
    """Encoded bytes, a promised length and what is no stream stay as they are, from the first to the last."""
    relayed = Relayed(backend, RETRYING, http10=http10)
    backend.sends(head)
    assert not relayed.answer.beat(BEAT)
    if body:
        backend.sends(body)
    assert not relayed.answer.beat(BEAT)
    relayed.answer.end(WORDS)
    plain = head == LENGTH
    expected = body + end if not http10 or plain else unframed(body)
    assert relayed.body == expected
    relayed.answer.count()
    assert relayed.answer.events == (1 if plain else 0)


async def test_client_that_takes_no_more_gets_no_beat(backend: Upstream) -> None:
    """What it has not taken yet would only grow."""
    relayed = relayed_stream(backend)
    relayed.answer.client_paused()
    assert not relayed.answer.beat(BEAT)
    relayed.answer.client_resumed()
    assert relayed.answer.beat(BEAT)
    assert relayed.body == chunk(BEAT)


# The byte order mark.


@pytest.mark.parametrize(
    "pieces", [[BOM], [BOM[:1], BOM[1:]], [BOM[:2], BOM[2:]], [BOM[:1], BOM[1:2], BOM[2:]]]
)
@pytest.mark.parametrize("first", ["beat", "retry", "nothing"])
async def test_byte_order_mark(first: str, pieces: list[bytes], backend: Upstream) -> None:
    """Behind bytes of the gateway's own it would be a part of the first field's name; else it passes."""
    relayed = Relayed(backend, RETRYING if first == "retry" else STREAM)
    backend.sends(EVENTS)
    if first == "beat":
        assert relayed.answer.beat(BEAT)
    backend.sends(*map(chunk, pieces), chunk(b"data: " + BOM + b"a\n\n"))
    before = {"beat": BEAT, "retry": GREETING, "nothing": BOM}[first]
    assert unframed(relayed.body) == before + b"data: " + BOM + b"a\n\n"
    assert relayed.answer.bytes_out == len(unframed(relayed.body))


async def test_what_only_began_like_a_mark(backend: Upstream) -> None:
    """Its bytes are held back no longer than they could become one."""
    relayed = relayed_stream(backend)
    relayed.answer.beat(BEAT)
    backend.sends(chunk(BOM[:2]))
    assert unframed(relayed.body) == BEAT
    assert not relayed.answer.beat(BEAT)
    backend.sends(chunk(b"a"))
    assert unframed(relayed.body) == BEAT + BOM[:2] + b"a"


# When to come again.


async def test_retry_is_said_first(backend: Upstream) -> None:
    """It goes out with the head, before the upstream says anything."""
    relayed = Relayed(backend, RETRYING)
    backend.sends(EVENTS)
    assert len(relayed.client.pieces) == 1
    assert relayed.body == chunk(GREETING)
    assert relayed.answer.bytes_out == len(GREETING)


async def test_retry_before_what_comes_with_the_head(backend: Upstream) -> None:
    """The upstream's own comes behind it, and counts."""
    relayed = Relayed(backend, RETRYING)
    backend.sends(EVENTS + chunk(b"retry: 7\ndata: a\n\n"))
    assert unframed(relayed.body) == GREETING + b"retry: 7\ndata: a\n\n"
    assert read(unframed(relayed.body)).retry == 7


async def test_retry_on_http10(backend: Upstream) -> None:
    """There it needs no frame."""
    relayed = Relayed(backend, RETRYING, http10=True)
    backend.sends(EVENTS)
    assert relayed.body == GREETING


# What is counted.


async def test_first_event(backend: Upstream) -> None:
    """It is told of once, when it is whole; comments and ids are no events."""
    relayed = relayed_stream(backend, b": hello\n\n", b"id: 1\n\n", b"data: a")
    assert relayed.first_events == 0
    backend.sends(chunk(b"\n\n"))
    assert relayed.first_events == 1
    backend.sends(chunk(b"data: b\n\n"))
    assert relayed.first_events == 1


async def test_first_event_with_the_head(backend: Upstream) -> None:
    """One read may bring both."""
    relayed = Relayed(backend)
    backend.sends(EVENTS + chunk(b"data: a\n\n"))
    assert relayed.first_events == 1


async def test_events_are_counted_as_they_were_before(backend: Upstream) -> None:
    """Up to the last count; the gateway's own words are bytes, but no events of the upstream."""
    relayed = relayed_stream(backend, b"data: a\n\ndata: b\n\n")
    assert relayed.answer.events == 0
    relayed.answer.end(WORDS)
    relayed.answer.count()
    assert (relayed.answer.events, relayed.answer.bytes_out) == (2, 18 + len(WORDS))


async def test_silence_is_the_upstreams(backend: Upstream) -> None:
    """It counts from the last bytes of the upstream, whatever the gateway says meanwhile."""
    relayed = relayed_stream(backend)
    began = backend.clock.now
    assert relayed.answer.quiet_since == began
    backend.pass_time(10)
    relayed.answer.beat(BEAT)
    assert relayed.answer.quiet_since == began
    backend.sends(b"1")  # half a chunk's size is a sign of life
    assert relayed.answer.quiet_since == began + 10
    relayed.answer.release()
    assert relayed.answer.quiet_since == 0.0


async def test_what_still_comes_after_the_release(backend: Upstream) -> None:
    """Nobody is told of it any more."""
    relayed = relayed_stream(backend)
    relayed.answer.release()
    relayed.answer.reply_received(None, b"data: a\n\n", b"", ended=False)
    assert (relayed.first_events, relayed.done) == (0, [])
