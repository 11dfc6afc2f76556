"""When a worker that has ended is started again: at once, unless it keeps ending before it serves.  Pure."""

from __future__ import annotations

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 10.0


class Restarts:
    """The starts of one worker and those in place of it."""

    def __init__(self) -> None:
        self._pause = 0.0

    def next_pause(self, *, has_served: bool) -> float:
        """Return how long to wait, now that one has ended: twice as long each time that it never served."""
        if has_served:
            self._pause = 0.0
            return 0.0
        pause = self._pause
        self._pause = min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        return pause
