"""A timer that ticks each part of a millisecond, where those of the event loop count whole ones.

It is Linux's timerfd, which Python's own `os` has from 3.13 on.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
IS_POSSIBLE: Final = hasattr(_LIBC, "timerfd_create")
_NANOSECONDS: Final = 1_000_000_000
_COUNTER_BYTES: Final = 8


class Ticker:
    """Calls back each `seconds` until it is closed; ticks that came while the loop was busy are one.

    Holds a descriptor, and raises OSError where none is left.  Needs timerfd, where IS_POSSIBLE.
    """

    def __init__(
        self, seconds: float, callback: Callable[[], object], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._callback = callback
        self._loop: Any = loop
        self._descriptor = _timer(seconds)
        self._loop.add_reader(self._descriptor, self._on_tick)

    def close(self) -> None:
        """Tick no more; it is closed once."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _on_tick(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._descriptor, _COUNTER_BYTES)
        self._callback()


def _timer(seconds: float) -> int:
    descriptor: int = _LIBC.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    whole, part = divmod(round(seconds * _NANOSECONDS), _NANOSECONDS)
    spec = struct.pack("llll", whole, part, whole, part)  # struct itimerspec: the interval, the first tick
    _LIBC.timerfd_settime(descriptor, 0, spec, None)
    return descriptor
