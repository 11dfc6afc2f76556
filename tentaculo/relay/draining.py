"""How the gateway lets go of its clients when it stops: in numbered steps, within a hard cap.

Streams end in waves, since all their clients come again at once to whoever serves them next.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tentaculo.config.settings import DrainSettings
from tentaculo.relay.streams import Endable, Streams
from tentaculo.telemetry.metrics import Metrics

REASON = "draining"
WAVE_SECONDS = 0.05
SETTLE_SECONDS = 0.2  # what was told to end goes through the event loop once more

Pick = Callable[[Sequence[Endable], int], Sequence[Endable]]


class Drainable(Protocol):
    """What a drain needs of the relay."""

    streams: Streams
    metrics: Metrics

    @property
    def open_exchanges(self) -> int:
        """How many exchanges are not over; streams are among them."""

    def drain(self) -> None:
        """Tell health checks and clients that this is the end."""

    async def finished(self, seconds: float) -> bool:
        """Wait until no exchange is left; return whether that came within `seconds`."""

    def cut_all(self) -> None:
        """End every exchange at once."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What became of what was open; `seconds` is how long it took."""

    streams_ended: int
    exchanges_cut: int
    seconds: float


class Drain:
    """One drain; `hurried` set cuts it short, `close_listeners` lets nobody in any more.

    `proxies` is how many connections of trusted peers are left.
    """

    def __init__(
        self,
        relay: Drainable,
        settings: DrainSettings,
        *,
        close_listeners: Callable[[], Awaitable[None]],
        proxies: Callable[[], int],
        hurried: asyncio.Event,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pick: Pick = random.sample,
    ) -> None:
        self._relay = relay
        self._settings = settings
        self._close_listeners = close_listeners
        self._proxies = proxies
        self._hurried = hurried
        self._clock = clock
        self._pause = pause
        self._pick = pick
        self._began = clock()
        self._told: set[Endable] = set()

    async def run(self) -> Drained:
        """Go through all the steps; never longer than the hard cap, and a moment to settle."""
        # 1. Not ready.
        self._relay.drain()
        # 2. No new connections.  Those that are there may bring one more call or stream each.
        await self._close_listeners()
        # 3. Streams end in waves, and 4. exchanges finish; a second signal breaks that off.
        await self._unless_hurried(self._let_go())
        # 5. What is left is cut.
        cut = await self._cut()
        return Drained(len(self._told), cut, self._clock() - self._began)

    async def _let_go(self) -> None:
        await self._end_streams()
        await self._relay.finished(max(0.0, self._settings.hard_cap - self._passed))

    @property
    def _passed(self) -> float:
        return self._clock() - self._began

    async def _end_streams(self) -> None:
        relay, settings = self._relay, self._settings
        seconds = min(settings.time, settings.hard_cap - SETTLE_SECONDS)
        since = WAVE_SECONDS  # the last wave: where the event loop is busy, that is more
        while (left := seconds - self._passed) > since:
            # A proxy may be sending a call into a connection that is idle, and repeats none that was lost.
            if not (relay.open_exchanges or self._proxies()):
                break
            at, streams = self._clock(), self._untold()
            self._end(self._pick(streams, wave_size(len(streams), since, left)))
            await self._pause(WAVE_SECONDS)
            since = self._clock() - at
        relay.streams.closed = True
        self._end(self._untold())

    def _untold(self) -> list[Endable]:
        return [stream for stream in self._relay.streams.all_open() if stream not in self._told]

    def _end(self, wave: Sequence[Endable]) -> None:
        self._told.update(wave)
        for stream in wave:
            stream.end_stream(REASON)

    async def _unless_hurried(self, gentle: Awaitable[None]) -> None:
        steps, hurried = asyncio.ensure_future(gentle), asyncio.ensure_future(self._hurried.wait())
        await asyncio.wait((steps, hurried), return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not steps.cancel():
            steps.result()

    async def _cut(self) -> int:
        """Cut what is left, and return how many exchanges that were."""
        left, streams = self._relay.open_exchanges, len(self._relay.streams)
        if left:
            self._relay.metrics.exchanges_cut("stream", streams)
            self._relay.metrics.exchanges_cut("call", left - streams)
            self._relay.cut_all()
            await self._relay.finished(SETTLE_SECONDS)
        return left


def wave_size(count: int, since: float, left: float) -> int:
    """Return how many of `count` streams end `since` the last wave, if all are to end in `left` seconds."""
    return math.ceil(count * since / left)
