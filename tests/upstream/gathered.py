"""A gathering over pairs of sockets, and a loop that the test turns."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, cast

from tentaculo.upstream.gathering import MANY, Gathering
from tests.fakes.descriptors import ticks_of

SECONDS = 1 / 64  # exact in sums


class HandLoop:
    """An event loop that does what it is told; `readers` are watched descriptors."""

    def __init__(self) -> None:
        self.now = 100.0
        self.readers: dict[int, Callable[[], None]] = {}
        self.soon: list[Callable[[], None]] = []
        self.faults: list[BaseException] = []

    def add_reader(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Watch."""
        assert descriptor not in self.readers
        self.readers[descriptor] = callback

    def remove_reader(self, descriptor: int) -> bool:
        """Watch no more."""
        return self.readers.pop(descriptor, None) is not None

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call in the next turn."""
        self.soon.append(callback)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what went wrong."""
        self.faults.append(context["exception"])

    def turn(self) -> None:
        """Tell the one who watches, as it would be told when something is there, or when it ticks."""
        (callback,) = self.readers.values()
        callback()

    @property
    def ticks(self) -> list[float]:
        """The seconds of each timer that is watched."""
        return [seconds for seconds in map(ticks_of, self.readers) if seconds]


class End:
    """One end of a pair of sockets, and what was read there; `fault` is raised at the next read."""

    def __init__(self, gathering: Gathering) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.gathering = gathering
        self.is_open = True
        self.got: list[bytes] = []
        self.alone = self.broken = 0
        self.fault: Exception | None = None
        self.on_data: Callable[[], None] = lambda: None
        gathering.join(self, self.near.fileno())

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self.got.append(data)
        if self.fault is not None:
            raise self.fault
        self.on_data()

    def read_alone(self) -> None:
        """Leave."""
        self.alone += 1
        self.gathering.leave(self)

    def break_off(self) -> None:
        """Leave."""
        self.broken += 1
        self.gathering.leave(self)

    def close(self) -> None:
        """Close both ends."""
        self.near.close()
        self.far.close()


class Stand:
    """A gathering with as many ends as are asked for."""

    def __init__(self) -> None:
        self.loop = HandLoop()
        self.gathering = Gathering(SECONDS, cast(Any, self.loop), lambda: self.loop.now)
        self.ends: list[End] = []

    def end(self) -> End:
        """Return a new member."""
        self.ends.append(End(self.gathering))
        return self.ends[-1]

    def crowd(self) -> list[End]:
        """Return as many members as are many."""
        return [self.end() for _ in range(MANY)]

    def waiting(self) -> list[End]:
        """Return a crowd that is read at each tick."""
        crowd = self.crowd()
        say(crowd, b"a")
        self.loop.turn()
        assert self.is_ticking
        return crowd

    @property
    def is_ticking(self) -> bool:
        """Whether members are read at each tick, and not when they have something."""
        assert len(self.loop.readers) == 1
        return self.loop.ticks == [SECONDS]


def say(ends: list[End], data: bytes) -> None:
    """Send to each."""
    for end in ends:
        end.far.sendall(data)
