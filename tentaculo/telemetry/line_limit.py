"""Keeps a flood of like events from becoming a flood of log lines; what is left out is counted."""

from __future__ import annotations

import time
from collections.abc import Callable

LINES_PER_SECOND = 5.0


class LineLimit:
    """Lets some lines a second through, and as many at once."""

    __slots__ = ("_clock", "_left", "_rate", "_seen_at", "_suppressed")

    def __init__(self, clock: Callable[[], float] = time.monotonic, rate: float = LINES_PER_SECOND) -> None:
        self._clock = clock
        self._rate = rate
        self._left = rate
        self._seen_at = clock()
        self._suppressed = 0

    def admits(self) -> bool:
        """Return whether a line may be written now; if not it is counted."""
        now = self._clock()
        self._left = min(self._rate, self._left + (now - self._seen_at) * self._rate)
        self._seen_at = now
        if self._left < 1:
            self._suppressed += 1
            return False
        self._left -= 1
        return True

    def take_suppressed(self) -> int:
        """Return how many lines were left out since the last time."""
        count, self._suppressed = self._suppressed, 0
        return count
