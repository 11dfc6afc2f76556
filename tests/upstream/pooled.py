"""A pool with a movable clock in front of a server whose bytes the test writes."""

from __future__ import annotations

from tentaculo.upstream.connection import UpstreamConnection
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.pool import Pool
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually, soon
from tests.fakes.sockets import Wire
from tests.upstream.fakes import (
    KEEP_ALIVE,
    REPLY,
    REQUEST,
    ManualServer,
    Sink,
    ask_for,
    settings_of,
)


class Pooled:
    """A pool with a movable clock and a server behind it."""

    def __init__(self, server: ManualServer, *, keep_alive: float = KEEP_ALIVE) -> None:
        self.server = server
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock, tick=3600)
        self.aborts: list[float] = []
        self.pool = Pool(settings_of(server.port, keep_alive=keep_alive), self.deadlines, self.aborts.append)
        self._made: list[UpstreamConnection] = []

    async def connect(self) -> tuple[UpstreamConnection, Wire]:
        """Open a connection; both ends of it."""
        connection = await self.pool.connect(2.0)
        self._made.append(connection)
        return connection, await self.server.accept()

    async def kept(self, reply: bytes = REPLY) -> tuple[UpstreamConnection, Wire]:
        """Open a connection, carry an exchange over it, and let the pool have it."""
        connection, wire = await self.connect()
        await serve(connection, wire, reply)
        return connection, wire

    async def closes(self, connection: UpstreamConnection, wire: Wire) -> None:
        """The upstream closes an idle connection, and the pool sees it."""
        count = self.pool.open_connections
        wire.writer.close()
        await eventually(lambda: self.pool.open_connections == count - 1)
        assert not connection.is_open

    async def patience(self) -> float:
        """For how long a connection is kept now, in seconds; the connection that showed it is closed."""
        connection, _ = await self.kept()
        seconds = connection.deadline - self.clock()
        connection.abort()
        await eventually(lambda: not connection.is_open and connection.fileno == -1)
        return seconds

    def pass_time(self, seconds: float) -> None:
        """Move the clock and let what is overdue expire."""
        self.clock.advance(seconds)
        self.deadlines.sweep()

    async def aclose(self) -> None:
        """Leave nothing behind."""
        for connection in self._made:
            connection.abort()
        self.pool.close()
        await eventually(lambda: self.pool.open_connections == 0)
        self.deadlines.close()


async def serve(connection: UpstreamConnection, wire: Wire, reply: bytes = REPLY) -> Sink:
    """Carry one exchange over a connection."""
    sink = Sink()
    connection.ask(ask_for(sink), REQUEST, whole=True)
    await soon(wire.source.until(b"\r\n\r\n"))
    wire.writer.write(reply)
    await sink.whole()
    return sink
