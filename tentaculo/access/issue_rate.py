"""How often a principal may be issued tokens: a bucket of permits that fills up again with time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

from tentaculo.config.settings import PrincipalSettings, Rate


class Bucket:
    """Permits of one holder: `rate.burst` at most, `rate.rate` new ones a second."""

    __slots__ = ("_at", "_permits", "_rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._permits = float(rate.burst)
        self._at = now

    def take(self, now: float) -> int:
        """Take a permit and return 0, or else return after how many whole seconds there is one."""
        rate = self._rate
        self._permits = min(rate.burst, self._permits + max(0.0, now - self._at) * rate.rate)
        self._at = now
        if self._permits >= 1:
            self._permits -= 1
            return 0
        return max(1, math.ceil((1 - self._permits) / rate.rate))


class IssueRates:
    """The buckets of all principals of a snapshot."""

    def __init__(
        self, settings: Iterable[PrincipalSettings], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        now = clock()
        self._buckets = {principal.name: Bucket(principal.issue_rate, now) for principal in settings}

    def take(self, principal: str) -> int:
        """Take a permit of the principal's and return 0, or return in how many seconds there is one."""
        return self._buckets[principal].take(self._clock())
