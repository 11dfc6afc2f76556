"""Reads that are gathered: where many connections have something, none wakes the event loop by itself.

Waking up is a good part of what an event costs.  It knows sockets and when they are read, nothing of
what is in them.
"""

from __future__ import annotations

import asyncio
import os
import select
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from tentaculo.upstream.ticker import IS_POSSIBLE as CAN_TICK
from tentaculo.upstream.ticker import Ticker

TICKS: Final = 8  # are looked at together, since one says little
MANY: Final = 24  # in the time of so many ticks are worth the wait
FEW: Final = 16  # are not; less than many, since to begin and to end costs something too
PIECE_BYTES: Final = 64 * 1024
BULK_BYTES: Final = 16 * 1024  # whoever has so much at a time would be slowed down by waiting
IS_POSSIBLE: Final = hasattr(select, "epoll") and CAN_TICK


class Member(Protocol):
    """A connection whose transport does not read while it is a member; it is equal to itself alone."""

    @property
    def is_open(self) -> bool:
        """Whether the socket is its own still."""

    def data_received(self, data: bytes) -> None:
        """Take what was read."""

    def read_alone(self) -> None:
        """Leave, and be read by the transport, which finds that the other side has ended."""

    def break_off(self) -> None:
        """Leave and close, and tell whoever waits for more that it broke."""


class Gathering:
    """Reads its members' sockets: at once while few have something, else all of them each `seconds`.

    Few is less than MANY within TICKS times `seconds`, and again when so many ticks have found no more than
    FEW, or one BULK_BYTES of one member.  `clock` counts seconds.  Needs epoll and timerfd, where
    IS_POSSIBLE; holds a descriptor while it has members, and one more while they wait.
    """

    def __init__(
        self,
        seconds: float,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._loop: Any = loop  # uvloop's methods return other things than the types say
        self._clock = clock
        self._poll: select.epoll | None = None
        self._ticker: Ticker | None = None
        self._members: dict[int, Member] = {}
        self._descriptors: dict[Member, int] = {}
        self._since = 0.0
        self._count = 0
        self._ticks = 0
        self._has_bulk = False

    def join(self, member: Member, descriptor: int) -> None:
        """Read a member's open socket from now on, until it leaves; raise OSError where that can't be."""
        poll = self._poll
        if poll is None:
            self._poll = poll = select.epoll()
            self._loop.add_reader(poll.fileno(), self._on_ready)
        try:
            poll.register(descriptor, select.EPOLLIN)
        except OSError:
            self._close_if_empty(poll)
            raise
        self._members[descriptor] = member
        self._descriptors[member] = descriptor

    def leave(self, member: Member) -> None:
        """Read a member no more; leaving twice is fine."""
        descriptor = self._descriptors.pop(member, None)
        if descriptor is None or self._poll is None:
            return
        if self._members.get(descriptor) is member:  # else it was closed, and is another's by now
            del self._members[descriptor]
            with suppress(OSError):  # of one that was closed, epoll has let go by itself
                self._poll.unregister(descriptor)
        self._close_if_empty(self._poll)

    def _close_if_empty(self, poll: select.epoll) -> None:
        if self._members:
            return
        if self._ticker is None:
            self._loop.remove_reader(poll.fileno())
        else:
            self._ticker.close()
            self._ticker = None
        poll.close()
        self._poll = None

    def _on_ready(self) -> None:
        poll, now = self._poll, self._clock()
        if now - self._since >= TICKS * self._seconds:
            self._since, self._count = now, 0
        self._count += self._read()
        if self._count >= MANY and not self._has_bulk and poll is not None and poll is self._poll:
            self._count = self._ticks = 0
            with suppress(OSError):  # no descriptor is left for it: they are read at once, as before
                self._ticker = Ticker(self._seconds, self._on_tick, self._loop)
                self._loop.remove_reader(poll.fileno())

    def _on_tick(self) -> None:
        ticker = self._ticker
        self._count += self._read()
        if ticker is None or ticker is not self._ticker or self._poll is None:  # all have left meanwhile
            return
        self._ticks += 1
        if self._ticks < TICKS and not self._has_bulk:
            return
        is_over = self._has_bulk or self._count <= FEW
        self._count = self._ticks = 0
        if is_over:
            ticker.close()
            self._ticker = None
            self._loop.add_reader(self._poll.fileno(), self._on_ready)

    def _read(self) -> int:
        """Read what is there, and return of how many."""
        self._has_bulk = False
        if self._poll is None:
            return 0
        ready = self._poll.poll(0)
        for descriptor, _ in ready:
            member = self._members.get(descriptor)
            if member is not None and member.is_open:  # one may have ended another
                self._read_one(member, descriptor)
        return len(ready)

    def _read_one(self, member: Member, descriptor: int) -> None:
        try:
            data = os.read(descriptor, PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:  # told once: the transport would take it for a good end
            member.break_off()
            return
        if not data:
            member.read_alone()
            return
        if len(data) >= BULK_BYTES:
            self._has_bulk = True
        try:
            member.data_received(data)
        except Exception as fault:  # whatever one does, those behind it have their turn
            self.leave(member)
            self._loop.call_exception_handler({"message": "a gathered read failed", "exception": fault})
            self._loop.call_soon(member.break_off)
