"""Buckets that instances share, in memory: a store of rates that a test can take away or have wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tentaculo.access.rate_limits import MOST_FILLINGS
from tentaculo.access.rate_sharing import Charge
from tentaculo.access.store import TokenStoreUnavailable
from tests.fakes.clock import Clock


class FaultyRates:
    """Answers while it is not `away`, once it `delivers`; `fault` is raised by each step.

    `charged` are the charges of each step.
    """

    def __init__(self, clock: Clock) -> None:
        self.away = False
        self.fault: Exception | None = None
        self.delivers = asyncio.Event()
        self.delivers.set()
        self.charged: list[Sequence[Charge]] = []
        self._clock = clock
        self._full: dict[tuple[str, str], float] = {}

    async def charge(self, charges: Sequence[Charge]) -> Sequence[float]:
        """Take from buckets; return in how many seconds each one is full."""
        self.charged.append(charges)
        if self.away:
            raise TokenStoreUnavailable
        if self.fault is not None:
            raise self.fault
        answer = [self._owed(charge) for charge in charges]
        await self.delivers.wait()
        return answer

    def _owed(self, charge: Charge) -> float:
        now, place = self._clock(), (charge.route, charge.key)
        full = max(self._full.get(place, 0.0), now) + charge.taken
        full = self._full[place] = min(full, now + MOST_FILLINGS * charge.filling)
        return full - now
