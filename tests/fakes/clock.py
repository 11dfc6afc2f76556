"""A clock that stands still until the test moves it."""

from __future__ import annotations


class Clock:
    """Call it for the time in seconds, like `time.monotonic`."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
