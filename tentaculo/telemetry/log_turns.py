"""Whose turn it is to write to the log, where several processes share the place it goes to.

A write that is longer than a pipe takes at once would be mixed with those of others otherwise.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import AbstractContextManager, nullcontext, suppress
from types import TracebackType

Turns = AbstractContextManager[object]

NO_TURNS: Turns = nullcontext()


class FileTurns:
    """Turns by a lock on a file that all processes have open; who dies gives it back.

    The descriptor must be of the same file in each, and each process may have one thread that writes.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __enter__(self) -> None:
        # A lock that can't be had must not keep the log from being written.
        with suppress(OSError):
            fcntl.lockf(self.descriptor, fcntl.LOCK_EX)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN)


def make_turns() -> FileTurns:
    """Return turns on a file that only those have who are given its descriptor."""
    return FileTurns(os.memfd_create("tentaculo-log"))
