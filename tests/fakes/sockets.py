"""Listening and connecting with every byte kept and every end noticed at once."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterable
from typing import SupportsIndex, cast

from tests.fakes.messages import Source


class TeeReader(asyncio.StreamReader):
    """A stream reader that also keeps a copy of everything, unless told not to."""

    def __init__(self, limit: int, *, keep: bool) -> None:
        super().__init__(limit=limit)
        self.seen = bytearray()
        self._keep = keep

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Take bytes from the transport."""
        if self._keep:
            self.seen.extend(data)
        super().feed_data(data)


class Wire:
    """One connection: what it received, where to write, and whether the other side is gone."""

    def __init__(self, *, limit: int = 4 * 1024 * 1024, keep: bool = True) -> None:
        self.reader = TeeReader(limit, keep=keep)
        self.source = Source(self.reader)
        self.gone = asyncio.Event()
        self.gone_at: float | None = None
        self.reset = False
        self.writer: asyncio.StreamWriter

    @property
    def seen(self) -> bytes:
        """Everything received so far."""
        return bytes(self.reader.seen)

    @property
    def leftover(self) -> bytes:
        """Bytes that no message has claimed."""
        return bytes(self.reader.seen[self.source.taken :])

    def note_gone(self, error: Exception | None = None) -> None:
        """Remember when, and how, the other side ended."""
        self.reset = self.reset or error is not None
        if self.gone_at is None:
            self.gone_at = asyncio.get_running_loop().time()
        self.gone.set()

    def abort(self) -> None:
        """Reset the connection; uvloop's own `abort` would look like a clean end."""
        transport = self.writer.transport
        if not transport.is_closing():
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    async def aclose(self) -> None:
        """Close, and wait until it is."""
        self.writer.close()
        try:
            await asyncio.wait_for(self.writer.wait_closed(), 5)
        except (ConnectionError, TimeoutError):
            self.abort()


class WireProtocol(asyncio.StreamReaderProtocol):
    """The asyncio stream protocol that tells its wire about both kinds of end."""

    def __init__(self, wire: Wire, on_made: Callable[[Wire], None] | None = None) -> None:
        super().__init__(wire.reader)
        self._wire = wire
        self._on_made = on_made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the wire its writer."""
        super().connection_made(transport)
        writable = cast(asyncio.Transport, transport)  # uvloop's is one without saying so
        loop = asyncio.get_running_loop()
        self._wire.writer = asyncio.StreamWriter(writable, self, self._wire.reader, loop)
        if self._on_made is not None:
            self._on_made(self._wire)

    def eof_received(self) -> bool | None:
        """Note that the other side has finished sending."""
        self._wire.note_gone()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        self._wire.note_gone(exc)
        super().connection_lost(exc)


async def connect(host: str, port: int, *, limit: int = 4 * 1024 * 1024, keep: bool = True) -> Wire:
    """Open a connection."""
    wire = Wire(limit=limit, keep=keep)
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: WireProtocol(wire), host, port)
    return wire


class Listener:
    """A TCP listener that hands each connection to `serve` in a task of its own."""

    def __init__(
        self,
        serve: Callable[[Wire], Awaitable[None]],
        *,
        keep: bool = True,
        limit: int = 4 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.wires: list[Wire] = []
        self._serve = serve
        self._keep = keep
        self._limit = limit
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def start(self, port: int = 0) -> None:
        """Listen on the loopback address."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", port, ssl=self._tls)

    @property
    def port(self) -> int:
        """The port in use."""
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening, drop every connection and end every task."""
        self._server.close()
        for wire in self.wires:
            wire.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _protocol(self) -> WireProtocol:
        return WireProtocol(Wire(limit=self._limit, keep=self._keep), self._made)

    def _made(self, wire: Wire) -> None:
        self.wires.append(wire)
        task = asyncio.get_running_loop().create_task(self._run(wire), name="fake upstream connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, wire: Wire) -> None:
        try:
            await self._serve(wire)
        finally:
            wire.writer.close()
