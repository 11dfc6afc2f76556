"""How much memory a process holds, and whether passing bytes through made it grow."""

from __future__ import annotations

import gc
import os
from pathlib import Path

MIB = 1024 * 1024


def resident_bytes(pid: int | None = None) -> int:
    """Read a process's resident memory."""
    pages = Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def settled_bytes() -> int:
    """Read this process's resident memory after a collection."""
    gc.collect()
    return resident_bytes()
