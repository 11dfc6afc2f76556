"""A TCP connection between two parties that neither of them controls: the test can cut it."""

from __future__ import annotations

import asyncio

from tests.fakes.messages import Cut
from tests.fakes.sockets import Listener, Wire, connect


class Cable:
    """Listens on a port of its own and carries every connection to `port` of the loopback address."""

    def __init__(self, port: int) -> None:
        self._far_port = port
        self._far: list[Wire] = []
        self._plugged = True
        self._listener = Listener(self._carry, keep=False)
        self.start = self._listener.start

    @property
    def port(self) -> int:
        """The near end."""
        return self._listener.port

    def cut(self) -> None:
        """Reset every connection at both ends; new ones are carried."""
        for wire in [*self._listener.wires, *self._far]:
            wire.abort()

    def unplug(self) -> None:
        """Cut, and reset new connections too."""
        self._plugged = False
        self.cut()

    def plug_in(self) -> None:
        """Carry new connections again."""
        self._plugged = True

    async def stop(self) -> None:
        """Stop listening and cut everything."""
        self.cut()
        await self._listener.stop()

    async def _carry(self, near: Wire) -> None:
        if not self._plugged:
            near.abort()
            return
        far = await connect("127.0.0.1", self._far_port, keep=False)
        self._far.append(far)
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass_on(near, far), name="cable up")
            both.create_task(_pass_on(far, near), name="cable down")


async def _pass_on(source: Wire, sink: Wire) -> None:
    try:
        while piece := await source.source.some():
            sink.writer.write(piece)
            await sink.writer.drain()
    except (Cut, ConnectionError):
        sink.abort()
    else:
        sink.writer.close()
