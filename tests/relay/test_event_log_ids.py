"""Ids of every kind against a slow model: whoever returns misses nothing, or is told so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.config.settings import ReplaySettings
from tentaculo.relay.event_log import KEEPING_BYTES, EventLog
from tentaculo.wire.event_blocks import Block
from tests.relay.shared_parts import blocks_of, event

IDS = (None, b"", b"1", b"2", b"3")
Shape = tuple[bytes | None, bool]
Turn = tuple[list[Shape], float]


class Model:
    """All of a stream, and by the words of the documentation what is kept of it and who can be known.

    `forgotten` are the blocks behind which a client may be taken for another one: its place was kept no
    more when its id came anew, and nobody can remember all ids for ever.
    """

    def __init__(self, replay: ReplaySettings | None) -> None:
        self.log = EventLog(replay)
        self.blocks: list[Block] = []
        self.last_ids: list[bytes] = []
        self.forgotten: set[int] = set()
        self.start = 0
        self._replay = replay
        self._times: list[float] = []

    def takes(self, blocks: Sequence[Block], now: float) -> None:
        """Have the log take some more, and drop what it need not keep."""
        for block in blocks:
            self._take(block, now)
        self.log.append(blocks, now)
        self.log.trim(now, None)
        while self.start < len(self.blocks) and not self._keeps(now):
            self.start += 1

    def _take(self, block: Block, now: float) -> None:
        last_id = self.last_ids[-1] if self.last_ids else b""
        if block.id is not None and block.id != last_id:
            gone = self.start if self._replay is not None else len(self.blocks)
            self.forgotten.update(at for at in range(gone - 1) if self.last_ids[at] == block.id)
        self.last_ids.append(last_id if block.id is None else block.id)
        self.blocks.append(block)
        self._times.append(now)

    def _keeps(self, now: float) -> bool:
        if self._replay is None:
            return False
        rest = self.blocks[self.start :]
        return (
            sum(block.is_event for block in rest) <= self._replay.events
            and sum(len(block.data) + KEEPING_BYTES for block in rest) <= self._replay.bytes
            and now - self._times[self.start] <= self._replay.age
        )

    def check(self, now: float) -> None:
        """Have a client come back that had all up to any block; what is kept of ids is bounded too."""
        assert len(self.log._numbers) <= len(self.blocks) - self.start
        for at, last_id in enumerate(self.last_ids):
            if not last_id or at in self.forgotten:
                continue
            found = self.log.find(last_id, now)
            if found is not None:
                assert not any(block.is_event for block in self.blocks[at + 1 : found])
                rest = b"".join(block.data for block in self.blocks[found:])
                assert self.log.take(found, 2**30) == (rest, len(self.blocks))


def written(number: int, shape: Shape) -> bytes:
    """Write a block; one with neither id nor data is a comment."""
    id, has_data = shape
    lines = [b"id: %b\n" % id] if id is not None else []
    lines += [b"data: %d\n" % number] if has_data else []
    return b"".join(lines or [b": %d\n" % number]) + b"\n"


BOUNDS = st.none() | st.builds(
    ReplaySettings, events=st.integers(1, 6), bytes=st.integers(1, 2000), age=st.floats(0.5, 10)
)
SHAPES = st.tuples(st.sampled_from(IDS), st.booleans())
TURNS = st.lists(st.tuples(st.lists(SHAPES, min_size=1, max_size=4), st.floats(0, 3)), max_size=12)


@given(replay=BOUNDS, turns=TURNS)
def test_nobody_is_taken_for_another(replay: ReplaySettings | None, turns: list[Turn]) -> None:
    """Whatever the ids, none, one of many or many times one: a client gets all it lacks, or is unknown."""
    model, now = Model(replay), 0.0
    for shapes, seconds in turns:
        now += seconds
        numbered = enumerate(shapes, len(model.blocks))
        model.takes(blocks_of(b"".join(written(number, shape) for number, shape in numbered)), now)
        model.check(now)


@given(replay=BOUNDS, turns=st.lists(st.tuples(st.integers(1, 4), st.floats(0, 3)), max_size=12))
def test_ids_that_are_one_for_each_event(
    replay: ReplaySettings | None, turns: list[tuple[int, float]]
) -> None:
    """What is kept is found, exactly what came after the id; what is kept no more is unknown."""
    model, now = Model(replay), 0.0
    for count, seconds in turns:
        now += seconds
        before = len(model.blocks)
        model.takes(blocks_of(b"".join(event(before + number) for number in range(count))), now)
        for at in range(len(model.blocks)):
            known = at + 1 >= max(model.start, 1)
            assert model.log.find(b"%d" % at, now) == (at + 1 if known else None)


# The cases by themselves.

LAST_ONE = ReplaySettings(events=1, bytes=2**20, age=300.0)
LAST_TWO = ReplaySettings(events=2, bytes=2**20, age=300.0)
LAST_BLOCK = ReplaySettings(events=2, bytes=KEEPING_BYTES + 20, age=300.0)
MANY = ReplaySettings(events=1000, bytes=2**20, age=300.0)
MISLEADING: dict[str, tuple[ReplaySettings | None, list[Shape], bytes]] = {
    "again": (MANY, [(b"1", True), (b"2", True), (b"1", True)], b"1"),
    "again, the first is left behind": (LAST_TWO, [(b"1", True), (b"2", True), (b"1", True)], b"1"),
    "again, the last is left behind": (
        LAST_ONE,
        [(b"1", True), (b"2", True), (b"1", True), (b"3", True)],
        b"1",
    ),
    "again, behind events without one": (
        LAST_TWO,
        [(b"1", True), (None, True), (None, True), (b"2", True), (b"1", True)],
        b"1",
    ),
    "event without one is left behind": (LAST_TWO, [(b"1", True), *[(None, True)] * 3], b"1"),
    "second of one id is left behind": (LAST_ONE, [(b"1", True), (b"1", True), (b"2", True)], b"1"),
    "second has no data": (LAST_ONE, [(b"1", True), (b"1", False), (None, True), (None, True)], b"1"),
    "no replay, event without one": (None, [(b"1", True), (None, True)], b"1"),
    "no replay, second of one id": (None, [(b"1", True), (b"1", True)], b"1"),
}
GOOD: dict[str, tuple[ReplaySettings | None, list[Shape], bytes, int]] = {
    "no other comes between": (MANY, [(b"1", True), (b"1", True), (b"2", True)], b"1", 1),
    "other id than the one again": (MANY, [(b"1", True), (b"2", True), (b"1", True)], b"2", 2),
    "comment is kept": (LAST_ONE, [(b"1", True), (None, False), (b"2", True)], b"1", 1),
    "comment is left behind": (LAST_BLOCK, [(b"1", True), (None, False), (b"2", True)], b"1", 2),
    "just left behind": (LAST_TWO, [(b"1", True), (None, True), (None, True)], b"1", 1),
    "empty one between": (MANY, [(b"1", True), (b"", True)], b"1", 1),
    "no replay, comment": (None, [(b"1", True), (None, False)], b"1", 2),
    "no replay, after an event without one": (None, [(b"1", True), (None, True), (b"2", True)], b"2", 3),
}


def each_by_itself(model: Model, shapes: list[Shape]) -> Callable[[bytes], int | None]:
    """Have blocks come one after the other; return how to find a client's place then."""
    for number, shape in enumerate(shapes):
        model.takes(blocks_of(written(number, shape)), 0.0)
    model.check(0.0)
    return lambda last_id: model.log.find(last_id, 0.0)


@pytest.mark.parametrize("case", MISLEADING)
def test_id_that_may_be_mistaken(case: str) -> None:
    """A client with it may lack more than it seems to: it is unknown."""
    replay, shapes, last_id = MISLEADING[case]
    assert each_by_itself(Model(replay), shapes)(last_id) is None


@pytest.mark.parametrize("case", GOOD)
def test_id_that_can_not_be_mistaken(case: str) -> None:
    """What its client lacks is known, if need be with an event twice."""
    replay, shapes, last_id, number = GOOD[case]
    assert each_by_itself(Model(replay), shapes)(last_id) == number


def test_id_that_is_free_again() -> None:
    """Once all places of an id are gone for good, it is as good as any; nothing of it was kept."""
    model = Model(LAST_ONE)
    find = each_by_itself(model, [(b"1", True), (b"2", True), (b"1", True), (b"3", True), (b"4", True)])
    assert set(model.log._numbers) == {b"4"}
    model.takes(blocks_of(b"id: 1\ndata: again\n\n"), 0.0)
    assert find(b"1") == 6
