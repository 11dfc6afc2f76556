"""A service's work on what its group takes: batch after batch, each acknowledged after it was dealt with.

It goes on through every fault, with back-off, and stops between two batches.  It knows nothing of what the
messages mean.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from examples.vx11.bus_client import BackOff, BusAway, BusClient, MessageRefused, TakenMessage

POLL_SECONDS = 0.5
"""So long may the poll of a service wait for messages: at most so long does its stop wait for the poll."""
STOP_SECONDS = 3.0

Deal = Callable[[Sequence[TakenMessage]], Awaitable[None]]

_log = logging.getLogger("vx11.taking")


class Taker:
    """Takes from `bus`, and awaits `deal` with each batch."""

    def __init__(
        self,
        bus: BusClient,
        deal: Deal,
        *,
        back_off: Callable[[], BackOff] = BackOff,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._bus = bus
        self._deal = deal
        self._back_off = back_off
        self._stop_seconds = stop_seconds
        self._ending = False

    @asynccontextmanager
    async def taking(self, topics: Sequence[str]) -> AsyncIterator[None]:
        """Take for as long as the block; afterwards finish the batch on its way, in `stop_seconds`."""
        task = asyncio.create_task(self._keep_taking(topics), name="vx11-taking")
        try:
            yield
        finally:
            # A batch that was cut off would be dealt with twice.
            self._ending = True
            await asyncio.wait([task], timeout=self._stop_seconds)
            task.cancel()
            await asyncio.wait([task])

    async def _keep_taking(self, topics: Sequence[str]) -> None:
        back_off = self._back_off()
        while not self._ending:
            try:
                await self._take_batch(topics)
                back_off.reset()
            except (BusAway, MessageRefused) as fault:
                _log.warning("taking from madre failed: %s", fault)
                await back_off.pause()
            except Exception as error:
                # The frames only: an exception's text may quote a message, which comes again.
                trace = "".join(traceback.format_tb(error.__traceback__))
                _log.error("%s\n%s", type(error).__name__, trace)
                await back_off.pause()

    async def _take_batch(self, topics: Sequence[str]) -> None:
        if batch := await self._bus.take(topics):
            await self._deal(batch)
            # What is not acknowledged comes again, and is known by its id.
            await self._bus.keep_trying(partial(self._bus.ack, batch))
