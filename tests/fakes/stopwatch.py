"""Time that a test had: what a busy or halted machine took away does not count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType

from tests.fakes.gates import PATIENCE

TICK = 0.01


class Stopwatch:
    """Call it for the seconds since its block began, in ticks that the event loop could take.

    It is for saying that something waits for no time limit but one. What blocks the loop itself goes unseen.
    """

    def __init__(self) -> None:
        self._ticks = 0
        self._next: asyncio.TimerHandle

    def __enter__(self) -> Stopwatch:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._next.cancel()

    def __call__(self) -> float:
        return self._ticks * TICK

    def _start(self) -> None:
        self._next = asyncio.get_running_loop().call_later(TICK, self._tick)

    def _tick(self) -> None:
        self._ticks += 1
        self._start()


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Fail a block that takes longer, by a stopwatch; one that never ends hangs no test."""
    with Stopwatch() as watch:
        async with asyncio.timeout(PATIENCE):
            yield
    assert watch() < seconds
