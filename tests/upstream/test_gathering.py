"""Reads that are gathered: when they happen, told by a loop whose time the test moves, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from tentaculo.upstream.gathering import FEW, Gathering

SECONDS = 0.01


class Timer:
    """A call that is due some time after the loop's now, unless it is cancelled."""

    def __init__(self, delay: float, callback: Callable[[], None]) -> None:
        self.delay = delay
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Don't call."""
        self.cancelled = True


class HandLoop:
    """An event loop that does what it is told; `readers` are watched descriptors."""

    def __init__(self) -> None:
        self.now = 100.0
        self.readers: dict[int, Callable[[], None]] = {}
        self.timers: list[Timer] = []
        self.soon: list[Callable[[], None]] = []
        self.faults: list[BaseException] = []

    def time(self) -> float:
        """Return the time."""
        return self.now

    def add_reader(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Watch."""
        assert descriptor not in self.readers
        self.readers[descriptor] = callback

    def remove_reader(self, descriptor: int) -> bool:
        """Watch no more."""
        return self.readers.pop(descriptor, None) is not None

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call later."""
        self.timers.append(Timer(delay, callback))
        return self.timers[-1]

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call in the next turn."""
        self.soon.append(callback)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what went wrong."""
        self.faults.append(context["exception"])

    def turn(self) -> None:
        """Tell the one who watches, as it would be told when something is there."""
        (callback,) = self.readers.values()
        callback()

    def ring(self) -> None:
        """Let the one timer's time come."""
        (timer,) = [timer for timer in self.timers if not timer.cancelled]
        self.timers.clear()
        self.now += timer.delay
        timer.callback()

    @property
    def waits(self) -> list[float]:
        """The delays of the timers that are set."""
        return [timer.delay for timer in self.timers if not timer.cancelled]


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
        self.gathering = Gathering(SECONDS, cast(Any, self.loop))
        self.ends: list[End] = []

    def end(self) -> End:
        """Return a new member."""
        self.ends.append(End(self.gathering))
        return self.ends[-1]

    def crowd(self) -> list[End]:
        """Return as many members as are no longer few."""
        return [self.end() for _ in range(FEW)]

    def beating(self) -> list[End]:
        """Return a crowd that is read by the timer."""
        crowd = self.crowd()
        say(crowd, b"a")
        self.loop.turn()
        assert self.loop.waits == [SECONDS]
        return crowd


def say(ends: list[End], data: bytes) -> None:
    """Send to each."""
    for end in ends:
        end.far.sendall(data)


@pytest.fixture
def stand() -> Iterator[Stand]:
    """A stand whose members have left at the end, so that no descriptor is left."""
    stand = Stand()
    yield stand
    for end in stand.ends:
        stand.gathering.leave(end)
        end.close()
    assert stand.loop.readers == {}
    assert stand.loop.waits == []
    assert stand.gathering._poll is None


def test_few_are_read_at_once(stand: Stand) -> None:
    """One after another, each at the moment that it comes, while less than FEW come in the time."""
    crowd = stand.crowd()
    for round_ in range(3):
        for end in crowd[1:]:
            say([end], b"x")
            stand.loop.turn()
            assert len(end.got) == round_ + 1
        stand.loop.now += SECONDS
    assert stand.loop.waits == []


def test_many_are_read_together(stand: Stand) -> None:
    """Once FEW have come in the time, the next wait for the timer, which goes on while there are enough."""
    crowd = stand.beating()
    assert stand.loop.readers == {}
    for piece in (b"b", b"c"):
        say(crowd, piece)
        stand.loop.ring()
        assert all(end.got[-1] == piece for end in crowd)
        assert stand.loop.waits == [SECONDS]


def test_a_crowd_comes_one_by_one_too(stand: Stand) -> None:
    """What counts is how many come in the time, not whether they come at one moment."""
    crowd = stand.crowd()
    for end in crowd:
        assert stand.loop.waits == []
        say([end], b"x")
        stand.loop.turn()
    assert stand.loop.waits == [SECONDS]


def test_few_are_read_at_once_again(stand: Stand) -> None:
    """When the timer finds few, they are read, and the next are read as they come."""
    crowd = stand.beating()
    say(crowd[1:], b"b")
    stand.loop.ring()
    assert [end.got[-1] for end in crowd] == [b"a", *[b"b"] * (FEW - 1)]
    assert stand.loop.waits == []
    stand.loop.now += SECONDS
    say(crowd[:1], b"c")
    stand.loop.turn()
    assert crowd[0].got[-1] == b"c"


def test_who_leaves_is_not_read(stand: Stand) -> None:
    """What came for it stays in the socket; leaving again changes nothing."""
    one, other = stand.end(), stand.end()
    say([one, other], b"x")
    stand.gathering.leave(one)
    stand.gathering.leave(one)
    stand.loop.turn()
    assert (one.got, other.got) == ([], [b"x"])
    assert one.near.recv(9) == b"x"


@pytest.mark.parametrize("beating", [False, True], ids=["few", "many"])
def test_nothing_is_left_once_all_have_left(stand: Stand, *, beating: bool) -> None:
    """No descriptor, no timer; who joins then is read."""
    for end in stand.beating() if beating else stand.crowd():
        stand.gathering.leave(end)
    assert (stand.loop.readers, stand.loop.waits) == ({}, [])
    end = stand.end()
    say([end], b"x")
    stand.loop.turn()
    assert end.got == [b"x"]


@pytest.mark.parametrize("joins", [False, True], ids=["none", "another"])
@pytest.mark.parametrize("beating", [False, True], ids=["few", "many"])
def test_one_may_end_the_others(stand: Stand, *, beating: bool, joins: bool) -> None:
    """Who is ended by another's bytes is not read; when all are gone there is no timer but for who joins."""
    crowd = stand.beating() if beating else stand.crowd()

    def leave() -> None:
        for end in crowd:
            stand.gathering.leave(end)
        if joins:
            stand.end()

    for end in crowd:
        end.got.clear()
        end.on_data = leave
    say(crowd, b"x")
    (stand.loop.ring if beating else stand.loop.turn)()
    assert sum(len(end.got) for end in crowd) == 1
    assert stand.loop.waits == []
    assert len(stand.loop.readers) == joins


def test_end_is_the_transports_and_an_error_breaks_off(stand: Stand) -> None:
    """A reset is never taken for a good end, and what came before it is read; the others are read too."""
    closed, reset, other = stand.end(), stand.end(), stand.end()
    closed.far.close()
    reset.far.sendall(b"last")
    reset.near.send(b"unread")
    reset.far.close()
    say([other], b"x")
    stand.loop.turn()
    stand.loop.turn()
    assert [(end.alone, end.broken) for end in (closed, reset, other)] == [(1, 0), (0, 1), (0, 0)]
    assert [end.got for end in (closed, reset, other)] == [[], [b"last"], [b"x"]]


def test_closed_member_is_not_read(stand: Stand) -> None:
    """Its descriptor may be another's by now, whose bytes are not for it."""
    end = stand.end()
    say([end], b"x")
    end.is_open = False
    stand.loop.turn()
    assert end.got == []
    assert end.near.recv(9) == b"x"


def test_descriptor_is_used_again(stand: Stand) -> None:
    """Who left its descriptor behind by being closed, and leaves later, takes nothing from who has it now."""
    old, _ = stand.end(), stand.end()
    descriptor = old.near.fileno()
    old.near.close()
    new = stand.end()
    assert new.near.fileno() == descriptor
    stand.gathering.leave(old)
    say([new], b"x")
    stand.loop.turn()
    assert (old.got, new.got) == ([], [b"x"])


def test_fault_of_one_is_its_own(stand: Stand) -> None:
    """It is reported and breaks that one off, which is read no more; the others are read."""
    crowd = [stand.end() for _ in range(FEW - 1)]
    crowd[0].fault = ValueError("own")
    say(crowd, b"x")
    stand.loop.turn()
    assert [end.got for end in crowd] == [[b"x"]] * len(crowd)
    assert stand.loop.faults == [crowd[0].fault]
    stand.loop.now += SECONDS
    say(crowd, b"y")
    stand.loop.turn()
    assert [end.got[-1] for end in crowd] == [b"x", *[b"y"] * (len(crowd) - 1)]
    for callback in stand.loop.soon:
        callback()
    assert [end.broken for end in crowd] == [1, *[0] * (len(crowd) - 1)]
