"""The event streams that are open, and the bound on them."""

from __future__ import annotations

from typing import Protocol

from tentaculo.errors import TooManyStreams

RETRY_AFTER = (("Retry-After", "5"),)


class Endable(Protocol):
    """An open stream."""

    def end_stream(self, reason: str) -> None:
        """End it for a named reason."""


class Streams:
    """Counts open streams; never more than `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[Endable] = set()

    def __len__(self) -> int:
        return len(self._open)

    def check_room(self) -> None:
        """Raise TooManyStreams where no stream may open."""
        if len(self._open) >= self._limit:
            raise TooManyStreams("streams", headers=RETRY_AFTER)

    def opened(self, stream: Endable) -> None:
        """Count a stream.  Raises TooManyStreams."""
        self.check_room()
        self._open.add(stream)

    def ended(self, stream: Endable) -> None:
        """Forget a stream."""
        self._open.discard(stream)

    def end_all(self, reason: str) -> None:
        """End every stream."""
        for stream in tuple(self._open):
            stream.end_stream(reason)
