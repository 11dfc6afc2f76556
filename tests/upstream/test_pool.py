"""A pool over real sockets: what it lends, keeps and ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from tentaculo.errors import UpstreamUnreachable
from tentaculo.upstream import pool as pool_module
from tentaculo.upstream.connection import UpstreamConnection
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.pool import Pool
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually, soon
from tests.upstream.fakes import (
    KEEP_ALIVE,
    REPLY,
    REQUEST,
    ManualServer,
    Sink,
    ask_for,
    settings_of,
)
from tests.upstream.pooled import Pooled, serve

LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


# Lending and keeping.


async def test_fresh_pool_has_nothing_to_lend(pooled: Pooled) -> None:
    """Before any connection was made there is none, whatever one asks for."""
    assert pooled.pool.name == "backend"
    assert pooled.pool.take_idle() is None
    assert pooled.pool.take_idle(certain=True) is None
    assert pooled.pool.open_connections == 0


async def test_connection_returns_after_its_exchange(pooled: Pooled) -> None:
    """A new connection is not idle; after its exchange it is lent again, once."""
    connection, wire = await pooled.connect()
    assert pooled.pool.open_connections == 1
    assert pooled.pool.take_idle() is None
    await serve(connection, wire)
    assert pooled.pool.take_idle() is connection
    assert pooled.pool.take_idle() is None
    await serve(connection, wire)
    assert pooled.pool.take_idle(certain=True) is connection
    assert (pooled.pool.open_connections, connection.served) == (1, 2)


async def test_last_used_is_first_taken(pooled: Pooled) -> None:
    """The connection that was used last is lent first, so that the others may end."""
    (one, one_wire), (two, _), (three, _) = [await pooled.kept() for _ in range(3)]
    assert pooled.pool.take_idle() is three
    assert pooled.pool.take_idle() is two
    assert pooled.pool.take_idle() is one
    await serve(one, one_wire)
    assert pooled.pool.take_idle() is one


async def test_connection_that_ends_with_its_reply_is_not_kept(pooled: Pooled) -> None:
    """The last reply of a connection leaves nothing to lend."""
    await pooled.kept(LAST)
    assert pooled.pool.take_idle() is None
    await eventually(lambda: pooled.pool.open_connections == 0)


async def test_idle_connection_ends_after_keep_alive(pooled: Pooled) -> None:
    """An unused connection is closed after the configured time, in good order."""
    connection, wire = await pooled.kept()
    pooled.pass_time(KEEP_ALIVE - 0.1)
    assert connection.is_open
    pooled.pass_time(0.1)
    assert pooled.pool.take_idle() is None
    await soon(wire.gone.wait())
    assert not wire.reset


async def test_use_begins_the_idle_time_again(pooled: Pooled) -> None:
    """Each exchange gives a connection its whole idle time again; while in use it has none."""
    connection, wire = await pooled.kept()
    pooled.pass_time(KEEP_ALIVE - 1)
    assert pooled.pool.take_idle() is connection
    sink = Sink()
    connection.ask(ask_for(sink), REQUEST, whole=True)
    pooled.pass_time(KEEP_ALIVE + 1)
    wire.writer.write(REPLY)
    await sink.whole()
    pooled.pass_time(KEEP_ALIVE - 1)
    assert pooled.pool.take_idle() is connection


async def test_connection_that_the_upstream_closed_is_not_lent(pooled: Pooled) -> None:
    """An end that was seen takes the connection out; the one before it is lent."""
    one, _ = await pooled.kept()
    two, wire = await pooled.kept()
    await pooled.closes(two, wire)
    assert pooled.pool.take_idle() is one
    assert pooled.pool.take_idle() is None


async def test_connection_on_its_way_out_is_not_lent(pooled: Pooled) -> None:
    """A connection that is closing, though not closed yet, is passed over."""
    one, _ = await pooled.kept()
    two, _ = await pooled.kept()
    two.close()
    assert pooled.pool.take_idle() is one


async def test_number_of_idle_connections_is_bounded(pooled: Pooled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound a connection is closed after its exchange instead of kept."""
    monkeypatch.setattr(pool_module, "IDLE_LIMIT", 2)
    first, second = [(await pooled.kept())[0] for _ in range(2)]
    third, wire = await pooled.kept()
    await soon(wire.gone.wait())
    assert not third.is_open
    assert [pooled.pool.take_idle(), pooled.pool.take_idle()] == [second, first]


