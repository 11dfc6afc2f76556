"""What is kept of a stream: up to its bounds for whoever comes back, and as long as anybody lags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.config.settings import ReplaySettings
from tentaculo.relay.event_log import KEEPING_BYTES, EventLog
from tests.relay.shared_parts import blocks_of, event, events

MANY = ReplaySettings(events=1000, bytes=2**20, age=300.0)
FEW = ReplaySettings(events=3, bytes=2**20, age=300.0)
SMALL = ReplaySettings(events=1000, bytes=4 * (25 + KEEPING_BYTES), age=300.0)
SHORT = ReplaySettings(events=1000, bytes=2**20, age=10.0)


def log_of(data: bytes, replay: ReplaySettings | None = MANY) -> EventLog:
    """Return a log that has taken a stream block by block, and trimmed after each."""
    log = EventLog(replay)
    for block in blocks_of(data):
        log.append([block], 0.0)
        log.trim(0.0, None)
    return log


def missed(log: EventLog, last_id: bytes, now: float = 0.0) -> bytes | None:
    """Return what a client with this last id gets, None where that is unknown."""
    start = log.find(last_id, now)
    return None if start is None else log.take(start, 2**30)[0]


def test_blocks_are_counted() -> None:
    """All of the stream counts, kept or not; comments are no events."""
    data = events(1, 5) + b": comment\n\n"
    log = log_of(data, FEW)
    assert (log.first, log.end) == (2, 6)
    assert (log.size, log.events, log.last_id) == (len(data), 5, b"5")


@pytest.mark.parametrize("number", range(1, 8))
def test_client_comes_back_at_every_boundary(number: int) -> None:
    """It gets what came after its last event, all of that and nothing else."""
    assert missed(log_of(events(1, 7)), b"%d" % number) == events(number + 1, 7)


UNKNOWN = {"never seen": b"9", "none": b"", "much like one": b"01"}


@pytest.mark.parametrize("last_id", UNKNOWN.values(), ids=UNKNOWN)
@pytest.mark.parametrize("replay", [None, MANY], ids=["no replay", "replay"])
def test_unknown_ids(last_id: bytes, replay: ReplaySettings | None) -> None:
    """What was missed after them can't be said."""
    assert log_of(events(1, 7), replay).find(last_id, 0.0) is None


BOUNDS = {
    "events": (FEW, 0.0, 4),
    "bytes": (SMALL, 0.0, 3),
    "age": (SHORT, 10.1, None),
    "age, not yet over": (SHORT, 10.0, 0),
}


@pytest.mark.parametrize(("replay", "now", "before"), BOUNDS.values(), ids=BOUNDS)
def test_replay_is_bounded(replay: ReplaySettings, now: float, before: int | None) -> None:
    """What is past a bound is gone; whoever had the last of that still misses nothing."""
    log = log_of(events(1, 7), replay)
    before = 7 if before is None else before
    for number in range(1, 8):
        left = events(number + 1, 7) if number >= before else None
        assert missed(log, b"%d" % number, now) == left
    log.trim(now, None)
    assert log.end - log.first == 7 - before


def test_bytes_are_bounded_exactly() -> None:
    """The last events are kept that are within the bound together, with what keeping them costs."""
    size = len(event(1)) + KEEPING_BYTES
    for bound, kept in ((2 * size - 1, 1), (2 * size, 2), (size - 1, 0)):
        log = log_of(events(1, 7), ReplaySettings(events=1000, bytes=bound, age=300.0))
        assert log.end - log.first == kept


def test_age_is_of_each_event() -> None:
    """Those that came later are kept for longer."""
    log = EventLog(SHORT)
    log.append(blocks_of(event(1)), 0.0)
    log.append(blocks_of(event(2)), 5.0)
    assert missed(log, b"1", 12.0) == event(2)
    assert missed(log, b"1", 16.0) is None
    assert missed(log, b"2", 16.0) == b""


def test_without_replay_only_the_last_id_is_known() -> None:
    """Nothing is kept, and whoever has had the last event missed nothing."""
    log = log_of(events(1, 3), None)
    assert log.first == log.end == 3
    assert (missed(log, b"3"), missed(log, b"2")) == (b"", None)


def test_stream_of_comments() -> None:
    """They count as what they weigh, not as events."""
    size = len(b": comment\n\n") + KEEPING_BYTES
    log = log_of(events(1, 3) + b": comment\n\n" * 100, FEW)
    assert missed(log, b"1") == events(2, 3) + b": comment\n\n" * 100
    log = log_of(b": comment\n\n" * 100, ReplaySettings(events=3, bytes=10 * size, age=300.0))
    assert log.end - log.first == 10


# Ids that are not one for each event.


def test_events_without_ids_belong_to_the_id_before() -> None:
    """A client may have had none of them: it gets them all."""
    rest = b"data: a\n\n: b\n\ndata: c\n\n"
    assert missed(log_of(event(1) + rest), b"1") == rest


def test_id_of_several_events() -> None:
    """A client with it may have had the first of them only."""
    again = b"id: 1\ndata: again\n\n"
    assert missed(log_of(event(1) + again + event(2)), b"1") == again + event(2)


