"""Following event streams: every split of hostile streams, against the slow reading of them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import example, given

from tentaculo.wire.events import ID_LIMIT, RETRY_LIMIT, EventTracker, WithoutBom, read_id, read_retry
from tests.fakes.cost import calls_made
from tests.wire.streams import BOM, CUTS, HOSTILE, STREAMS, cut, every_cut, read

COMMENT = b": x\n\n"
EVENT = b"event: e\ndata: d\n\n"


def tracked(parts: Iterable[bytes]) -> EventTracker:
    """What a tracker makes of these reads."""
    tracker = EventTracker()
    for part in parts:
        tracker.feed(part)
    return tracker


def check(parts: list[bytes]) -> None:
    """A tracker must see the same as the slow reading after each read."""
    tracker, prefix = EventTracker(), b""
    for part in parts:
        tracker.feed(part)
        prefix += part
        seen = read(prefix)
        assert tracker.untouched == (not prefix)
        assert tracker.events == len(seen.events)
        assert tracker.is_between == seen.is_between


@pytest.mark.parametrize("stream", HOSTILE.values(), ids=HOSTILE)
def test_every_split(stream: bytes) -> None:
    """However a stream is cut, the tracker knows where it stands."""
    for parts in every_cut(stream):
        check(parts)


@given(STREAMS, CUTS)
@example(b"id: 1\n\nid: 2\0\n\n", [7])
def test_any_split_of_any_stream(stream: bytes, places: list[int]) -> None:
    """The same of whatever tokens of the grammar make, cut anywhere."""
    check(cut(stream, places))


def check_inserted(stream: bytes, place: int, between: bytes) -> None:
    """A block put at this place must leave everything else as it was."""
    before, behind = stream[:place], stream[place:]
    if not before:
        remover = WithoutBom()
        behind = b"".join(remover.feed(part) for part in cut(behind, range(len(behind))))
    expected, seen = read(stream), read(before + between + behind)
    events = list(seen.events)
    if between == EVENT:
        added = events.pop(len(read(before).events))
        assert (added.type, added.data) == ("e", "d")
    assert events == expected.events
    assert (seen.last_id, seen.retry) == (expected.last_id, expected.retry)


def places_between(stream: bytes) -> list[int]:
    """Where the tracker says that something may be put."""
    tracker = EventTracker()
    places = [0]
    for place in range(len(stream)):
        assert not tracker.is_between or places[-1] == place
        tracker.feed(stream[place : place + 1])
        if tracker.is_between:
            places.append(place + 1)
    return places


@pytest.mark.parametrize("between", [COMMENT, EVENT], ids=["comment", "event"])
@pytest.mark.parametrize("stream", HOSTILE.values(), ids=HOSTILE)
def test_nothing_lands_inside_an_event(stream: bytes, between: bytes) -> None:
    """A heartbeat or an event of our own changes nothing wherever it may be put."""
    for place in places_between(stream):
        check_inserted(stream, place, between)


@given(STREAMS)
def test_nothing_lands_inside_any_event(stream: bytes) -> None:
    """The same of any stream."""
    for place in places_between(stream):
        check_inserted(stream, place, COMMENT)
        check_inserted(stream, place, EVENT)


def test_before_a_mark_it_would_matter() -> None:
    """Bytes before a byte order mark hide the event behind it: that is what WithoutBom is for."""
    stream = BOM + b"data: a\n\n"
    assert len(read(stream).events) == 1
    assert read(COMMENT + stream).events == []
    check_inserted(stream, 0, COMMENT)


@given(STREAMS, CUTS)
@example(BOM + BOM, [1, 2, 3, 4])
@example(BOM[:2], [1])
def test_without_bom(stream: bytes, places: list[int]) -> None:
    """One leading mark is taken away, and nothing else; what could become one is held back."""
    remover, passed = WithoutBom(), b""
    for part in cut(stream, places):
        passed += remover.feed(part)
    assert remover.done == (not BOM.startswith(stream) or stream == BOM)
    assert passed == (stream.removeprefix(BOM) if remover.done else b"")
    assert not remover.done or remover.feed(BOM) == BOM


RETRIES = {
    b"5": 5,
    b" 5": 5,
    b" 0": 0,
    b"00005": 5,
    b"  5": None,
    b"5 ": None,
    b"": None,
    b"-1": None,
    "٣".encode(): None,
    str(RETRY_LIMIT).encode(): RETRY_LIMIT,
    str(RETRY_LIMIT + 1).encode(): RETRY_LIMIT,
    b"9" * 10_000: RETRY_LIMIT,
    b"0" * ID_LIMIT: 0,
    b"0" * (ID_LIMIT + 1): None,
}


@pytest.mark.parametrize(("value", "retry"), RETRIES.items(), ids=range(len(RETRIES)))
def test_retry(value: bytes, retry: int | None) -> None:
    """Only ASCII digits count, up to what is sensible."""
    assert read_retry(value) == retry


@pytest.mark.parametrize(
    ("value", "event_id"),
    [(b" a", b"a"), (b"  a", b" a"), (b"", b""), (b"a\0", None), (b"\xff", "\ufffd".encode())],
)
def test_id(value: bytes, event_id: bytes | None) -> None:
    """An id is as a browser sends it back; with NUL there is none."""
    assert read_id(value) == event_id


@pytest.mark.parametrize(
    "block",
    [b"data: %b\n\n", b"data: a\ndata: %b\n\n", b"event: a\ndata: %b\n\n", b"id: 1\ndata: %b\n\n"],
    ids=["data", "two lines", "event", "id"],
)
def test_a_whole_event_is_cheap(block: bytes) -> None:
    """A read of one event takes a handful of calls, whatever its size."""
    tracker = tracked([b"\n"])
    for size in (190, 3000):
        event = block % (b"a" * size)
        assert calls_made(lambda event=event: tracker.feed(event)) < 12  # type: ignore[misc]
    assert tracker.events == 2


@pytest.mark.parametrize("start", [b"data: ", b": ", b"id: ", b"database"])
def test_a_long_line_is_affordable(start: bytes) -> None:
    """A line of many reads costs the same for each of them."""
    tracker = tracked([start])
    read_of_it = b"a" * 1024

    def feed() -> None:
        for _ in range(512):
            tracker.feed(read_of_it)

    first = calls_made(feed)
    assert first < 512 * 16
    assert calls_made(feed) < first + 512
    assert not tracker.is_between
    tracker.feed(b"\n\n")
    assert tracker.is_between