async def test_close_ends_idle_connections_and_lets_others_finish(pooled: Pooled) -> None:
    """On close the idle ones go at once, those in use after their exchange, and none is kept any more."""
    _, idle_wire = await pooled.kept()
    busy, busy_wire = await pooled.connect()
    sink = Sink()
    busy.ask(ask_for(sink), REQUEST, whole=True)
    pooled.pool.close()
    pooled.pool.close()
    await soon(idle_wire.gone.wait())
    assert pooled.pool.take_idle() is None
    assert not busy_wire.gone.is_set()
    busy_wire.writer.write(REPLY)
    assert await sink.whole() == (200, b"hello")
    await soon(busy_wire.gone.wait())
    await eventually(lambda: pooled.pool.open_connections == 0)


async def test_keep_alive_of_zero_keeps_nothing(server: ManualServer) -> None:
    """With keep-alive off every exchange has its own connection."""
    pooled = Pooled(server, keep_alive=0.0)
    _, wire = await pooled.kept()
    assert pooled.pool.take_idle() is None
    await soon(wire.gone.wait())
    await pooled.aclose()


async def test_idle_time_begins_with_the_last_bytes(pooled: Pooled) -> None:
    """A sink that takes its time with the end of a reply does not prolong the idle time."""
    connection, wire = await pooled.connect()
    sink = Sink()
    sink.on_reply = lambda: pooled.clock.advance(1.0)
    connection.ask(ask_for(sink), REQUEST, whole=True)
    wire.writer.write(REPLY)
    await sink.whole()
    assert connection.deadline == pooled.clock() - 1.0 + KEEP_ALIVE


async def test_time_of_an_abort_is_told(pooled: Pooled) -> None:
    """Whose client left is told with the time until its connection ended; what just ends is not."""
    (left, _), (ended, _) = [await pooled.connect() for _ in range(2)]
    left_at = pooled.clock()
    pooled.clock.advance(0.5)
    left.abort(left_at)
    ended.abort()
    await eventually(lambda: pooled.pool.open_connections == 0)
    assert pooled.aborts == [0.5]


# Certain: the system is asked, not only the event loop.


class Unseen:
    """A kept connection whose other end is a blocking socket: it acts while the loop stands still."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.deadlines = Deadlines(Clock(), tick=3600)
        self.pool = Pool(settings_of(self._listener.getsockname()[1]), self.deadlines)
        self.connection: UpstreamConnection
        self.other: socket.socket

    async def open(self) -> None:
        """Connect, and carry one exchange."""
        self.connection = await self.pool.connect(2.0)
        self.other, _ = self._listener.accept()
        sink = Sink()
        self.connection.ask(ask_for(sink), REQUEST, whole=True)
        assert await asyncio.to_thread(self.other.recv, 1000) == REQUEST
        self.other.sendall(REPLY)
        await sink.whole()

    async def aclose(self) -> None:
        """Leave nothing behind."""
        self.other.close()
        self._listener.close()
        self.connection.abort()
        await eventually(lambda: self.pool.open_connections == 0)
        self.deadlines.close()


@pytest.fixture
async def unseen() -> AsyncIterator[Unseen]:
    """A kept connection to a blocking socket."""
    unseen = Unseen()
    await unseen.open()
    yield unseen
    await unseen.aclose()


async def test_certain_sees_an_end_that_the_loop_has_not_seen(unseen: Unseen) -> None:
    """The upstream closed an instant ago: `certain` does not lend that connection."""
    unseen.other.close()
    assert unseen.connection.is_open
    assert unseen.pool.take_idle(certain=True) is None
    assert not unseen.connection.is_open


async def test_certain_sees_bytes_that_the_loop_has_not_seen(unseen: Unseen) -> None:
    """The upstream said something unasked an instant ago: `certain` does not lend that connection."""
    unseen.other.sendall(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert unseen.pool.take_idle(certain=True) is None


async def test_certain_lends_what_is_sound(unseen: Unseen) -> None:
    """Where the system knows of nothing the connection is lent."""
    assert unseen.pool.take_idle(certain=True) is unseen.connection


async def test_uncertain_lends_a_connection_that_proves_stale(unseen: Unseen) -> None:
    """Without `certain` the end shows in the exchange, as staleness: the caller may try again."""
    unseen.other.close()
    connection = unseen.pool.take_idle()
    assert connection is unseen.connection
    sink = Sink()
    connection.ask(ask_for(sink), REQUEST, whole=True)
    assert isinstance(await sink.failure(), UpstreamUnreachable)
    assert connection.is_stale
