"""Waiting for a server that is away: who is waited for, for how long, and what it counts for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tentaculo.config.upstream_settings import RetrySettings, Server, UpstreamLimits, UpstreamSettings
from tentaculo.errors import GatewayError, UpstreamBusy, UpstreamTimeout, UpstreamUnreachable
from tentaculo.upstream.connection import UpstreamConnection
from tentaculo.upstream.server import UpstreamServer
from tentaculo.upstream.upstream import Upstream
from tests.fakes.gates import Gates, eventually, soon
from tests.upstream.fakes import ManualServer, word
from tests.upstream.servers import CHECK, House, fail, local, upstream_settings

REFUSED = (UpstreamUnreachable, "refused")
UNRESOLVED = (UpstreamUnreachable, "unresolved")
WAIT = 2.0
WAITS = RetrySettings(wait=WAIT)
ALL = [0.05, 0.1, 0.2, 0.4, 0.5, 0.5, 0.25]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """What the upstream stands in."""
    house = House()
    yield house
    house.deadlines.close()


@pytest.fixture
async def late() -> AsyncIterator[ManualServer]:
    """A server that the test starts."""
    server = ManualServer()
    yield server
    await server.stop()


def named(port: int) -> UpstreamSettings:
    """Configure a server by its name."""
    return upstream_settings(Server("http", "backend.test", port), retries=WAITS)


async def connect(
    upstream: Upstream, *tried: UpstreamServer, server: int = 0, timeout: float = 2.0
) -> UpstreamConnection:
    """Open a connection to one of its servers."""
    return await soon(upstream.connect_in_time(upstream.servers[server], timeout, tried))


async def failure(
    upstream: Upstream, *tried: UpstreamServer, server: int = 0, timeout: float = 2.0
) -> tuple[type[GatewayError], str]:
    """Connect in vain."""
    with pytest.raises(GatewayError) as raised:
        await connect(upstream, *tried, server=server, timeout=timeout)
    return word(raised.value)


async def let_go(upstream: Upstream, *connections: UpstreamConnection) -> None:
    """Leave nothing behind."""
    for connection in connections:
        connection.abort()
    pools = [server.pool for server in upstream.servers]
    await eventually(lambda: not any(pool.load for pool in pools))


async def test_server_that_starts_is_waited_for(house: House, late: ManualServer, quiet_port: int) -> None:
    """The call goes on as soon as it is there; nothing is counted against it, and nothing held meanwhile."""
    upstream = house.build(local(quiet_port, retries=WAITS))
    loads: list[int] = []

    async def start() -> None:
        loads.append(upstream.servers[0].pool.load)
        await late.start(quiet_port)

    house.meanwhile[3] = start
    connection = await connect(upstream)
    await late.accept()
    assert (house.pauses, loads) == (ALL[:3], [0])
    for counted in ("server_faults_total", "server_requests_total"):
        assert house.value(counted, server=upstream.servers[0].name) == 0
    assert upstream.servers[0].breaker.is_calm
    await let_go(upstream, connection)


async def test_time_is_bounded(house: House, quiet_port: int) -> None:
    """Pauses grow up to a bound, and the last is as long as there is time left."""
    upstream = house.build(local(quiet_port, retries=WAITS))
    assert await failure(upstream) == REFUSED
    assert house.pauses[: len(ALL)] == pytest.approx(ALL)
    assert sum(house.pauses) == pytest.approx(WAIT)


async def test_pauses_differ(house: House, quiet_port: int) -> None:
    """Those who wait together do not all try together."""
    house.chance = 1.0
    upstream = house.build(local(quiet_port, retries=WAITS))
    assert await failure(upstream) == REFUSED
    assert house.pauses[:4] == pytest.approx([0.04, 0.08, 0.16, 0.32])


async def test_nobody_waits_unasked(house: House, quiet_port: int) -> None:
    """Without the setting a server that is away is told of at once."""
    upstream = house.build(local(quiet_port))
    assert await failure(upstream) == REFUSED
    assert house.pauses == []


# Several servers.


async def test_another_is_asked_first(house: House, quiet_port: int) -> None:
    """Only when it failed too is there nobody left, and the last is waited for."""
    upstream = house.build(local(1, quiet_port, retries=WAITS))
    assert await failure(upstream) == REFUSED
    assert house.pauses == []
    assert await failure(upstream, upstream.servers[0], server=1) == REFUSED
    assert sum(house.pauses) == pytest.approx(WAIT)


async def test_other_that_gets_no_calls_does_not_count(house: House, quiet_port: int) -> None:
    """One that is held back, or may not be tried any more, can't be asked instead."""
    upstream = house.build(local(quiet_port, 1, retries=WAITS))
    fail(upstream.servers[1])
    assert await failure(upstream) == REFUSED
    assert sum(house.pauses) == pytest.approx(WAIT)
    single = house.build(local(quiet_port, 1, retries=RetrySettings(attempts=1, wait=WAIT)))
    assert await failure(single) == REFUSED
    assert sum(house.pauses) == pytest.approx(2 * WAIT)


