"""What came of everything that was tried, and what of it a restart of the upstream explains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

AFTER_SECONDS = 3.0  # a server that was ejected comes back slowly
SHOWN = 10


@dataclass(slots=True)
class Outcomes:
    """`good`, `explained` and `failed` count by kind; `failures` holds the first few of the last in words.

    A failure is explained where what failed was under way while the upstream was down, or soon after.
    """

    clock: Callable[[], float]
    good: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    restarts: int = 0
    _down_since: float | None = None
    _up_at: float = float("-inf")

    def upstream_down(self) -> None:
        """Note that the upstream is about to be killed."""
        self._down_since = self.clock()

    def upstream_up(self) -> None:
        """Note that it is back."""
        self._down_since = None
        self._up_at = self.clock()
        self.restarts += 1

    def succeeded(self, kind: str) -> None:
        """Count."""
        self.good[kind] += 1

    def fell_through(self, kind: str, began: float, how: str) -> None:
        """Count a failure of something that began at this time."""
        if self._down_since is not None or began < self._up_at + AFTER_SECONDS:
            self.explained[kind] += 1
            return
        self.failed[kind] += 1
        if len(self.failures) < SHOWN:
            self.failures.append(f"{kind}: {how}")

    @property
    def kinds(self) -> list[str]:
        """Everything that was tried."""
        return sorted({*self.good, *self.explained, *self.failed})
