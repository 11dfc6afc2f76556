"""What a process tree has used: user and system time, and resident memory, read from /proc.

Times include those of descendants that ended and were waited for. Starts and ends nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Stat:
    """One process: `ticks` is its own and its ended children's time, `pages` its resident memory."""

    pid: int
    parent: int
    ticks: int
    pages: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process tree has used so far."""

    cpu_seconds: float
    resident_bytes: int


def parse_stat(text: str) -> Stat:
    """Read a line of /proc/PID/stat (proc(5)); the name in brackets may hold any character."""
    start, _, rest = text.rpartition(")")
    fields = rest.split()
    user, system, children_user, children_system = map(int, fields[11:15])
    return Stat(
        pid=int(start.partition(" ")[0]),
        parent=int(fields[1]),
        ticks=user + system + children_user + children_system,
        pages=int(fields[21]),
    )


def family(stats: Iterable[Stat], root: int) -> tuple[Stat, ...]:
    """Return `root` and its descendants."""
    children: dict[int, list[Stat]] = {}
    found: list[Stat] = []
    for stat in stats:
        children.setdefault(stat.parent, []).append(stat)
        if stat.pid == root:
            found.append(stat)
    for stat in found:  # grows while it is read
        found.extend(children.get(stat.pid, ()))
    return tuple(found)


def read_usage(root: int, proc: Path = PROC) -> Usage:
    """Return what the process tree of `root` has used; raise ProcessLookupError when it is gone."""
    members = family(_read_stats(proc), root)
    if not members:
        raise ProcessLookupError(f"process {root} is gone")
    return Usage(
        cpu_seconds=sum(member.ticks for member in members) / os.sysconf("SC_CLK_TCK"),
        resident_bytes=sum(member.pages for member in members) * os.sysconf("SC_PAGE_SIZE"),
    )


def _read_stats(proc: Path) -> Iterator[Stat]:
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                yield parse_stat((folder / "stat").read_text(errors="replace"))