def test_id_of_several_events_at_the_bound() -> None:
    """It is the same where the first of them is kept no more; without the second it is unknown."""
    again = b"id: 1\ndata: again\n\n"
    log = log_of(event(1) + again + events(2, 3), FEW)
    assert missed(log, b"1") == again + events(2, 3)
    log = log_of(event(1) + again + events(2, 4), FEW)
    assert missed(log, b"1") is None
    assert missed(log, b"2") == events(3, 4)


def test_events_without_ids_at_the_bound() -> None:
    """Who has the id before them is known for as long as all of them are kept."""
    rest = b"data: a\n\n" + b"data: b\n\n"
    assert missed(log_of(event(1) + rest + event(2), FEW), b"1") == rest + event(2)
    log = log_of(event(1) + rest + events(2, 3), FEW)
    assert missed(log, b"1") is None
    assert missed(log, b"2") == event(3)


def test_id_that_is_reset() -> None:
    """After an empty id there is none to go on from, and clients have none either."""
    log = log_of(event(1) + b"id\ndata: a\n\n")
    assert log.last_id == b""
    assert log.find(b"", 0.0) is None
    assert missed(log, b"1") == b"id\ndata: a\n\n"


@pytest.mark.parametrize("replay", [None, MANY], ids=["no replay", "replay"])
def test_ids_are_forgotten(replay: ReplaySettings | None) -> None:
    """Where something was lost, nobody can go on from before it; what comes then has ids again."""
    log = log_of(events(1, 3), replay)
    log.forget()
    assert log.last_id == b""
    assert [log.find(b"%d" % number, 0.0) for number in range(4)] == [None] * 4
    log.append(blocks_of(event(4)), 0.0)
    assert missed(log, b"4") == b""
    log.trim(0.0, None)
    assert log.first == (4 if replay is None else 3)


# Those that lag.


@pytest.mark.parametrize("replay", [None, FEW], ids=["no replay", "replay"])
def test_what_a_lagging_client_lacks_is_kept(replay: ReplaySettings | None) -> None:
    """Past all bounds, from where the one is that lags most; who comes back does not get it."""
    log = EventLog(replay)
    log.append(blocks_of(events(1, 9)), 0.0)
    log.trim(0.0, 2)
    assert log.first == 2
    assert log.take(2, 2**20) == (events(3, 9), 9)
    assert log.behind(2) == len(events(3, 9)) + 7 * KEEPING_BYTES
    assert log.find(b"3", 0.0) is None
    log.trim(0.0, None)
    assert log.first == (9 if replay is None else 6)


def test_floor_above_the_replay_drops_nothing_of_it() -> None:
    """Whoever lags less than the replay goes back needs nothing more."""
    log = EventLog(MANY)
    log.append(blocks_of(events(1, 9)), 0.0)
    log.trim(0.0, 5)
    assert log.first == 0


def test_nothing_is_behind_the_end() -> None:
    """Whoever has all lacks nothing."""
    log = log_of(events(1, 3))
    assert (log.behind(3), log.take(3, 100), log.count_events(3, 3)) == (0, (b"", 3), 0)


def test_events_in_a_range() -> None:
    """Comments are no events, also where the first blocks are gone."""
    log = log_of(events(1, 3) + b": c\n\n" + event(4) + b": d\n\n", FEW)
    assert log.first == 1
    counts = {(1, 6): 3, (2, 5): 2, (3, 5): 1, (3, 4): 0, (5, 6): 0, (4, 6): 1, (4, 4): 0}
    assert {ends: log.count_events(*ends) for ends in counts} == counts


def test_taken_in_pieces() -> None:
    """As many whole blocks as fit, and one at least."""
    size = len(event(1))
    log = log_of(events(1, 4))
    assert log.take(0, 2 * size) == (events(1, 2), 2)
    assert log.take(0, 3 * size - 1) == (events(1, 2), 2)
    assert log.take(0, 0) == (event(1), 1)
    assert log.take(3, 100) == (event(4), 4)


@given(
    sizes=st.lists(st.integers(0, 40), max_size=30),
    bound=st.builds(
        ReplaySettings, events=st.integers(1, 12), bytes=st.integers(1, 3000), age=st.floats(0.5, 20)
    ),
    lags=st.lists(st.integers(0, 30), max_size=30),
)
def test_missing_events_or_unknown(sizes: list[int], bound: ReplaySettings, lags: list[int]) -> None:
    """At any time each id gives exactly what came after it, or nothing at all; never less, never other."""
    log, sent = EventLog(bound), list[bytes]()
    for number, size in enumerate(sizes, 1):
        sent.append(event(number, size))
        log.append(blocks_of(sent[-1]), float(number))
        floor = lags[number - 1] if number <= len(lags) and log.first <= lags[number - 1] <= log.end else None
        log.trim(float(number), floor)
        for last in range(number + 1):
            assert missed(log, b"%d" % last, float(number)) in (None, b"".join(sent[last:]))
        assert missed(log, b"%d" % number, float(number)) == b""
