"""The recent blocks of one stream, numbered as they came: for clients that return, and for those that lag.

Kept are the blocks that `replay` allows for, and those that a lagging client has not had; nothing here
writes or waits.  An id stands for a place only where it can't be mistaken: a client that may have missed
something is never taken for one that has not.
"""

from __future__ import annotations

from collections.abc import Sequence

from tentaculo.config.settings import ReplaySettings
from tentaculo.wire.event_blocks import Block

KEEPING_BYTES = 200  # that a block costs beside its own


class _Entry:
    """One block; `end` and `events` count the stream's up to its end, `at` is when it came."""

    __slots__ = ("at", "block", "end", "events")

    def __init__(self, block: Block, end: int, events: int, at: float) -> None:
        self.block = block
        self.end = end
        self.events = events
        self.at = at


class EventLog:
    """Blocks by number: those from `first` on are kept, `end` is the next one's.

    `size` and `events` count all of the stream, kept or not; `last_id` is the last event id in it.
    Without `replay` a client that returns is known by the very last id only.
    """

    __slots__ = (
        "_before",
        "_entries",
        "_is_before_exact",
        "_is_exact",
        "_numbers",
        "_replay",
        "_replay_from",
        "end",
        "events",
        "first",
        "last_id",
        "size",
    )

    def __init__(self, replay: ReplaySettings | None) -> None:
        self._replay = replay
        self._entries: list[_Entry] = []
        # Of the block that a client with this id had last; negative where it may be one of several.
        self._numbers: dict[bytes, int] = {}
        self._replay_from = 0
        self._before = b""  # in force where the replay begins
        self._is_before_exact = True  # whoever has that one lacks all of the replay and nothing else
        self._is_exact = True  # no event has come after the one with the last id
        self.first = self.end = 0
        self.size = self.events = 0
        self.last_id = b""

    def append(self, blocks: Sequence[Block], now: float) -> None:
        """Take the next blocks."""
        for block in blocks:
            self.size += len(block.data)
            self.events += block.is_event
            self._entries.append(_Entry(block, self.size, self.events, now))
            if block.id is not None and block.id != self.last_id:
                self._note_id(block.id)
            elif block.is_event or block.id is not None:
                self._is_exact = False  # of several events with one id, a client may have had just the first
            self.end += 1

    def _note_id(self, id: bytes) -> None:
        self.last_id = id
        self._is_exact = True
        if self._replay is not None and id:
            is_again = id in self._numbers or id == self._before
            self._numbers[id] = ~self.end if is_again else self.end

    def find(self, last_id: bytes, now: float) -> int | None:
        """Return the number of the first block that a client with this last id missed, None if unknown."""
        self._shorten_replay(now)
        if self._replay is None:
            return self.end if self._is_exact and last_id == self.last_id else None
        number = self._numbers.get(last_id)
        if number is not None:
            return number + 1 if number >= 0 else None
        return self._replay_from if last_id and last_id == self._before and self._is_before_exact else None

    def forget(self) -> None:
        """Give up all ids: nobody can go on from one, since something was lost after it."""
        self._numbers.clear()
        self._replay_from = self.end
        self._before = self.last_id = b""

    def trim(self, now: float, floor: int | None) -> None:
        """Drop what neither the replay needs nor the client that lags most; that one is at `floor`."""
        self._shorten_replay(now)
        keep_from = self._replay_from if self._replay is not None else self.end
        if floor is not None:
            keep_from = min(keep_from, floor)
        if keep_from > self.first:
            del self._entries[: keep_from - self.first]
            self.first = keep_from

    def behind(self, number: int) -> int:
        """Return how many bytes are kept from a block on, what keeping costs included."""
        return self.size - self._start_of(number) + KEEPING_BYTES * (self.end - number)

    def take(self, number: int, size: int) -> tuple[bytes, int]:
        """Return the bytes of blocks from a number on, about `size` of them, and the number after those."""
        limit = self._start_of(number) + size
        data: list[bytes] = []
        while number < self.end:
            entry = self._entries[number - self.first]
            if data and entry.end > limit:
                break
            data.append(entry.block.data)
            number += 1
        return b"".join(data), number

    def count_events(self, start: int, end: int) -> int:
        """Return how many of the kept blocks in a range are events."""
        if start >= end:
            return 0
        first = self._entries[start - self.first]
        return self._entries[end - 1 - self.first].events - first.events + first.block.is_event

    def _start_of(self, number: int) -> int:
        if number >= self.end:
            return self.size
        entry = self._entries[number - self.first]
        return entry.end - len(entry.block.data)

    def _shorten_replay(self, now: float) -> None:
        """Move the start of the replay to where its bounds allow."""
        replay = self._replay
        if replay is None:
            return
        number = self._replay_from
        while number < self.end:
            entry = self._entries[number - self.first]
            if (
                self.events - entry.events + entry.block.is_event <= replay.events
                and self.behind(number) <= replay.bytes
                and now - entry.at <= replay.age
            ):
                break
            self._leave_behind(entry.block, number)
            number += 1
        self._replay_from = number

    def _leave_behind(self, block: Block, number: int) -> None:
        if block.id is None or block.id == self._before:
            if block.is_event or block.id is not None:
                self._is_before_exact = False  # whoever has that id may lack this one
            return
        self._before = block.id
        place = self._numbers.get(block.id)
        self._is_before_exact = place != ~number
        if place in (number, ~number):
            del self._numbers[block.id]