# Breakers, checks and limits.


async def test_open_breaker_is_not_passed_by(house: House, quiet_port: int) -> None:
    """A trial is not drawn out, and who waits gives up when it opens."""
    upstream = house.build(local(quiet_port, retries=WAITS))

    async def open_it() -> None:
        fail(upstream.servers[0])

    house.meanwhile[2] = open_it
    assert await failure(upstream) == REFUSED
    assert house.pauses == ALL[:2]
    assert await failure(upstream) == REFUSED
    assert house.pauses == ALL[:2]


async def test_checks_only_advise(house: House, quiet_port: int) -> None:
    """A server that a check found down is waited for all the same."""
    upstream = house.build(local(quiet_port, retries=WAITS, health_check=CHECK))
    upstream.servers[0].check_failed(1, "refused")
    assert await failure(upstream) == REFUSED
    assert sum(house.pauses) == pytest.approx(WAIT)


async def test_limit_of_connections_holds(house: House, late: ManualServer, quiet_port: int) -> None:
    """Who waits has no connection, and gets none where others have them all by then."""
    limits = UpstreamLimits(connections=1)
    upstream = house.build(local(quiet_port, retries=WAITS, limits=limits))
    others: list[UpstreamConnection] = []

    async def take() -> None:
        await late.start(quiet_port)
        others.append(await upstream.connect(upstream.servers[0], 2.0))

    house.meanwhile[1] = take
    assert await failure(upstream) == (UpstreamBusy, "connections")
    await let_go(upstream, *others)


# What is waited for.


async def test_time_out_is_not_waited_for_again(house: House, full_port: int) -> None:
    """Who connected in vain for long enough has waited."""
    upstream = house.build(local(full_port, retries=WAITS))
    assert await failure(upstream, timeout=0.05) == (UpstreamTimeout, "connect_timeout")
    assert house.pauses == []


async def test_other_faults_are_not_waited_for(house: House) -> None:
    """An address that no way leads to is told at once."""
    servers = Server("http", "255.255.255.255", 1)
    upstream = house.build(upstream_settings(servers, retries=WAITS))
    assert await failure(upstream) == (UpstreamUnreachable, "unreachable")
    assert house.pauses == []


async def test_unknown_name_is_waited_for(house: House, server: ManualServer) -> None:
    """It is looked up for each try, until it is there."""
    upstream = house.build(named(server.port))

    async def appear() -> None:
        house.names["backend.test"] = ["127.0.0.1"]

    house.meanwhile[4] = appear
    connection = await connect(upstream)
    assert house.pauses == ALL[:4]
    await let_go(upstream, connection)


async def test_name_that_stays_unknown(house: House) -> None:
    """Then that is the fault."""
    upstream = house.build(named(1))
    assert await failure(upstream) == UNRESOLVED
    assert sum(house.pauses) == pytest.approx(WAIT)


async def test_name_that_moves(house: House, server: ManualServer) -> None:
    """A server that comes back at another address is found there, and all addresses are tried each time."""
    house.names["backend.test"] = ["127.0.0.2", "127.0.0.3"]  # nobody listens there
    upstream = house.build(named(server.port))

    async def move() -> None:
        house.names["backend.test"] = ["127.0.0.4", "127.0.0.1"]

    house.meanwhile[3] = move
    connection = await connect(upstream)
    assert upstream.servers[0].pool.addresses == ("127.0.0.4", "127.0.0.1")
    assert sum(house.pauses) < WAIT
    await let_go(upstream, connection)


async def test_who_leaves_waits_no_longer(house: House, quiet_port: int) -> None:
    """Neither a try nor a task is left of it."""
    gates, before = Gates(), asyncio.all_tasks()
    upstream = house.build(local(quiet_port, retries=WAITS))
    house.meanwhile[2] = lambda: gates.passed("pause")
    waiting = asyncio.ensure_future(upstream.connect_in_time(upstream.servers[0], 2.0, ()))
    await eventually(lambda: len(house.pauses) == 2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(waiting)
    assert asyncio.all_tasks() == before
    assert (len(house.pauses), upstream.servers[0].pool.load) == (2, 0)
