"""Waiting without sleeping: bounded waits and named gates that a test opens."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 15.0


async def soon(awaitable: Awaitable[T], seconds: float = PATIENCE) -> T:
    """Await with a bound, so that what never comes fails the test instead of hanging it."""
    return await asyncio.wait_for(awaitable, seconds)


async def eventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Poll a fact that nothing announces, like the kernel's tables; TimeoutError when it never holds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - nothing else reports it
            await asyncio.sleep(0.01)


class Gates:
    """Named events: a fake waits at one, the test opens it."""

    def __init__(self) -> None:
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def open(self, name: str) -> None:
        """Let everyone through who waits or will wait there."""
        self._events[name].set()

    async def passed(self, name: str) -> None:
        """Wait until the gate is open."""
        await self._events[name].wait()
