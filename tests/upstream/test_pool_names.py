"""A pool in front of a name: which addresses are tried, for how long, and what is kept."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from tentaculo.config.settings import Server, Timeouts, UpstreamSettings
from tentaculo.errors import GatewayError, UpstreamTimeout, UpstreamUnreachable
from tentaculo.upstream.connection import UpstreamConnection
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.pool import Pool
from tentaculo.upstream.resolving import DOUBT_SECONDS, REFRESH_SECONDS
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually, soon
from tests.fakes.sockets import Wire
from tests.upstream.fakes import ManualServer, word
from tests.upstream.pooled import serve

GOOD = "127.0.0.1"
CLOSED = "127.0.0.2"  # nobody listens there


class Named:
    """A pool for a name whose addresses are `found`; `counts` is what it told of its connections."""

    def __init__(self, port: int) -> None:
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock, tick=3600)
        self.found = [GOOD]
        self.lookups = 0
        self.counts: list[int] = []
        self.events: list[str] = []
        settings = UpstreamSettings(
            name="backend",
            servers=(Server("http", "backend.test", port),),
            timeouts=Timeouts(keep_alive=2 * REFRESH_SECONDS),
        )
        self.pool = Pool(
            settings,
            self.deadlines,
            counted=self.counts.append,
            tell=lambda level, event: self.events.append(event),
            lookup=self._look_up,
        )

    async def connect(self, timeout: float = 5.0) -> UpstreamConnection:
        """Open a connection."""
        return await soon(self.pool.connect(timeout), 10)

    async def failure(self, timeout: float = 5.0) -> tuple[type[GatewayError], str]:
        """Connect in vain."""
        with pytest.raises(GatewayError) as raised:
            await self.connect(timeout)
        assert self.pool.load == 0
        return word(raised.value)

    async def refresh(self, *found: str) -> None:
        """Let the name have other addresses, and the pool hear of it."""
        self.found = list(found)
        self.clock.advance(REFRESH_SECONDS)
        self.deadlines.sweep()
        await eventually(lambda: self.pool.addresses == found)

    async def aclose(self) -> None:
        """Leave nothing behind."""
        self.pool.close()
        await eventually(lambda: self.pool.open_connections == 0)
        self.deadlines.close()

    async def _look_up(self, host: str, port: int) -> list[str]:
        self.lookups += 1
        if not self.found:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.found


@pytest.fixture
async def named(server: ManualServer) -> AsyncIterator[Named]:
    """A pool for a name, and a server at one of its addresses."""
    named = Named(server.port)
    yield named
    await named.aclose()


async def kept(named: Named, server: ManualServer) -> tuple[UpstreamConnection, Wire]:
    """Open a connection, carry an exchange over it, and let the pool have it."""
    connection, wire = await named.connect(), await server.accept()
    await serve(connection, wire)
    return connection, wire


async def test_name_is_looked_up_and_connected_to(named: Named, server: ManualServer) -> None:
    """The first connection looks it up, further ones do not."""
    assert not named.pool.addresses
    for _ in range(2):
        await kept(named, server)
        assert named.pool.take_idle() is not None
    assert (named.lookups, named.pool.addresses, named.counts) == (1, (GOOD,), [1, 1])
    for connection in list(named.pool._all):
        connection.abort()


async def test_next_address_is_tried(named: Named, server: ManualServer) -> None:
    """An address where nobody listens costs no exchange, and is not the first to be tried again."""
    named.found = [GOOD, CLOSED]
    for _ in range(3):
        await kept(named, server)
    assert named.pool.open_connections == 3


async def test_last_error_is_told(named: Named) -> None:
    """Where no address takes a connection it is unreachable."""
    named.found = [CLOSED, "127.0.0.3"]
    assert await named.failure() == (UpstreamUnreachable, "refused")


async def test_time_is_shared_by_the_addresses(full_port: int) -> None:
    """One that does not answer leaves time for the next, which here refuses."""
    named = Named(full_port)
    named.found = [CLOSED, GOOD]  # the second has the first turn
    assert await named.failure(0.4) == (UpstreamUnreachable, "refused")
    await named.aclose()


async def test_lone_address_has_all_the_time(full_port: int) -> None:
    """It is given up after the timeout."""
    named = Named(full_port)
    assert await named.failure(0.1) == (UpstreamTimeout, "connect_timeout")
    await named.aclose()


async def test_name_that_nobody_knows(named: Named) -> None:
    """It has a reason of its own, and is told."""
    named.found = []
    assert await named.failure() == (UpstreamUnreachable, "unresolved")
    assert named.events == ["lookup.failed"]


async def test_lookup_counts_into_the_connect_timeout(server: ManualServer) -> None:
    """A name server that is silent is given up in time; what it is asked goes on for the next."""
    named = Named(server.port)
    hang = asyncio.Event()

    async def look_up(host: str, port: int) -> list[str]:
        await hang.wait()
        return [GOOD]

    pool = Pool(
        UpstreamSettings(name="backend", servers=(Server("http", "backend.test", server.port),)),
        named.deadlines,
        lookup=look_up,
    )
    with pytest.raises(UpstreamTimeout):
        await soon(pool.connect(0.1))
    hang.set()
    connection = await soon(pool.connect(2.0))
    connection.abort()
    pool.close()
    await eventually(lambda: pool.open_connections == 0)
    await named.aclose()


# Addresses come and go.


async def test_idle_connections_to_an_address_that_went_are_closed(
    named: Named, server: ManualServer
) -> None:
    """When the name moved nothing is lent that goes to where it was."""
    _, wire = await kept(named, server)
    await named.refresh(CLOSED)
    assert named.pool.take_idle() is None
    await soon(wire.gone.wait())


async def test_connections_to_an_address_that_stays_are_kept(named: Named, server: ManualServer) -> None:
    """More addresses are no reason to part."""
    connection, _ = await kept(named, server)
    await named.refresh(CLOSED, GOOD)
    assert named.pool.take_idle() is connection
    connection.abort()


async def test_connection_in_use_is_not_kept_after_it(named: Named, server: ManualServer) -> None:
    """An exchange ends in its own time; then its connection closes."""
    connection, wire = await named.connect(), await server.accept()
    await named.refresh(CLOSED)
    await serve(connection, wire)
    assert named.pool.take_idle() is None
    await soon(wire.gone.wait())


# Apart from the pool.


async def test_connection_apart_is_not_the_pools(named: Named, server: ManualServer) -> None:
    """It is neither counted nor lent, and closes after its exchange."""
    connection = await soon(named.pool.connect_apart(2.0))
    wire = await server.accept()
    assert (named.pool.open_connections, named.pool.load, named.counts) == (0, 0, [])
    await serve(connection, wire)
    assert named.pool.take_idle() is None
    await soon(wire.gone.wait())
    await eventually(lambda: not named.deadlines._watched - {named.pool._resolver})


async def test_connections_are_counted(named: Named, server: ManualServer) -> None:
    """In and out, each once, however they end."""
    first, second = await named.connect(), await named.connect()
    assert named.counts == [1, 1]
    first.abort()
    await eventually(lambda: named.pool.open_connections == 1)
    second.close()
    await eventually(lambda: named.pool.open_connections == 0)
    assert named.counts == [1, 1, -1, -1]


async def test_oldest_idle_connection_is_closed_first(named: Named, server: ManualServer) -> None:
    """Room is made by the one that is missed least."""
    opened = [(await named.connect(), await server.accept()) for _ in range(2)]
    for connection, wire in opened:
        await serve(connection, wire)
    assert named.pool.close_oldest_idle()
    await soon(opened[0][1].gone.wait())
    assert named.pool.take_idle() is opened[1][0]
    assert not named.pool.close_oldest_idle()
    opened[1][0].abort()


async def test_name_whose_addresses_take_no_connection(named: Named, server: ManualServer) -> None:
    """It is looked up again before its next use: its server may have moved."""
    named.found = [CLOSED]
    assert await named.failure() == (UpstreamUnreachable, "refused")
    named.found = [GOOD]
    named.clock.advance(DOUBT_SECONDS)
    assert await named.failure() == (UpstreamUnreachable, "refused")
    await kept(named, server)
    assert named.lookups == 2
