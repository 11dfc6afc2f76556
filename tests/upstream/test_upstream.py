"""An upstream of several servers: who is chosen, who is passed over, and when nobody is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tentaculo.config.upstream_settings import (
    Balance,
    RetrySettings,
    Server,
    UpstreamLimits,
)
from tentaculo.errors import GatewayError, UpstreamBusy, UpstreamUnavailable, UpstreamUnreachable
from tentaculo.upstream.breaker import Outcome
from tentaculo.upstream.server import UpstreamServer
from tentaculo.upstream.upstream import Upstream
from tests.fakes.gates import eventually
from tests.upstream.fakes import ManualServer
from tests.upstream.pooled import serve
from tests.upstream.servers import (
    CHECK,
    FAULT,
    OPEN_FOR,
    House,
    fail,
    local,
    ports,
    upstream_settings,
    weighted,
)

CLIENT = "10.0.0.1"


@pytest.fixture
def house() -> House:
    """What the upstream stands in."""
    return House()


@pytest.fixture
def three(house: House) -> Upstream:
    """Three servers that take turns, with health checks that the test makes up."""
    return house.build(weighted(1, 1, 1, health_check=CHECK))


def chosen(upstream: Upstream, count: int, *tried: UpstreamServer) -> list[int]:
    """Choose so often; the ports of those that were chosen."""
    return ports([upstream.choose(CLIENT, tried) for _ in range(count)])


def refusal(upstream: Upstream, *tried: UpstreamServer) -> tuple[type[GatewayError], str]:
    """Choose in vain; the error and its `Retry-After`."""
    with pytest.raises(GatewayError) as raised:
        upstream.choose(CLIENT, tried)
    return type(raised.value), dict(raised.value.headers)["Retry-After"]


# Choosing.


def test_lone_server_is_always_chosen(house: House) -> None:
    """With one server there is nothing to choose."""
    upstream = house.build(weighted(1))
    assert chosen(upstream, 3) == [1, 1, 1]
    assert refusal(upstream, upstream.servers[0]) == (UpstreamUnavailable, "1")


def test_servers_take_turns(three: Upstream) -> None:
    """Round robin is what one gets unasked."""
    assert chosen(three, 6) == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize(
    ("balance", "ports"),
    [
        (Balance.ROUND_ROBIN, [1, 1, 2, 1]),
        (Balance.LEAST_CONNECTIONS, [1, 2, 1, 1]),
        (Balance.CLIENT_HASH, [1, 1, 1, 1]),
    ],
)
def test_balance_is_as_configured(balance: Balance, ports: list[int], house: House) -> None:
    """Each way of balancing, as the configuration names it."""
    upstream = house.build(weighted(3, 1, balance=balance))
    made = []
    for _ in ports:
        server = upstream.choose("192.0.2.1")
        server.begin()
        made.append(server.settings.port)
    assert made == ports


def test_tried_servers_are_passed_over(three: Upstream) -> None:
    """Another try has another server; with all of them tried nobody is left."""
    one, two, _ = three.servers
    assert chosen(three, 2, one) == [2, 3]
    assert chosen(three, 2, one, two) == [3, 3]
    assert refusal(three, *three.servers) == (UpstreamUnavailable, "1")


def test_down_and_ejected_servers_are_passed_over(three: Upstream) -> None:
    """Whom checks or faults took out gets nothing."""
    one, two, _ = three.servers
    one.check_failed(1, "timeout")
    fail(two)
    assert chosen(three, 4) == [3] * 4


def test_ejected_server_has_its_trial(three: Upstream, house: House) -> None:
    """After the pause one exchange goes there, and while it lasts no other."""
    fail(three.servers[0])
    house.clock.advance(OPEN_FOR)
    began = []
    for _ in range(9):
        server = three.choose(CLIENT)
        server.begin()
        began.append(server.settings.port)
    assert Counter(began)[1] == 1


@given(st.lists(st.tuples(st.sampled_from("ofn"), st.floats(0, 3)), max_size=150), st.sampled_from(Balance))
@settings(max_examples=60, deadline=None)
def test_failing_server_never_gets_more_than_its_trials(
    steps: list[tuple[str, float]], balance: Balance
) -> None:
    """While its breaker is open it gets one exchange for each pause, whatever the other does."""
    house = House()
    upstream = house.build(weighted(1, 1, balance=balance))
    bad, _ = upstream.servers
    fail(bad)
    next_at = house.clock() + OPEN_FOR
    outcomes = {"o": Outcome.OK, "f": Outcome.FAULT, "n": Outcome.NEUTRAL}
    for number, (outcome, seconds) in enumerate(steps):
        house.clock.advance(seconds)
        try:
            server = upstream.choose(f"10.0.0.{number}")
        except UpstreamUnavailable:
            assert house.clock() < next_at
            continue
        turn = server.begin()
        if server is bad:
            assert house.clock() >= next_at
            next_at = house.clock() + 2 * OPEN_FOR
            server.failed(FAULT, turn)
        else:
            server.done(outcomes[outcome], turn)


# Nobody left.


def test_all_ejected_is_unavailable(three: Upstream, house: House) -> None:
    """Open breakers are never passed by; the answer says when the first of them lets one through."""
    for server in three.servers:
        fail(server)
        house.clock.advance(2)
    assert refusal(three) == (UpstreamUnavailable, "4")
    house.clock.advance(1.5)
    assert refusal(three) == (UpstreamUnavailable, "3")
    house.clock.advance(2.4)
    assert refusal(three) == (UpstreamUnavailable, "1")
    house.clock.advance(0.1)
    assert chosen(three, 1) == [1]


def test_trial_under_way_is_waited_for(house: House) -> None:
    """With the only trial in hand the others are told to come back."""
    upstream = house.build(weighted(1))
    fail(upstream.servers[0])
    house.clock.advance(OPEN_FOR)
    upstream.choose(CLIENT).begin()
    assert refusal(upstream) == (UpstreamUnavailable, "1")


def test_all_down_by_checks_are_called_all_the_same(three: Upstream) -> None:
    """Checks that nobody passes may be wrong: calls are tried, and taken in turns."""
    for server in three.servers:
        server.check_failed(1, "status_404")
    assert chosen(three, 3) == [1, 2, 3]
    assert chosen(three, 2, three.servers[1]) == [1, 3]


def test_calls_decide_where_checks_are_in_doubt(three: Upstream) -> None:
    """When the calls fail as well, breakers open and nobody is called."""
    for server in three.servers:
        server.check_failed(1, "timeout")
        fail(server)
    assert refusal(three)[0] is UpstreamUnavailable


def test_down_servers_are_spared_while_another_is_up(three: Upstream) -> None:
    """The only one that is up failed this exchange: those that are down are not tried for it."""
    one, two, three_ = three.servers
    two.check_failed(1, "timeout")
    three_.check_failed(1, "timeout")
    assert refusal(three, one)[0] is UpstreamUnavailable


def test_lone_server_that_refuses_is_called_again(house: House) -> None:
    """A lone server that is started anew is not waited for longer than it takes."""
    upstream = house.build(weighted(1))
    for _ in range(50):
        server = upstream.choose(CLIENT)
        server.failed(UpstreamUnreachable("refused"), server.begin())
    assert chosen(upstream, 1) == [1]


def test_one_of_two_that_refuses_is_ejected(house: House) -> None:
    """Where another stands in, refusals are faults."""
    upstream = house.build(weighted(1, 1))
    for _ in range(3):
        one = upstream.servers[0]
        one.failed(UpstreamUnreachable("refused"), one.begin())
    assert chosen(upstream, 3) == [2, 2, 2]


# Limits.


@pytest.mark.parametrize("count", [1, 2])
def test_limit_of_exchanges(count: int, house: House) -> None:
    """All servers together have so many in hand; one that ends makes room."""
    upstream = house.build(weighted(*[1] * count, limits=UpstreamLimits(exchanges=3)))
    begun = [(server, server.begin()) for server in (upstream.choose(CLIENT) for _ in range(3))]
    assert upstream.exchanges == 3
    assert refusal(upstream) == (UpstreamBusy, "1")
    begun[0][0].done(Outcome.OK, begun[0][1])
    assert len(chosen(upstream, 1)) == 1


async def test_limit_of_connections(server: ManualServer, house: House) -> None:
    """So many connections; past them an idle one of any server makes room, and else there is none."""
    upstream = house.build(local(server.port, 1, limits=UpstreamLimits(connections=2)))
    one, two = upstream.servers
    used = await upstream.connect(one, 2.0)
    kept = await upstream.connect(one, 2.0)
    for _ in range(2):
        wire = await server.accept()
    with pytest.raises(UpstreamBusy) as raised:
        await upstream.connect(two, 2.0)
    assert dict(raised.value.headers) == {"Retry-After": "1"}
    assert raised.value.reason == "connections"
    await serve(kept, wire)
    with pytest.raises(UpstreamUnreachable):  # there is room, but nobody listens there
        await upstream.connect(two, 2.0)
    await eventually(lambda: one.pool.open_connections == 1)
    used.abort()
    await eventually(lambda: one.pool.open_connections == 0)
    house.deadlines.close()


# Retries.


def test_retries_go_to_another_server(house: House) -> None:
    """So many tries, each on a server of its own."""
    upstream = house.build(weighted(1, 1, 1, 1, retries=RetrySettings(attempts=3)))
    one, two, three, _ = upstream.servers
    assert upstream.may_retry([one])
    assert upstream.may_retry([one, two])
    assert not upstream.may_retry([one, two, three])
    assert (house.value("retries_total", outcome="retried"), retries_denied(house)) == (2, 0)


def retries_denied(house: House) -> float | None:
    """Return how many retries the budget denied."""
    return house.value("retries_total", outcome="denied")


def test_one_attempt_is_no_retry(house: House) -> None:
    """Retries can be switched off."""
    upstream = house.build(weighted(1, 1, retries=RetrySettings(attempts=1)))
    assert not upstream.may_retry([upstream.servers[0]])
    assert retries_denied(house) == 0


def test_retry_needs_another_server(three: Upstream, house: House) -> None:
    """With nobody else to ask nothing is spent of the budget."""
    one, two, three_ = three.servers
    fail(two)
    three_.check_failed(1, "timeout")
    for _ in range(20):
        assert not three.may_retry([one])
    assert (house.value("retries_total", outcome="retried"), retries_denied(house)) == (0, 0)


def test_budget_bounds_retries(house: House) -> None:
    """Calls earn retries, retries earn none; what is denied is counted."""
    upstream = house.build(weighted(1, 1, retries=RetrySettings(budget=0.5)))
    one, _ = upstream.servers
    for _ in range(20):
        upstream.choose(CLIENT)
    for _ in range(20):
        upstream.choose(CLIENT, [one])
    assert sum(upstream.may_retry([one]) for _ in range(50)) == 20  # half of 20, and ten for all
    assert (house.value("retries_total", outcome="retried"), retries_denied(house)) == (20, 30)


async def test_ejected_server_keeps_no_idle_connections(server: ManualServer, house: House) -> None:
    """Whoever goes, by faults or checks, is not met on an old connection when it comes back."""
    upstream = house.build(local(server.port, 1, health_check=CHECK))
    one, _ = upstream.servers
    goings: list[Callable[[], None]] = [lambda: one.check_failed(1, "timeout"), lambda: fail(one)]
    for go in goings:
        connection = await upstream.connect(one, 2.0)
        await serve(connection, await server.accept())
        go()
        await eventually(lambda: one.pool.open_connections == 0)
    assert house.value("connections_open", server=one.name) == 0
    house.deadlines.close()


# What it tells.


def test_description(house: House) -> None:
    """The upstream and each of its servers."""
    upstream = house.build(
        upstream_settings(
            Server("https", "::1", 8443, 2),
            Server("https", "reports-2.test", 443),
            balance=Balance.LEAST_CONNECTIONS,
        )
    )
    upstream.servers[0].begin()
    told = upstream.describe()
    assert {name: told[name] for name in told if name != "servers"} == {
        "name": "backend",
        "balance": "least_connections",
        "exchanges": 1,
        "connections": 0,
    }
    assert [(one["address"], one["resolved"], one["exchanges"]) for one in told["servers"]] == [
        ("https://[::1]:8443", ["::1"], 1),
        ("https://reports-2.test:443", [], 0),
    ]
