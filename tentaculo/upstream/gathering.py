"""Reads that are gathered: where many connections have something, none wakes the event loop by itself.

Waking up is a good part of what an event costs.  It knows sockets and when they are read, nothing of
what is in them.
"""

from __future__ import annotations

import asyncio
import os
import select
from contextlib import suppress
from typing import Any, Final, Protocol

FEW: Final = 4  # fewer at a time are not worth the wait
PIECE_BYTES: Final = 64 * 1024
IS_POSSIBLE: Final = hasattr(select, "epoll")


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

    Few is less than FEW within `seconds`.  Needs epoll, where IS_POSSIBLE; holds a descriptor while it has
    members.
    """

    def __init__(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._seconds = seconds
        self._loop: Any = loop  # uvloop's methods return other things than the types say
        self._poll: select.epoll | None = None
        self._members: dict[int, Member] = {}
        self._descriptors: dict[Member, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._count = 0

    def join(self, member: Member, descriptor: int) -> None:
        """Read a member's open socket from now on, until it leaves."""
        if self._poll is None:
            self._poll = select.epoll()
            self._loop.add_reader(self._poll.fileno(), self._on_ready)
        self._poll.register(descriptor, select.EPOLLIN)
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
        if not self._members:
            self._close(self._poll)

    def _close(self, poll: select.epoll) -> None:
        if self._timer is None:
            self._loop.remove_reader(poll.fileno())
        else:
            self._timer.cancel()
            self._timer = None
        poll.close()
        self._poll = None

    def _on_ready(self) -> None:
        poll, now = self._poll, self._loop.time()
        if now - self._since >= self._seconds:
            self._since, self._count = now, 0
        self._count += self._read()
        if self._count >= FEW and poll is not None and poll is self._poll:
            self._loop.remove_reader(poll.fileno())
            self._timer = self._loop.call_later(self._seconds, self._on_time)

    def _on_time(self) -> None:
        poll, count = self._poll, self._read()
        if poll is None or poll is not self._poll:  # all have left, and perhaps others have come
            return
        if count >= FEW:
            self._timer = self._loop.call_later(self._seconds, self._on_time)
        else:
            self._timer = None
            self._loop.add_reader(poll.fileno(), self._on_ready)

    def _read(self) -> int:
        """Read what is there, and return of how many."""
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
        try:
            member.data_received(data)
        except Exception as fault:  # whatever one does, those behind it have their turn
            self.leave(member)
            self._loop.call_exception_handler({"message": "a gathered read failed", "exception": fault})
            self._loop.call_soon(member.break_off)
