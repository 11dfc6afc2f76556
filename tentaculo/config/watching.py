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

from tentaculo.config.file_marks import FileMark, mark_of

logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of each change it sees

QUIET_SECONDS = 0.1
LOOK_SECONDS = 5.0

Marks = dict[Path, FileMark]


def folders_of(files: Iterable[Path]) -> set[Path]:
    """Return the folders in which a change of the files shows: theirs, and where symbolic links lead."""
    folders = {file.parent for file in files} | {Path(os.path.realpath(file)).parent for file in files}
    return {folder for folder in folders if folder.is_dir()}


class Watch:
    """Watches the files that `files` names, anew after each change.

    It names them with the marks that they had before they were read: what is written since is a change.
    """

    def __init__(
        self,
        files: Callable[[], Iterable[FileMark]],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._files = files
        self._pause = pause
        self._look_seconds = look_seconds

    async def changes(self) -> AsyncIterator[None]:
        """Yield after each change, once nothing was written for a moment."""
        seen = self._read()
        while True:
            async with aclosing(self._stirrings(seen)) as stirrings:
                async for _ in stirrings:
                    if _now(seen) != seen:
                        break
            settled = await self._settled(seen)
            yield
            # Where reading fails it tells no new marks, and an edit must not be told of for ever.
            seen = {path: settled.get(path, mark) for path, mark in self._read().items()}

    def _read(self) -> Marks:
        return {mark.path: mark for mark in self._files()}

    async def _stirrings(self, files: Iterable[Path]) -> AsyncGenerator[None, None]:
        """Yield whenever something may have changed, first of all now."""
        yield
        # A folder that goes just now, and a system that watches no more of them, leave looking.
        with suppress(OSError, RuntimeError):
            async for _ in awatch(
                *folders_of(files),
                recursive=False,
                step=50,
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

    async def _settled(self, files: Iterable[Path]) -> Marks:
        """Wait until the files stay as they are for a moment."""
        marks = _now(files)
        while True:
            await self._pause(QUIET_SECONDS)
            later = _now(files)
            if later == marks:
                return marks
            marks = later


def _now(files: Iterable[Path]) -> Marks:
    return {path: mark_of(path) for path in files}
