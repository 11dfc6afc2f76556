"""Which server gets the next exchange."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tentaculo.config.upstream_settings import Balance
from tentaculo.upstream.balancing import (
    Balancing,
    ClientHash,
    LeastConnections,
    RoundRobin,
    balancing_of,
)
from tentaculo.upstream.breaker import Outcome
from tentaculo.upstream.server import SLOW_START_SECONDS, UpstreamServer
from tests.upstream.servers import OPEN_FOR, House, fail, ports, weighted

CLIENTS = [f"10.{number >> 8}.{number & 255}.7" for number in range(3000)]


def servers_of(*weights: int) -> tuple[UpstreamServer, ...]:
    """Make servers with these weights."""
    return House().build(weighted(*weights)).servers


def picks(balancing: Balancing, servers: tuple[UpstreamServer, ...], count: int) -> list[int]:
    """Choose so often; the ports of those that were chosen."""
    return ports([balancing.pick(servers, "10.0.0.1", 0.0) for _ in range(count)])


@pytest.mark.parametrize(
    ("balance", "kind"),
    [
        (Balance.ROUND_ROBIN, RoundRobin),
        (Balance.LEAST_CONNECTIONS, LeastConnections),
        (Balance.CLIENT_HASH, ClientHash),
    ],
)
def test_names(balance: Balance, kind: type[Balancing]) -> None:
    """Each name of the configuration has its way of choosing."""
    assert isinstance(balancing_of(balance, lambda: 0.0), kind)


# Round robin.


def test_equal_servers_take_turns() -> None:
    """In the order of the configuration, again and again."""
    assert picks(RoundRobin(), servers_of(1, 1, 1), 7) == [1, 2, 3, 1, 2, 3, 1]


def test_weights_are_smooth() -> None:
    """As nginx says of its own: 5, 1, 1 is a a b a c a a, and not five in a row."""
    assert picks(RoundRobin(), servers_of(5, 1, 1), 14) == [1, 1, 2, 1, 3, 1, 1] * 2


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_weights_are_exact_over_a_cycle(weights: list[int]) -> None:
    """In as many calls as the weights add up to each server has its weight, and never runs far ahead."""
    servers, balancing = servers_of(*weights), RoundRobin()
    total, had = sum(weights), Counter[int]()
    for cycle in (1, 2):
        for call in range(1, total + 1):
            had[balancing.pick(servers, "", 0.0).settings.port] += 1
            at = (cycle - 1) * total + call
            for port, weight in enumerate(weights, 1):
                assert abs(had[port] - Fraction(at * weight, total)) < len(weights)
        assert [had[port] for port in range(1, len(weights) + 1)] == [cycle * weight for weight in weights]


def test_missing_server_leaves_its_turns_to_the_others() -> None:
    """Those that are left share by their own weights; the one that was away does not make up for it."""
    one, two, three = servers_of(2, 1, 3)
    balancing = RoundRobin()
    assert Counter(picks(balancing, (one, two), 9)) == {1: 6, 2: 3}
    assert Counter(picks(balancing, (one, two, three), 60)) == {1: 20, 2: 10, 3: 30}


# Least connections.


def test_least_loaded_is_chosen() -> None:
    """Exchanges in hand decide, whatever was before."""
    one, two, three = servers = servers_of(1, 1, 1)
    for server, count in ((one, 2), (two, 1), (three, 2)):
        for _ in range(count):
            server.begin()
    assert picks(LeastConnections(lambda: 0.0), servers, 3) == [2, 2, 2]


def test_load_is_for_the_weight() -> None:
    """A server of twice the weight may have twice as many in hand."""
    servers = servers_of(2, 1)
    balancing = LeastConnections(lambda: 0.0)
    for _ in range(30):
        balancing.pick(servers, "", 0.0).begin()
    assert [server.exchanges for server in servers] == [20, 10]


@pytest.mark.parametrize(
    ("chance", "port"), [(0.0, 1), (0.19, 1), (0.21, 2), (0.79, 2), (0.81, 3), (0.999999, 3)]
)
def test_equals_draw_lots_by_weight(chance: float, port: int) -> None:
    """Idle servers share by weight too, or many gateways would all choose the first."""
    assert picks(LeastConnections(lambda: chance), servers_of(1, 3, 1), 1) == [port]


def test_lot_has_a_winner_whatever_is_drawn() -> None:
    """Where rounding leaves nobody, the last one has it."""
    assert picks(LeastConnections(lambda: 1.0), servers_of(1, 1), 1) == [2]


# Client hash.


def homes(servers: tuple[UpstreamServer, ...]) -> dict[str, int]:
    """Return the port for each client."""
    balancing = ClientHash()
    return {client: balancing.pick(servers, client, 0.0).settings.port for client in CLIENTS}


def test_client_stays_where_it_is() -> None:
    """The same client has the same server, in other instances and orders too."""
    one, two, three = servers_of(1, 1, 1)
    assert homes((one, two, three)) == homes((three, one, two))


def test_choice_is_the_same_for_ever() -> None:
    """It depends on addresses alone: instances and versions agree."""
    servers = servers_of(1, 1, 1)
    clients = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", ""]
    assert ports([ClientHash().pick(servers, client, 0.0) for client in clients]) == [1, 2, 3, 3, 1]


@pytest.mark.parametrize("gone", [0, 1, 2, 3])
def test_server_that_goes_moves_its_own_clients_only(gone: int) -> None:
    """All others stay; those that move are spread over all that are left."""
    servers = servers_of(1, 2, 1, 3)
    before = homes(servers)
    after = homes((*servers[:gone], *servers[gone + 1 :]))
    moved = {client for client in CLIENTS if before[client] != after[client]}
    assert moved == {client for client in CLIENTS if before[client] == gone + 1}
    assert len({after[client] for client in moved}) == 3


@pytest.mark.parametrize("weights", [(1, 1), (1, 2, 3), (1, 9), (5, 1, 1, 1)])
def test_clients_are_spread_by_weight(weights: tuple[int, ...]) -> None:
    """Each server has its share of the clients, within a tenth of it and a little."""
    shares = Counter(homes(servers_of(*weights)).values())
    for port, weight in enumerate(weights, 1):
        expected = len(CLIENTS) * weight / sum(weights)
        assert shares[port] == pytest.approx(expected, rel=0.1, abs=40)


@given(st.text(alphabet="0123456789abcdef:.", max_size=45))
def test_every_client_has_a_server(client: str) -> None:
    """No address is without one."""
    assert ClientHash().pick(servers_of(1, 1), client, 0.0).settings.port in (1, 2)


# Coming back.


@pytest.mark.parametrize("balance", [Balance.ROUND_ROBIN, Balance.CLIENT_HASH])
def test_server_that_comes_back_gets_its_share_by_degrees(balance: Balance) -> None:
    """Of two equals the one that comes back has a tenth of the other's calls first, in the end as many."""
    house = House()
    servers = one, _ = house.build(weighted(1, 1)).servers
    fail(one)
    house.clock.advance(OPEN_FOR)
    assert one.admits()
    one.done(Outcome.OK, one.begin())
    shares = []
    for _ in range(3):
        balancing, now = balancing_of(balance, lambda: 0.0), house.clock()
        had = Counter(balancing.pick(servers, client, now).settings.port for client in CLIENTS)
        shares.append(had[1] / len(CLIENTS))
        house.clock.advance(SLOW_START_SECONDS / 2)
    assert shares == pytest.approx([0.1 / 1.1, 0.55 / 1.55, 0.5], abs=0.03)
