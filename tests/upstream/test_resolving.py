"""Names of servers: when they are looked up, which address is used, and what a failure changes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from tentaculo.upstream.deadlines import NEVER, Deadlines
from tentaculo.upstream.resolving import (
    AGAIN_SECONDS,
    DOUBT_SECONDS,
    REFRESH_SECONDS,
    Resolver,
    is_literal,
    look_up,
)
from tests.fakes.clock import Clock
from tests.fakes.gates import Gates, eventually, soon
from tests.fakes.stopwatch import within

ONE, TWO, THREE = "192.0.2.1", "192.0.2.2", "2001:db8::3"


class Names:
    """A resolver for one name; its look-ups answer with `found`, or fail where that is empty.

    `gates` named `lookup` holds look-ups up while `held`.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock, tick=3600)
        self.gates = Gates()
        self.found = [ONE, TWO, THREE]
        self.held = False
        self.answers_nothing = False
        self.used = True
        self.lookups: list[tuple[str, int]] = []
        self.changes = 0
        self.events: list[str] = []
        self.resolver = Resolver(
            "backend.test",
            8080,
            self.deadlines,
            in_use=lambda: self.used,
            changed=self._changed,
            tell=lambda level, event: self.events.append(f"{level} {event}"),
            lookup=self._look_up,
        )

    async def choices(self) -> list[str]:
        """Ask for the addresses."""
        return await soon(self.resolver.choices())

    async def refresh(self, *found: str, after: float = REFRESH_SECONDS) -> None:
        """Let the time for another look-up come, and its answer."""
        self.found, count = list(found), len(self.lookups)
        self.clock.advance(after)
        self.deadlines.sweep()
        await eventually(lambda: len(self.lookups) > count and self.resolver._looking is None)

    async def _look_up(self, host: str, port: int) -> list[str]:
        self.lookups.append((host, port))
        if self.held:
            await self.gates.passed("lookup")
        if self.answers_nothing:
            return []
        if not self.found:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return self.found

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    """A name that was not used yet."""
    names = Names()
    yield names
    names.resolver.close()
    names.deadlines.close()


@pytest.mark.parametrize(
    ("host", "literal"),
    [("127.0.0.1", True), ("::1", True), ("localhost", False), ("backend", False), ("1.2.3", False)],
)
def test_literals(host: str, literal: bool) -> None:
    """An address is one in whole."""
    assert is_literal(host) is literal


async def test_system_knows_the_loopback() -> None:
    """The system's own look-up gives addresses."""
    assert set(await soon(look_up("localhost", 80))) <= {"127.0.0.1", "::1"}


async def test_impossible_name_is_an_ordinary_failure() -> None:
    """What can't be written as a name fails like one that nobody knows."""
    with pytest.raises(OSError):  # noqa: PT011 - which one is the loop's affair
        await soon(look_up("a" * 64 + ".test", 80))


# Looking up.


async def test_first_use_looks_up(names: Names) -> None:
    """Nothing is looked up before it is needed, and then once."""
    assert (names.lookups, names.resolver.addresses) == ([], ())
    await names.choices()
    await names.choices()
    assert names.lookups == [("backend.test", 8080)]
    assert names.resolver.addresses == (ONE, TWO, THREE)


async def test_all_who_come_at_once_share_a_lookup(names: Names) -> None:
    """One that goes away does not end it for the others."""
    names.held = True
    waiting = [asyncio.ensure_future(names.resolver.choices()) for _ in range(3)]
    await eventually(lambda: len(names.lookups) == 1)
    waiting[0].cancel()
    names.gates.open("lookup")
    assert [sorted(await soon(each)) for each in waiting[1:]] == [[ONE, TWO, THREE]] * 2
    assert len(names.lookups) == 1


async def test_addresses_take_turns(names: Names) -> None:
    """Each is in its turn the first; each comes once, though the system may say it twice."""
    names.found = [ONE, ONE, TWO, THREE, TWO]
    orders = [await names.choices() for _ in range(4)]
    assert orders == [[TWO, THREE, ONE], [THREE, ONE, TWO], [ONE, TWO, THREE], [TWO, THREE, ONE]]


async def test_failed_addresses_are_the_last(names: Names) -> None:
    """Up to the next look-up, or a connection, the others are tried before."""
    names.resolver.failed(TWO)
    assert await names.choices() == [TWO, THREE, ONE]  # a look-up forgets it
    names.resolver.failed(THREE)
    assert await names.choices() == [ONE, TWO, THREE]
    names.resolver.failed(ONE)
    assert await names.choices() == [TWO, ONE, THREE]
    names.resolver.connected(ONE)
    assert await names.choices() == [TWO, ONE, THREE]
    assert await names.choices() == [ONE, TWO, THREE]
    await names.refresh(ONE, TWO, THREE)
    assert {(await names.choices())[0] for _ in range(3)} == {ONE, TWO, THREE}


