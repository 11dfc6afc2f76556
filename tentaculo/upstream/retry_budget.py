"""How many exchanges may be tried again: a share of the calls, so that retries never multiply an outage.

Pure but for the clock.
"""

from __future__ import annotations

from collections.abc import Callable

CAP = 500.0  # as many as a server that dies may have in hand
FLOOR = 10.0  # for upstreams with few calls: so many at once, enough for a breaker to open …
FLOOR_SECONDS = 10.0  # … and again after so long


class RetryBudget:
    """A bucket that each call fills by `share` of a retry, beside a small one that time fills."""

    __slots__ = ("_clock", "_earned", "_floor", "_floor_at", "share")

    def __init__(self, share: float, clock: Callable[[], float]) -> None:
        self.share = share
        self._clock = clock
        self._earned = 0.0
        self._floor = FLOOR
        self._floor_at = clock()

    def take_over(self, previous: RetryBudget) -> None:
        """Go on with what another has left."""
        self._earned = previous._earned
        self._floor = previous._floor
        self._floor_at = previous._floor_at

    def earn(self) -> None:
        """Count a call that is no retry."""
        if self._earned < CAP:
            self._earned += self.share

    def spend(self) -> bool:
        """Take one retry; return whether there was one."""
        if self._earned >= 1:
            self._earned -= 1
            return True
        now = self._clock()
        self._floor = min(FLOOR, self._floor + (now - self._floor_at) * FLOOR / FLOOR_SECONDS)
        self._floor_at = now
        if self._floor < 1:
            return False
        self._floor -= 1
        return True
