"""Tells when the files of a configuration have changed, however that was done.

Editors write in place or swap files; ConfigMaps swap a symbolic link two folders away.  So folders are
watched, and what counts is whether a file is another one than before; where the system tells nothing (a
network file system), the files are looked at from time to time.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from pathlib import Path

from watchfiles import awatch

logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of each change it sees

QUIET_SECONDS = 0.1
LOOK_SECONDS = 5.0

Mark = tuple[tuple[str, int, int, int], ...]


def mark_of(files: Iterable[Path]) -> Mark:
    """Return what changes when one of the files is written or replaced; a missing file has a mark too."""
    marks = []
    for file in files:
        try:
            found = file.stat()
            marks.append((str(file), found.st_ino, found.st_mtime_ns, found.st_size))
        except OSError:
            marks.append((str(file), 0, 0, 0))
    return tuple(marks)


def folders_of(files: Iterable[Path]) -> set[Path]:
    """Return the folders in which a change of the files shows: theirs, and where symbolic links lead."""
    folders = {file.parent for file in files} | {Path(os.path.realpath(file)).parent for file in files}
    return {folder for folder in folders if folder.is_dir()}


class Watch:
    """Watches the files that `files` names, anew after each change."""

    def __init__(
        self,
        files: Callable[[], Iterable[Path]],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._files = files
        self._pause = pause
        self._look_seconds = look_seconds

    async def changes(self) -> AsyncIterator[None]:
        """Yield after each change, once nothing was written for a moment."""
        files = tuple(self._files())
        seen = mark_of(files)
        while True:
            async with aclosing(self._stirrings(files)) as stirrings:
                async for _ in stirrings:
                    if mark_of(files) != seen:
                        break
            seen = await self._settled(files)
            yield
            files = tuple(self._files())
            # What was written meanwhile counts as a change; of other files nothing is known yet.
            known = {mark[0]: mark for mark in seen}
            seen = tuple(known.get(mark[0], mark) for mark in mark_of(files))

    async def _stirrings(self, files: tuple[Path, ...]) -> AsyncGenerator[None, None]:
        """Yield whenever something may have changed, first of all now."""
        yield
        # A folder that goes just now, and a system that watches no more of them, leave looking.
        with suppress(OSError, RuntimeError):
            async for _ in awatch(
                *folders_of(files),
                recursive=False,
                step=20,
                debounce=50,
                rust_timeout=round(self._look_seconds * 1000),
                yield_on_timeout=True,
                watch_filter=None,
                ignore_permission_denied=True,
            ):
                yield
        while True:
            await self._pause(self._look_seconds)
            yield

    async def _settled(self, files: tuple[Path, ...]) -> Mark:
        """Wait until the files stay as they are for a moment."""
        mark = mark_of(files)
        while True:
            await self._pause(QUIET_SECONDS)
            later = mark_of(files)
            if later == mark:
                return mark
            mark = later
