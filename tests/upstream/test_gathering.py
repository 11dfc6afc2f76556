"""Reads that are gathered: when they happen, told by a loop that the test turns, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tentaculo.upstream.gathering import BULK_BYTES, FEW, MANY, PIECE_BYTES, TICKS
from tests.fakes.descriptors import all_taken
from tests.upstream.gathered import SECONDS, Stand, say


@pytest.fixture
def stand() -> Iterator[Stand]:
    """A stand whose members have left at the end, so that no descriptor is left."""
    stand = Stand()
    yield stand
    for end in stand.ends:
        stand.gathering.leave(end)
        end.close()
    assert stand.loop.readers == {}
    assert stand.gathering._poll is None


def test_few_are_read_at_once(stand: Stand) -> None:
    """One after another, each at the moment that it comes, while less than MANY come in the time."""
    crowd = stand.crowd()
    for round_ in range(3):
        for end in crowd[1:]:
            say([end], b"x")
            stand.loop.turn()
            assert len(end.got) == round_ + 1
            assert not stand.is_ticking
        stand.loop.now += TICKS * SECONDS


def test_many_are_read_together(stand: Stand) -> None:
    """Once MANY have come in the time, the next wait for the tick, while TICKS of them find more than FEW."""
    crowd = stand.waiting()
    for number in range(3 * TICKS):
        some = crowd[: FEW + 1] if number % TICKS == 3 else []
        say(some, b"b")
        stand.loop.turn()
        assert all(end.got[-1] == b"b" for end in some)
        assert stand.is_ticking


def test_a_crowd_comes_one_by_one_too(stand: Stand) -> None:
    """What counts is how many come in the time, not whether they come at one moment."""
    crowd = stand.crowd()
    for end in crowd:
        assert not stand.is_ticking
        say([end], b"x")
        stand.loop.turn()
        stand.loop.now += 0.99 * TICKS * SECONDS / MANY
    assert stand.is_ticking


@pytest.mark.parametrize("found", [0, FEW])
def test_few_are_read_at_once_again(stand: Stand, found: int) -> None:
    """When so many ticks find hardly any, they are read, and the next are as they come."""
    crowd = stand.waiting()
    say(crowd, b"b")
    for _ in range(TICKS):  # the first finds many
        stand.loop.turn()
    say(crowd[:found], b"c")
    for _ in range(TICKS):
        assert stand.is_ticking
        stand.loop.turn()
    assert [end.got for end in crowd] == [*[[b"a", b"b", b"c"]] * found, *[[b"a", b"b"]] * (MANY - found)]
    for end in crowd[1:]:  # even were no time to pass
        assert not stand.is_ticking
        say([end], b"d")
        stand.loop.turn()
        assert end.got[-1] == b"d"


def test_many_come_and_go(stand: Stand) -> None:
    """However often."""
    crowd = stand.crowd()
    for _ in range(3):
        say(crowd, b"x")
        stand.loop.turn()
        for _ in range(TICKS):
            assert stand.is_ticking
            stand.loop.turn()
        assert not stand.is_ticking


@pytest.mark.parametrize("waiting", [False, True], ids=["few", "many"])
def test_bulk_does_not_wait(stand: Stand, *, waiting: bool) -> None:
    """Who has a large piece is read at once, and so are the others, until they are many again."""
    crowd = stand.waiting() if waiting else stand.crowd()
    bulk = b"x" * BULK_BYTES
    say(crowd, b"b")
    say(crowd[1:2], bulk[1:])
    stand.loop.turn()
    assert crowd[1].got[-1] == b"b" + bulk[1:]
    assert not stand.is_ticking
    say(crowd, b"c")
    stand.loop.turn()
    assert stand.is_ticking


def test_more_than_a_piece_is_read_in_turns(stand: Stand) -> None:
    """Nobody takes more than one piece at a time, so that all have their turn."""
    one, other = stand.end(), stand.end()
    for option, end in ((socket.SO_SNDBUF, one.far), (socket.SO_RCVBUF, one.near)):
        end.setsockopt(socket.SOL_SOCKET, option, 4 * PIECE_BYTES)
    say([one], b"x" * (PIECE_BYTES + 1))
    say([other], b"y")
    stand.loop.turn()
    assert ([len(data) for data in one.got], other.got) == ([PIECE_BYTES], [b"y"])
    stand.loop.turn()
    assert [len(data) for data in one.got] == [PIECE_BYTES, 1]


def test_without_a_descriptor_nobody_waits(stand: Stand) -> None:
    """Where the system has none left for the timer, all are read at once, until it has."""
    crowd = stand.crowd()
    say(crowd, b"a")
    with all_taken():
        stand.loop.turn()
    assert not stand.is_ticking
    say(crowd, b"b")
    stand.loop.turn()
    assert stand.is_ticking
    assert [end.got for end in crowd] == [[b"a", b"b"]] * MANY


def test_who_cannot_join_leaves_nothing(stand: Stand) -> None:
    """Neither where there is no descriptor to watch with, nor where the socket can't be watched."""
    near, far = socket.socketpair()
    with near, far:
        with all_taken(), pytest.raises(OSError, match="Too many open files"):
            stand.gathering.join(cast(Any, near), near.fileno())
        assert stand.gathering._poll is None
    with open(__file__, "rb") as file, pytest.raises(OSError, match="Operation not permitted"):
        stand.gathering.join(cast(Any, near), file.fileno())
    assert stand.gathering._poll is None
    assert stand.loop.readers == {}


def test_who_leaves_is_not_read(stand: Stand) -> None:
    """What came for it stays in the socket; leaving again changes nothing."""
    one, other = stand.end(), stand.end()
    say([one, other], b"x")
    stand.gathering.leave(one)
    stand.gathering.leave(one)
    stand.loop.turn()
    assert (one.got, other.got) == ([], [b"x"])
    assert one.near.recv(9) == b"x"


@pytest.mark.parametrize("waiting", [False, True], ids=["few", "many"])
def test_nothing_is_left_once_all_have_left(stand: Stand, *, waiting: bool) -> None:
    """No descriptor, no timer; who joins then is read."""
    for end in stand.waiting() if waiting else stand.crowd():
        stand.gathering.leave(end)
    assert stand.loop.readers == {}
    end = stand.end()
    say([end], b"x")
    stand.loop.turn()
    assert end.got == [b"x"]


@pytest.mark.parametrize("joins", [False, True], ids=["none", "another"])
@pytest.mark.parametrize("speaking", [1, MANY])
@pytest.mark.parametrize("waiting", [False, True], ids=["few", "many"])
def test_one_may_end_the_others(stand: Stand, speaking: int, *, waiting: bool, joins: bool) -> None:
    """Who is ended by another's bytes is not read; when all are gone nothing is watched but who joins."""
    crowd = stand.waiting() if waiting else stand.crowd()
    for _ in range((TICKS - 1) * waiting):  # the next one may be the last
        stand.loop.turn()

    def leave() -> None:
        for end in crowd:
            stand.gathering.leave(end)
        if joins:
            stand.end()

    for end in crowd:
        end.got.clear()
        end.on_data = leave
    say(crowd[:speaking], b"x")
    stand.loop.turn()
    assert sum(len(end.got) for end in crowd) == 1
    assert len(stand.loop.readers) == joins
    assert stand.loop.ticks == []


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
    crowd = [stand.end() for _ in range(3)]
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
