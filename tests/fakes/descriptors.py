"""Descriptors of this process: what one of them is, and a system that has none left."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INTERVAL = re.compile(r"^it_interval: \((\d+), (\d+)\)$", re.MULTILINE)


def ticks_of(descriptor: int) -> float | None:
    """Return after how many seconds a timer ticks again, or None of what is no timer."""
    found = _INTERVAL.search(Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii"))
    return found and int(found[1]) + int(found[2]) / 1e9


@contextmanager
def all_taken() -> Iterator[None]:
    """Have the system refuse any further descriptor to this process for the length of the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
