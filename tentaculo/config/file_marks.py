"""What tells a file from the one that was there before, or from none, without reading it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileMark:
    """A file as it was when it was looked at: another mark is another content; zeros are a missing file."""

    path: Path
    inode: int = 0
    modified_ns: int = 0
    size: int = 0


def mark_of(path: Path) -> FileMark:
    """Return the mark of a file as it is now; links are followed, and the path stays as it is."""
    try:
        found = path.stat()
    except OSError:
        return FileMark(path)
    return FileMark(path, found.st_ino, found.st_mtime_ns, found.st_size)


def first_marks(marks: Iterable[FileMark]) -> tuple[FileMark, ...]:
    """Return one mark a file, its first: what was written between two looks counts as a change."""
    found: dict[Path, FileMark] = {}
    for mark in marks:
        found.setdefault(mark.path, mark)
    return tuple(found.values())
