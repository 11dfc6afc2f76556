"""After a fault, steps fail at once for a growing time; then one of them tries.

Pure but for the clock: it knows no driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tentaculo.access.store import TokenStoreUnavailable

FIRST = 0.1
LONGEST = 2.0


class Breaker:
    """Decides whether a step may be tried at all; `clock` in seconds."""

    __slots__ = ("_clock", "_open_until", "_pause", "_trying")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pause = 0.0  # of the fault before; zero while closed
        self._open_until = 0.0
        self._trying = False

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Hold it around a step; raises TokenStoreUnavailable at once where none may be tried."""
        trial = self._enter()
        try:
            yield
        except TokenStoreUnavailable:
            # What began before the fault and fails after it says nothing new.
            if trial or not self._pause:
                self._open()
            raise
        else:
            if trial:
                self._pause = 0.0
        finally:
            # A caller that went away mid-trial proved nothing: the next step tries.
            if trial:
                self._trying = False

    def _enter(self) -> bool:
        if not self._pause:
            return False
        if self._trying or self._clock() < self._open_until:
            raise TokenStoreUnavailable("paused after a fault")
        self._trying = True
        return True

    def _open(self) -> None:
        self._pause = min(max(self._pause * 2, FIRST), LONGEST)
        self._open_until = self._clock() + self._pause
