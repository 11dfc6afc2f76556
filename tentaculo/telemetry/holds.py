"""Which names are in use: whoever uses one keeps a hold of it, and when the last is gone nobody does.

A name's series end by this: plans of one route stand in several snapshots, streams outlive those, and
what was compiled in vain is just dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock


class Hold:
    """A name in use for as long as this is kept."""

    __slots__ = ("_give_up", "_name")

    def __init__(self, name: str, give_up: Callable[[str], None]) -> None:
        self._name = name
        self._give_up = give_up

    def __del__(self) -> None:
        self._give_up(self._name)


class Holds:
    """Counts the holds of each name; from any thread."""

    def __init__(self, forget: Callable[[str], None]) -> None:
        self._forget = forget
        self._counts: dict[str, int] = {}
        # The last reference may go anywhere, even where the lock is held: so it is noted, and seen to later.
        self._given_up: deque[str] = deque()
        self._lock = Lock()

    def take(self, name: str) -> Hold:
        """Return a hold of a name; take it before anything of that name is made."""
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + 1
        return Hold(name, self._given_up.append)

    def forget_unused(self) -> None:
        """Have every name forgotten that nobody holds any more."""
        while self._forget_one():
            pass

    def _forget_one(self) -> bool:
        with self._lock:  # for each anew: another thread may wait
            if not self._given_up:
                return False
            name = self._given_up.popleft()
            left = self._counts.pop(name) - 1
            if left:
                self._counts[name] = left
            else:
                self._forget(name)
            return True
