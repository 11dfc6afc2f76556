"""A file that log lines are appended to, and opened again when it was moved away.

Knows paths and descriptors, nothing of lines.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

MODE = 0o640
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC

Place = tuple[int, int, int]


class LogFile:
    """An open file that is made where there is none.  Raises OSError where it can't be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, _FLAGS, MODE)

    def reopen(self) -> None:
        """Go on in the file that has the path now; raises OSError and goes on in the old one."""
        fresh = os.open(self.path, _FLAGS, MODE)
        os.close(self.fd)
        self.fd = fresh

    def close(self) -> None:
        """Close it for good."""
        os.close(self.fd)


def place_of(fd: int) -> Place | None:
    """Return which file a descriptor is and where its end is; None for what is no regular file."""
    try:
        facts = os.fstat(fd)
    except OSError:
        return None
    return (facts.st_dev, facts.st_ino, facts.st_size) if stat.S_ISREG(facts.st_mode) else None
