"""Writes that go out together, at the end of the event loop's turn.

Each write wakes who reads at the other end.  Done between the work on other exchanges they cost a good
part more than done in a row: who was woken by the first is still awake at the next.
"""

from __future__ import annotations

import asyncio


class Outbox:
    """What waits to be written, in its order."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.WriteTransport, bytes]] = []

    def post(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Write at the end of the turn, unless the transport closes before; needs a running event loop.

        Whoever writes to the transport otherwise, or closes it, has to `flush` first.
        """
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append((transport, data))

    def flush(self) -> None:
        """Write what waits now."""
        waiting = self._waiting
        if waiting:
            self._waiting = []
            for transport, data in waiting:
                if not transport.is_closing():
                    transport.write(data)
