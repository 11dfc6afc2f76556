"""What the operator's own process uses: CPU time, memory, uptime."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """CPU and uptime in seconds, resident memory in bytes."""

    cpu_seconds: float
    rss_bytes: int
    uptime_seconds: float


class ProcessMeter:
    """Samples this process; uptime counts from when the meter was made."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, statm: Path = Path("/proc/self/statm")
    ) -> None:
        self._clock = clock
        self._started = clock()
        self._statm = statm

    def sample(self) -> ProcessFigures:
        """Return the figures of this moment."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return ProcessFigures(
            cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3),
            rss_bytes=self._resident_bytes(usage.ru_maxrss * 1024),
            uptime_seconds=round(self._clock() - self._started, 3),
        )

    def _resident_bytes(self, peak: int) -> int:
        try:
            pages = int(self._statm.read_text(encoding="ascii").split()[1])
        except OSError:  # no /proc on this system: the peak is what it tells
            return peak
        return pages * resource.getpagesize()
