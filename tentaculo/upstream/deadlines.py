"""Many deadlines on one timer: whoever is overdue at a tick is expired.

A deadline is an attribute that its owner moves at no cost; nothing is scheduled per read or write.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

TICK_SECONDS = 0.1
NEVER = float("inf")


class Expiring(Protocol):
    """Something with a deadline, in seconds of the clock of its `Deadlines`."""

    deadline: float

    def expire(self) -> None:
        """Act on the passed deadline: move it, or stop being watched."""


class Deadlines:
    """Watches deadlines; each is noticed at most one tick late."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, tick: float = TICK_SECONDS) -> None:
        self.clock = clock
        self._tick = tick
        self._watched: set[Expiring] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, item: Expiring) -> None:
        """Expire `item` once its deadline has passed, until it is forgotten."""
        self._watched.add(item)
        self._start_timer()

    def forget(self, item: Expiring) -> None:
        """Stop watching; forgetting twice is fine."""
        self._watched.discard(item)

    def sweep(self) -> None:
        """Expire what is overdue now."""
        now = self.clock()
        for item in [item for item in self._watched if item.deadline <= now]:
            if item.deadline <= now and item in self._watched:  # one may have moved or ended another
                _expire(item)

    def close(self) -> None:
        """Stop the timer and forget everything."""
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_tick(self) -> None:
        self._timer = None
        self.sweep()
        if self._watched:
            self._start_timer()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._tick, self._on_tick)


def _expire(item: Expiring) -> None:
    """Expire one; whatever it does, those behind it have their turn."""
    try:
        item.expire()
    except Exception as fault:
        context = {"message": "an expiry failed", "exception": fault}
        asyncio.get_running_loop().call_exception_handler(context)
