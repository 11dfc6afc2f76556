"""Has the instances of a gateway know what each other's calls took from their buckets.

No call waits for that. An instance decides at once by its own buckets; what was taken from them since is
charged to the shared ones every PAUSE seconds, in one round trip for all callers, and what all instances
took comes back. To ask for each call would cost more than the call itself, and have every one of them wait
as long as Redis does.

So limits of several instances are approximate. In any `t` seconds the calls of one caller that `n` instances
allow are at most

    rate * t  +  n * (burst + rate * s)

where s is PAUSE and twice the time in which the store answers, and n at most MOST_FILLINGS. That is, in the
long run the rate; at once, up to a burst of each instance that has not heard of the others' yet. What was
taken too much is paid back: who has heard of it allows no call until the shared bucket has a permit again.

A rate limit guards capacity and no secret: it fails open. While the store is away each instance goes on with
its own buckets, so that together they allow `n` times the rate. What was taken meanwhile is never charged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from tentaculo.access.rate_limits import RateLimit
from tentaculo.access.store import TokenStoreUnavailable

PAUSE = 0.1
# A script of more would keep Redis from everyone else for milliseconds.
CHARGED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Charge:
    """What was taken of one caller's bucket: seconds in which it comes back; and in which all of it fills."""

    route: str
    key: str
    taken: float
    filling: float


class RateStore(Protocol):
    """Where instances share their buckets."""

    async def charge(self, charges: Sequence[Charge]) -> Sequence[float]:
        """Take from buckets in one step; return in how many seconds each one is full then.

        Raises TokenStoreUnavailable, within its own short time limit.
        """


class RateSharing:
    """Shares the limits that count at the time; `clock` is the one by which calls take their permits."""

    def __init__(
        self,
        store: RateStore,
        limits: Callable[[], Iterable[RateLimit]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._limits = limits
        self._clock = clock

    async def run(self) -> None:
        """Share for ever; to be ended before the store is closed."""
        while True:
            try:
                await self.share()
            except Exception as fault:  # whatever it is, limits hold on each instance
                _report(fault)
            await asyncio.sleep(PAUSE)

    async def share(self) -> None:
        """Charge what was taken since the last time, and learn what all instances took."""
        taken = _taken(self._limits())
        while part := list(islice(taken, CHARGED_AT_ONCE)):
            charges = [charge for _, charge in part]
            # The answer is older than it is when it comes: so nobody waits for time that it took.
            asked_at = self._clock()
            try:
                answer = await self._store.charge(charges)
            except TokenStoreUnavailable:  # of what it was not told in time, it is never told
                continue
            for (limit, charge), owed in zip(part, answer, strict=True):
                limit.learn(charge.key, asked_at + owed)


def _taken(limits: Iterable[RateLimit]) -> Iterator[tuple[RateLimit, Charge]]:
    for limit in limits:
        for key, count in limit.taken().items():
            yield limit, Charge(limit.route, key, count * limit.interval, limit.filling)


def _report(fault: Exception) -> None:
    context = {"message": "the sharing of rate limits failed", "exception": fault}
    asyncio.get_running_loop().call_exception_handler(context)
