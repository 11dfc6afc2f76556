"""Streams cut into whole blocks, however they come."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import example, given

from tentaculo.wire.event_blocks import Block, BlockSplitter, EventTooLarge, with_id
from tests.fakes.cost import calls_made
from tests.wire.streams import BOM, CUTS, HOSTILE, STREAMS, Reading, cut, every_cut, read

LARGE = 1 << 20


def split(parts: Iterable[bytes], limit: int = LARGE) -> list[Block]:
    """The blocks of these reads."""
    splitter = BlockSplitter(limit)
    return [block for part in parts for block in splitter.feed(part)]


def told(block: Block) -> tuple[bytes, bytes | None, bool, int | None]:
    """All that a block says."""
    return block.data, block.id, block.is_event, block.retry


def finished(stream: bytes) -> Reading:
    """What the stream says in the blocks that were ended."""
    places = [0, *(place for place in range(1, len(stream) + 1) if _ends_block(stream[:place]))]
    return read(stream[: places[-1]])


def _ends_block(prefix: bytes) -> bool:
    text = prefix.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text.endswith(b"\n\n") or text == b"\n"


def check(stream: bytes) -> None:
    """The blocks of a stream must say what the stream says, together and each alone."""
    blocks = split([stream])
    together, expected = read(b"".join(block.data for block in blocks)), finished(stream)
    assert (together.events, together.last_id) == (expected.events, expected.last_id)
    assert together.retry == expected.retry
    last_id = ""
    for block in blocks:
        assert block.data.endswith(b"\n\n")
        assert block.data.count(b"\n\n") == 1
        assert not block.data.startswith((b"\n", BOM))
        assert b"\r" not in block.data
        last_id = last_id if block.id is None else block.id.decode()
        alone = read(block.data)
        assert len(alone.events) == block.is_event
        assert alone.last_id == (block.id or b"").decode()
        assert alone.retry == block.retry
    assert last_id == expected.last_id


@pytest.mark.parametrize("stream", HOSTILE.values(), ids=HOSTILE)
def test_blocks_say_what_the_stream_says(stream: bytes) -> None:
    """Nothing is lost or added."""
    check(stream)


@given(STREAMS)
@example(BOM + BOM + b"data: a\n\ndata: b\n\n")
def test_blocks_of_any_stream(stream: bytes) -> None:
    """The same of whatever tokens of the grammar make."""
    check(stream)


@pytest.mark.parametrize("stream", HOSTILE.values(), ids=HOSTILE)
def test_every_split(stream: bytes) -> None:
    """The blocks are the same however the stream is cut."""
    expected = [told(block) for block in split([stream])]
    for parts in every_cut(stream):
        assert [told(block) for block in split(parts)] == expected


@given(STREAMS, CUTS)
def test_any_split_of_any_stream(stream: bytes, places: list[int]) -> None:
    """The same of any stream, cut anywhere; what is unfinished is the same too."""
    whole, pieces = BlockSplitter(LARGE), BlockSplitter(LARGE)
    expected = [told(block) for block in whole.feed(stream)]
    parts = cut(stream, places)
    assert [told(block) for part in parts for block in pieces.feed(part)] == expected
    assert pieces.pending == whole.pending


BLOCKS = {
    "event": (b"data: a\n\n", (b"data: a\n\n", None, True, None)),
    "crlf": (b"id: 1\r\ndata: a\r\n\r\n", (b"id: 1\ndata: a\n\n", b"1", True, None)),
    "data alone": (b"data\n\n", (b"data\n\n", None, True, None)),
    "comment": (b": data: a\n\n", (b": data: a\n\n", None, False, None)),
    "other field": (b"database: a\n\n", (b"database: a\n\n", None, False, None)),
    "id reset": (b"id: 1\nid\n\n", (b"id: 1\nid\n\n", b"", False, None)),
    "id with nul": (b"id: 1\nid: 2\0\n\n", (b"id: 1\nid: 2\0\n\n", b"1", False, None)),
    "id not utf-8": (b"id: \xff\n\n", (b"id: \xff\n\n", "\ufffd".encode(), False, None)),
    "retry": (b"data: a\nretry: 5\nretry: x\n\n", (b"data: a\nretry: 5\nretry: x\n\n", None, True, 5)),
    "blank lines": (b"\n\r\n\rdata: a\n\n\n", (b"data: a\n\n", None, True, None)),
    "bom": (BOM + b"data: a\n\n", (b"data: a\n\n", None, True, None)),
    "bom that is not the first": (
        b"\n" + BOM + b"data: a\n\n",
        (b":\n" + BOM + b"data: a\n\n", None, False, None),
    ),
}


@pytest.mark.parametrize(("stream", "expected"), BLOCKS.values(), ids=BLOCKS)
def test_block(stream: bytes, expected: tuple[bytes, bytes | None, bool, int | None]) -> None:
    """A block is normalised, and known are its last id, its retry and whether it is an event."""
    (block,) = split([stream])
    assert told(block) == expected


WITH_ID = {
    "none before": (b"data: a\n\n", b"id: new\ndata: a\n\n"),
    "first": (b"id: 1\ndata: a\n\n", b"id: new\ndata: a\n\n"),
    "last": (b"data: a\nid: 1\n\n", b"id: new\ndata: a\n\n"),
    "several": (b"id\ndata: a\nid:1\ndata: b\nid: \0\n\n", b"id: new\ndata: a\ndata: b\n\n"),
    "nothing else": (b"id: 1\n\n", b"id: new\n\n"),
    "names alike": (b"idea: 1\ndata: id: 2\nid2\n\n", b"id: new\nidea: 1\ndata: id: 2\nid2\n\n"),
}


@pytest.mark.parametrize(("stream", "data"), WITH_ID.values(), ids=WITH_ID)
def test_with_id(stream: bytes, data: bytes) -> None:
    """Another id takes the place of all that there were, and stands first."""
    (block,) = split([stream])
    assert told(with_id(block, b"new")) == (data, b"new", block.is_event, block.retry)


@given(STREAMS)
def test_with_id_changes_nothing_else(stream: bytes) -> None:
    """Whatever a block says but its id, it says with another one too."""
    for block in split([stream]):
        before, after = read(block.data), read(with_id(block, b"new").data)
        assert after.last_id == "new"
        assert after.retry == before.retry
        assert [(e.type, e.data) for e in after.events] == [(e.type, e.data) for e in before.events]


def reads_until_too_large(parts: list[bytes], limit: int) -> int | None:
    """Count the reads before the one that was too much."""
    splitter = BlockSplitter(limit)
    for count, part in enumerate(parts):
        try:
            splitter.feed(part)
        except EventTooLarge:
            return count
    return None


@pytest.mark.parametrize("ending", [b"", b"\n", b"\n\n", b"\r\n\r\n"], ids=repr)
def test_too_large(ending: bytes) -> None:
    """A block of more than the limit is refused, whether it is whole or not and however it is cut."""
    limit = 100
    small = b"data: a\n\n" * 20
    for size in range(90, 110):
        stream = small + b"data: ".ljust(size, b"a") + ending
        too_large = size + (ending != b"") > limit
        for parts in every_cut(stream):
            assert (reads_until_too_large(parts, limit) is not None) == too_large


def test_pending() -> None:
    """What was not ended yet is counted, and no blank lines before it."""
    splitter = BlockSplitter(LARGE)
    reads = {b"\n": 0, b"\ndata: a": 7, b"\r": 8, b"\ndata": 12, b"\n\n": 0, b"\n\n\n": 0, b"data\n\n\nx": 1}
    for part, pending in reads.items():
        splitter.feed(part)
        assert splitter.pending == pending


def test_many_blocks_are_cheap() -> None:
    """Each block of a read costs a handful of calls."""
    splitter = BlockSplitter(LARGE)
    assert calls_made(lambda: splitter.feed(b"data: %b\n\n" % (b"a" * 190))) < 32
    assert calls_made(lambda: splitter.feed(b"data: a\n\n" * 1000)) < 16 * 1000


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_a_long_line_is_affordable(line_end: bytes) -> None:
    """A line of many reads costs the same for each of them."""
    splitter = BlockSplitter(LARGE + 100)
    splitter.feed(b"id: 1" + line_end + b"data: ")
    read_of_it = b"a" * 1024

    def feed() -> None:
        for _ in range(512):
            splitter.feed(read_of_it)

    first = calls_made(feed)
    assert first < 512 * 24
    assert calls_made(feed) < first + 512
    (block,) = splitter.feed(line_end * 2)
    assert told(block) == (b"id: 1\ndata: " + b"a" * LARGE + b"\n\n", b"1", True, None)
