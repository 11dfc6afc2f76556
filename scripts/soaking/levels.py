"""How much a gateway holds: what the system tells of its process, and what it says itself is open."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
OPEN = re.compile(r"^(tentaculo_\w*open|tentaculo_shared_stream_clients)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
MEMORY_SHARE = 0.05
MEMORY_MIB = 6.0
DESCRIPTORS = 2


@dataclass(frozen=True, slots=True)
class Level:
    """Resident memory in MiB, counts of descriptors and threads, and the sum of all gauges of open things."""

    memory: float
    descriptors: int
    threads: int
    open_things: int


@dataclass(frozen=True, slots=True)
class Row:
    """One figure before and after, and how much more is still level."""

    name: str
    before: float
    after: float
    allowed: float

    @property
    def level(self) -> bool:
        """Whether it ended where it began."""
        return self.after <= self.before + self.allowed


def read_level(pid: int, exposition: str) -> Level:
    """Read a process; connections of the scrape itself are the admin listener's, and not counted there."""
    process = Path(f"/proc/{pid}")
    pages = int((process / "statm").read_text().split()[1])
    return Level(
        memory=pages * os.sysconf("SC_PAGE_SIZE") / MIB,
        descriptors=sum(1 for _ in (process / "fd").iterdir()),
        threads=sum(1 for _ in (process / "task").iterdir()),
        open_things=open_things(exposition),
    )


def open_things(exposition: str) -> int:
    """Sum what a gateway says is open."""
    return round(sum(float(value) for _, value in OPEN.findall(exposition)))


def compare(before: Level, after: Level) -> list[Row]:
    """Set two levels side by side, with the tolerances."""
    return [
        Row("memory, MiB", before.memory, after.memory, MEMORY_MIB + MEMORY_SHARE * before.memory),
        Row("descriptors", before.descriptors, after.descriptors, DESCRIPTORS),
        Row("threads", before.threads, after.threads, 0),
        Row("open connections and streams", before.open_things, after.open_things, 0),
    ]
