"""Deadlines on a movable clock, and the one timer that looks at them."""

from __future__ import annotations

import asyncio

import pytest

from tentaculo.upstream.deadlines import NEVER, Deadlines
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually, soon


class Item:
    """Something that may be overdue; `then` runs at its expiry."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.expired = asyncio.Event()
        self.times = 0
        self.watcher: Deadlines | None = None
        self.moves: list[tuple[Item, float]] = []
        self.forgets: list[Item] = []

    def expire(self) -> None:
        """Note the expiry and do to others what the test asked for."""
        self.times += 1
        self.deadline = NEVER
        for other, deadline in self.moves:
            other.deadline = deadline
        for other in self.forgets:
            assert self.watcher is not None
            self.watcher.forget(other)
        self.expired.set()


async def test_overdue_item_expires_once() -> None:
    """Nothing happens before the deadline; at it the item expires, and not again."""
    clock = Clock()
    deadlines = Deadlines(clock)
    item = Item(clock() + 5)
    deadlines.watch(item)
    clock.advance(4.9)
    deadlines.sweep()
    assert item.times == 0
    clock.advance(0.1)
    deadlines.sweep()
    deadlines.sweep()
    assert item.times == 1
    deadlines.close()


async def test_owner_moves_its_deadline_freely() -> None:
    """A deadline that was moved counts from where it is now."""
    clock = Clock()
    deadlines = Deadlines(clock)
    item = Item(clock() + 1)
    deadlines.watch(item)
    item.deadline += 10
    clock.advance(5)
    deadlines.sweep()
    assert item.times == 0
    clock.advance(6)
    deadlines.sweep()
    assert item.times == 1
    deadlines.close()


async def test_no_deadline_never_passes() -> None:
    """An item without a deadline waits for ever."""
    clock = Clock()
    deadlines = Deadlines(clock)
    item = Item(NEVER)
    deadlines.watch(item)
    clock.advance(1e12)
    deadlines.sweep()
    assert item.times == 0
    deadlines.close()


async def test_forgotten_item_is_left_alone() -> None:
    """Forgetting ends the watch, twice as well as once, unknown items too."""
    clock = Clock()
    deadlines = Deadlines(clock)
    item = Item(clock())
    deadlines.forget(item)
    deadlines.watch(item)
    deadlines.forget(item)
    deadlines.forget(item)
    deadlines.sweep()
    assert item.times == 0
    deadlines.close()


@pytest.mark.parametrize("act", ["moves", "forgets"])
async def test_expiry_of_one_spares_another(act: str) -> None:
    """When two are overdue and the first to expire moves or ends the other, that one does not expire."""
    clock = Clock()
    deadlines = Deadlines(clock)
    first, second = Item(clock()), Item(clock())
    for item, other in ((first, second), (second, first)):
        item.watcher = deadlines
        if act == "moves":
            item.moves = [(other, clock() + 10)]
        else:
            item.forgets = [other]
        deadlines.watch(item)
    deadlines.sweep()
    assert first.times + second.times == 1
    deadlines.close()


async def test_timer_looks_by_itself() -> None:
    """Real time: a watched item expires without anyone asking, though it was not due at the first tick."""
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop.time, tick=0.005)
    item = Item(loop.time() + 0.02)
    deadlines.watch(item)
    await soon(item.expired.wait())
    assert item.times == 1
    deadlines.close()


async def test_timer_stops_when_nothing_is_watched_and_starts_again() -> None:
    """The timer runs only while there is something to look at, and one timer serves all."""
    clock = Clock()
    deadlines = Deadlines(clock, tick=0.001)
    first = Item(clock())
    first.watcher = deadlines
    first.forgets = [first]
    deadlines.watch(first)
    await soon(first.expired.wait())
    await asyncio.sleep(0)
    assert deadlines._timer is None
    second, third = Item(clock()), Item(clock())
    deadlines.watch(second)
    timer = deadlines._timer
    deadlines.watch(third)
    assert deadlines._timer is timer
    await soon(second.expired.wait())
    await soon(third.expired.wait())
    deadlines.close()


async def test_watching_from_an_expiry_keeps_one_timer() -> None:
    """An expiry that watches something new does not double the timer."""
    clock = Clock()
    deadlines = Deadlines(clock, tick=0.001)
    late = Item(clock())

    class Starter(Item):
        def expire(self) -> None:
            super().expire()
            deadlines.forget(self)
            deadlines.watch(late)

    deadlines.watch(Starter(clock()))
    await soon(late.expired.wait())
    assert late.times == 1
    deadlines.close()


async def test_close_forgets_everything() -> None:
    """After close nothing expires any more; closing again is fine."""
    clock = Clock()
    deadlines = Deadlines(clock, tick=0.001)
    item, later, witness = Item(clock()), Deadlines(clock, tick=0.001), Item(clock())
    deadlines.watch(item)
    deadlines.close()
    deadlines.close()
    deadlines.sweep()
    later.watch(witness)
    await eventually(lambda: witness.times > 0)
    later.close()
    assert item.times == 0


async def test_failing_expiry_spares_those_behind_it() -> None:
    """Whatever one of them raises, all have their turn, and the loop is told of the fault."""
    clock = Clock()
    deadlines = Deadlines(clock, tick=3600)
    faults: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))

    class Failing(Item):
        def expire(self) -> None:
            super().expire()
            raise LookupError

    items = [Failing(clock()) for _ in range(3)]
    for item in items:
        deadlines.watch(item)
    deadlines.sweep()
    assert [item.times for item in items] == [1, 1, 1]
    assert [type(fault) for fault in faults] == [LookupError] * 3
    deadlines.close()