async def test_name_in_use_is_looked_up_again(names: Names) -> None:
    """In the background, and its new addresses are told."""
    await names.choices()
    assert names.changes == 1
    names.clock.advance(REFRESH_SECONDS - 0.1)
    names.deadlines.sweep()
    assert len(names.lookups) == 1
    await names.refresh(TWO, after=0.1)
    assert (names.resolver.addresses, names.changes) == ((TWO,), 2)
    await names.refresh(TWO)
    assert (len(names.lookups), names.changes) == (3, 2)


async def test_order_is_no_change(names: Names) -> None:
    """Name servers turn their answers: nobody is told of that."""
    await names.choices()
    await names.refresh(THREE, ONE, TWO)
    assert names.changes == 1


async def test_old_addresses_stand_during_a_lookup(names: Names) -> None:
    """Who connects while it is looked up again does not wait."""
    await names.choices()
    names.held = True
    names.clock.advance(REFRESH_SECONDS)
    names.deadlines.sweep()
    await eventually(lambda: len(names.lookups) == 2)
    assert sorted(await names.choices()) == [ONE, TWO, THREE]
    assert len(names.lookups) == 2


async def test_name_out_of_use_is_left_alone(names: Names) -> None:
    """Nothing is looked up for nobody; the next use waits for a new answer."""
    await names.choices()
    names.used = False
    names.clock.advance(REFRESH_SECONDS)
    names.deadlines.sweep()
    assert names.resolver.deadline == NEVER
    assert not names.deadlines._watched
    assert len(names.lookups) == 1
    names.found = [TWO]
    assert await names.choices() == [TWO]


# Failures.


async def test_name_that_nobody_knows(names: Names) -> None:
    """It fails for each who asks, and is told once; an answer is told too."""
    names.found = []
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            await names.choices()
    assert (len(names.lookups), names.events) == (2, ["warning lookup.failed"])
    names.found = [ONE]
    assert await names.choices() == [ONE]
    assert names.events == ["warning lookup.failed", "info lookup.recovered"]


async def test_failure_keeps_the_old_addresses(names: Names) -> None:
    """It is tried again soon, and told once."""
    await names.choices()
    await names.refresh()
    assert sorted(await names.choices()) == [ONE, TWO, THREE]
    assert names.events == ["warning lookup.failed"]
    await names.refresh(after=AGAIN_SECONDS)
    assert names.events == ["warning lookup.failed"]
    await names.refresh(ONE, after=AGAIN_SECONDS)
    assert names.events == ["warning lookup.failed", "info lookup.recovered"]
    assert await names.choices() == [ONE]
    assert names.changes == 2


async def test_failure_after_a_pause_keeps_them_too(names: Names) -> None:
    """A name out of use that can't be looked up is used as it was, and not asked for at each call."""
    await names.choices()
    names.used = False
    names.clock.advance(REFRESH_SECONDS)
    names.deadlines.sweep()
    names.found = []
    for _ in range(3):
        assert sorted(await names.choices()) == [ONE, TWO, THREE]
    assert len(names.lookups) == 2


async def test_silence_after_a_pause_is_not_waited_for(names: Names) -> None:
    """Where the system does not answer, old addresses are used before a connect timeout is over."""
    await names.choices()
    names.used = False
    names.clock.advance(REFRESH_SECONDS)
    names.deadlines.sweep()
    names.held = True
    assert sorted(await names.choices()) == [ONE, TWO, THREE]
    async with within(0.25):  # only the first one waited
        assert sorted(await names.resolver.choices()) == [ONE, TWO, THREE]
    names.found = [TWO]
    names.gates.open("lookup")
    await eventually(lambda: names.resolver.addresses == (TWO,))


async def test_empty_answer_is_a_failure(names: Names) -> None:
    """No address is no answer."""
    await names.choices()
    names.answers_nothing = True
    names.clock.advance(REFRESH_SECONDS)
    names.deadlines.sweep()
    await eventually(lambda: bool(names.events))
    assert sorted(names.resolver.addresses) == [ONE, TWO, THREE]


async def test_close_ends_a_lookup(names: Names) -> None:
    """Nothing is left running, and who waited is told that there is no address."""
    names.held = True
    waiting = asyncio.ensure_future(names.resolver.choices())
    await eventually(lambda: len(names.lookups) == 1)
    names.resolver.close()
    with pytest.raises(OSError):  # noqa: PT011
        await soon(waiting)
    assert names.resolver._looking is None
    assert not names.deadlines._watched


# Doubt.


async def test_doubt_looks_up_before_the_next_use(names: Names) -> None:
    """Where no address took a connection there may be others; but it is not asked all the time."""
    await names.choices()
    names.found = [THREE]
    names.resolver.doubt()
    assert len(await names.choices()) == 3
    names.clock.advance(DOUBT_SECONDS)
    names.resolver.doubt()
    assert await names.choices() == [THREE]
    assert len(names.lookups) == 2


async def test_doubt_that_is_not_answered(names: Names) -> None:
    """The old addresses stand."""
    await names.choices()
    names.found = []
    names.clock.advance(DOUBT_SECONDS)
    names.resolver.doubt()
    assert sorted(await names.choices()) == sorted([ONE, TWO, THREE])
    assert names.events == ["warning lookup.failed"]
