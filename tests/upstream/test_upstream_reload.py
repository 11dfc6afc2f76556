"""What a reload leaves of an upstream: servers that are the same go on, the others begin anew."""

from __future__ import annotations

import pytest

from tentaculo.config.upstream_settings import BreakerSettings, Timeouts
from tentaculo.upstream.breaker import Outcome
from tests.fakes.gates import eventually
from tests.upstream.fakes import ManualServer
from tests.upstream.pooled import serve
from tests.upstream.servers import CHECK, House, fail, local, ports, weighted

CLIENT = "10.0.0.1"


@pytest.fixture
def house() -> House:
    """What the upstreams stand in."""
    return House()


def test_unchanged_servers_are_adopted(house: House) -> None:
    """State, counts and connections stay with the server; weights and rules are the new ones."""
    old = house.build(weighted(1, 1, health_check=CHECK))
    one, two = old.servers
    fail(one)
    two.check_failed(1, "timeout")
    turn = two.begin()
    new = house.build(weighted(5, 1, 1, health_check=CHECK, breaker=BreakerSettings(faults=1)))
    new.adopt(old)
    assert new.servers[:2] == (one, two)
    assert [server.state for server in new.servers] == ["ejected", "down", "up"]
    assert [server.weight for server in new.servers] == [5, 1, 1]
    assert ports([new.choose(CLIENT) for _ in range(2)]) == [3, 3]
    assert new.exchanges == 1
    two.done(Outcome.OK, turn)
    assert house.value("server_exchanges", server=two.name) == 0
    fail(new.servers[2], 1)
    assert new.servers[2].state == "ejected"


def test_adopted_servers_are_not_closed(house: House) -> None:
    """The upstream before closes the others alone; the series of those that stayed stay."""
    old = house.build(weighted(1, 1))
    new = house.build(local(2, 3))
    new.adopt(old)
    old.close()
    old.close()
    assert [house.value("server_up", server=f"127.0.0.1:{port}") for port in (1, 2, 3)] == [None, 1, 1]
    new.close()
    assert [house.value("server_up", server=f"127.0.0.1:{port}") for port in (1, 2, 3)] == [None] * 3
    assert house.value("retries_total", outcome="retried") is None


def test_changed_server_is_a_new_one(house: House) -> None:
    """Where connections would differ nothing is taken over."""
    old = house.build(weighted(1))
    fail(old.servers[0])
    new = house.build(weighted(1, timeouts=Timeouts(keep_alive=1.0)))
    new.adopt(old)
    assert new.servers[0] is not old.servers[0]
    assert ports([new.choose(CLIENT)]) == [1]
    old.close()
    assert house.value("server_up", server="127.0.0.1:1") == 1


def test_lone_server_that_gets_a_neighbour(house: House) -> None:
    """Who was alone and now is not is ejected for refusals; the other way round no more."""
    old = house.build(weighted(1))
    new = house.build(weighted(1, 1))
    new.adopt(old)
    assert not new.servers[0].breaker.alone
    last = house.build(weighted(1))
    last.adopt(new)
    assert last.servers[0].breaker.alone
    assert last.choose(CLIENT) is old.servers[0]


def test_budget_is_taken_over(house: House) -> None:
    """A reload is no way to more retries."""
    old = house.build(weighted(1, 1))
    while old.may_retry([old.servers[0]]):
        pass
    new = house.build(weighted(1, 1))
    new.adopt(old)
    assert not new.may_retry([new.servers[0]])


async def test_connections_stay_with_an_adopted_server(server: ManualServer, house: House) -> None:
    """Idle connections are lent by the new upstream; the old one ends those of servers that went."""
    old = house.build(local(server.port))
    connection = await old.connect(old.servers[0], 2.0)
    wire = await server.accept()
    await serve(connection, wire)
    new = house.build(local(server.port))
    new.adopt(old)
    await old.aclose()
    assert house.value("connections_open", server=new.servers[0].name) == 1
    assert new.servers[0].pool.take_idle(certain=True) is connection
    await serve(connection, wire)
    await new.aclose()
    await eventually(lambda: new.servers[0].pool.open_connections == 0)
    house.deadlines.close()
