"""One server: what it counts, how it goes and comes, and what it tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tentaculo import errors
from tentaculo.config.upstream_settings import (
    BreakerSettings,
    Server,
    Timeouts,
    TlsSettings,
    UpstreamSettings,
)
from tentaculo.errors import GatewayError, UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable
from tentaculo.upstream.breaker import Outcome
from tentaculo.upstream.server import (
    SLOW_START_SECONDS,
    UpstreamServer,
    authority_of,
    host_of,
    key_of,
    outcome_of,
)
from tests.upstream.servers import CHECK, FAULT, FAULTS, OPEN_FOR, House, fail, upstream_settings, weighted


@pytest.fixture
def house() -> House:
    """What the server stands in."""
    return House()


@pytest.fixture
def server(house: House) -> UpstreamServer:
    """One of two servers, of weight 4."""
    return house.build(weighted(4, 1, health_check=CHECK)).servers[0]


def succeed(server: UpstreamServer) -> None:
    """Carry one good exchange."""
    assert server.admits()
    server.done(Outcome.OK, server.begin())


# What an error says.


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Outcome.OK),
        (UpstreamUnreachable("refused"), Outcome.AWAY),
        (UpstreamUnreachable("unresolved"), Outcome.AWAY),
        (UpstreamUnreachable("closed"), Outcome.FAULT),
        (UpstreamUnreachable("certificate"), Outcome.FAULT),
        (UpstreamTimeout("connect_timeout"), Outcome.FAULT),
        (UpstreamTimeout("response"), Outcome.FAULT),
        (UpstreamProtocolError("cut"), Outcome.FAULT),
        (errors.UpstreamRedirect(), Outcome.NEUTRAL),
        (errors.StreamUnavailable("503"), Outcome.NEUTRAL),
        (errors.UpstreamBusy("connections"), Outcome.NEUTRAL),
        (errors.BodyTooLarge(), Outcome.NEUTRAL),
        (errors.RequestTimeout(), Outcome.NEUTRAL),
    ],
    ids=repr,
)
def test_outcome_of_an_error(error: GatewayError | None, outcome: Outcome) -> None:
    """Only what a server did counts against it; a client's fault never does, and no status."""
    assert outcome_of(error) is outcome


# Exchanges.


def test_exchanges_are_counted(server: UpstreamServer, house: House) -> None:
    """In hand goes up and down, requests and faults only up."""
    turns = [server.begin() for _ in range(3)]
    assert (server.exchanges, house.value("server_exchanges", server=server.name)) == (3, 3)
    server.done(Outcome.OK, turns[0])
    server.done(Outcome.NEUTRAL, turns[1])
    server.failed(FAULT, turns[2])
    assert (server.exchanges, house.value("server_exchanges", server=server.name)) == (0, 0)
    assert house.value("server_requests_total", server=server.name) == 3
    assert house.value("server_faults_total", server=server.name) == 1


def test_clients_fault_is_not_the_servers(server: UpstreamServer, house: House) -> None:
    """However many clients fail, their server stays."""
    for _ in range(50):
        server.failed(errors.BodyTooLarge(), server.begin())
    assert server.is_plain
    assert house.value("server_faults_total", server=server.name) == 0
    assert server.describe()["last_fault"] is None


def test_faults_in_a_row_eject_it(server: UpstreamServer, house: House) -> None:
    """It is held back, told and counted once."""
    fail(server)
    assert not server.admits()
    assert (server.state, server.is_plain) == ("ejected", False)
    assert house.events == ["warning server.ejected"]
    assert house.facts == [
        {"upstream": "backend", "server": "127.0.0.1:1", "reason": "response", "seconds": OPEN_FOR}
    ]
    assert house.value("server_up", server=server.name) == 0
    assert house.value("ejections_total", server=server.name) == 1


def test_good_trial_brings_it_back_slowly(server: UpstreamServer, house: House) -> None:
    """Its share grows from a tenth to the whole."""
    fail(server)
    house.clock.advance(OPEN_FOR)
    assert server.state == "half_open"
    succeed(server)
    assert house.events[1:] == ["info server.returned"]
    assert house.value("server_up", server=server.name) == 1
    shares = []
    for _ in range(6):
        shares.append(server.share(house.clock()))
        assert server.state == "slow_start"
        house.clock.advance(SLOW_START_SECONDS / 5 - 0.001)
        assert server.admits()
    assert shares == pytest.approx([0.4, 1.12, 1.84, 2.56, 3.28, 4.0], abs=0.01)


def test_slow_start_ends(server: UpstreamServer, house: House) -> None:
    """After it the server is as any other."""
    fail(server)
    house.clock.advance(OPEN_FOR)
    succeed(server)
    house.clock.advance(SLOW_START_SECONDS)
    assert server.admits()
    assert (server.state, server.share(house.clock()), server.is_plain) == ("up", 4.0, True)


def test_ejected_server_gets_its_trial_and_no_more(server: UpstreamServer, house: House) -> None:
    """While it fails it has one exchange for each pause, however many would come."""
    fail(server)
    begun = 0
    for _ in range(300):
        if server.admits():
            turn = server.begin()
            assert not server.admits()
            server.failed(FAULT, turn)
            begun += 1
        house.clock.advance(1)
    assert begun == 4  # after 10, 30, 70 and 150 seconds


def test_open_stream_is_success_enough(server: UpstreamServer, house: House) -> None:
    """A trial that became a stream brings the server back as it opens, not hours later."""
    fail(server)
    house.clock.advance(OPEN_FOR)
    turn = server.begin()
    server.answered(turn)
    assert (server.state, server.exchanges) == ("slow_start", 1)
    server.done(Outcome.NEUTRAL, turn)
    assert (server.state, server.exchanges) == ("slow_start", 0)


def test_open_stream_ends_the_row(server: UpstreamServer) -> None:
    """Faults are no longer in a row when a stream opened between them; without faults it is no news."""
    server.answered(server.begin())
    fail(server, FAULTS - 1)
    server.answered(server.begin())
    fail(server, FAULTS - 1)
    assert server.state == "up"


# Health checks.


def test_bad_checks_take_it_down(server: UpstreamServer, house: House) -> None:
    """So many in a row; it is told once."""
    for good in (False, False, True, False, False):
        if good:
            server.check_passed(2)
        else:
            server.check_failed(3, "status_500")
    assert server.admits()
    for _ in range(5):
        server.check_failed(3, "status_500")
    assert not server.admits()
    assert (server.state, house.value("server_up", server=server.name)) == ("down", 0)
    assert house.events == ["warning server.down"]
    assert house.facts == [{"upstream": "backend", "server": "127.0.0.1:1", "reason": "status_500"}]


def test_good_checks_bring_it_up_slowly(server: UpstreamServer, house: House) -> None:
    """So many in a row, and then by degrees."""
    server.check_failed(1, "timeout")
    for good in (True, False, True):
        if good:
            server.check_passed(2)
        else:
            server.check_failed(3, "timeout")
    assert server.is_down
    server.check_passed(2)
    assert (server.is_down, server.state) == (False, "slow_start")
    assert house.events == ["warning server.down", "info server.up"]
    assert house.value("server_up", server=server.name) == 1


def test_check_does_not_end_an_ejection(server: UpstreamServer) -> None:
    """Who answers checks and fails calls is held back all the same."""
    fail(server)
    for _ in range(5):
        server.check_passed(2)
    assert server.state == "ejected"


def test_check_of_a_lone_server_lets_it_be_tried(server: UpstreamServer) -> None:
    """It is still ejected, but the next call is the trial."""
    server.breaker.alone = True
    fail(server)
    assert not server.admits()
    server.check_passed(2)
    assert (server.state, server.admits()) == ("half_open", True)


# Settings.


def test_configure_takes_weights_and_rules(server: UpstreamServer) -> None:
    """New weight and breaker count from now on."""
    settings = weighted(9, breaker=BreakerSettings(faults=1, open_for=1.0), health_check=CHECK)
    server.configure(settings, settings.servers[0], alone=False)
    assert server.share(0.0) == 9
    fail(server, 1)
    assert server.state == "ejected"


@pytest.mark.parametrize(("check", "is_down"), [(CHECK, True), (None, False)], ids=["kept", "removed"])
def test_without_checks_nothing_is_down(check: object, is_down: bool, server: UpstreamServer) -> None:
    """Whom checks took down is up again when there are no checks any more, for nobody else would say so."""
    server.check_failed(1, "timeout")
    settings = weighted(1, health_check=check)
    server.configure(settings, settings.servers[0], alone=False)
    assert server.is_down is is_down


@pytest.mark.parametrize(
    ("server", "host"),
    [
        (Server("http", "h", 80), "h"),
        (Server("https", "h", 443), "h"),
        (Server("http", "h", 443), "h:443"),
        (Server("https", "::1", 443), "[::1]"),
        (Server("http", "::80", 8080), "[::80]:8080"),
    ],
    ids=str,
)
def test_host(server: Server, host: str) -> None:
    """`Host` has no port that goes without saying."""
    assert host_of(server) == host


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [("reports-1", 8080, "reports-1:8080"), ("10.0.0.1", 80, "10.0.0.1:80"), ("::1", 9, "[::1]:9")],
)
def test_name(host: str, port: int, name: str) -> None:
    """A server is named by host and port, as in its URL."""
    assert authority_of(Server("http", host, port)) == name


def keyed(**more: object) -> UpstreamSettings:
    """Configure an upstream."""
    return upstream_settings(Server("https", "h", 443), **more)


@pytest.mark.parametrize(
    ("settings", "server", "same"),
    [
        (keyed(), Server("https", "h", 443), True),
        (keyed(breaker=BreakerSettings(faults=9)), Server("https", "h", 443, 7), True),
        (keyed(timeouts=Timeouts(connect=9, response=9, idle=9)), Server("https", "h", 443), True),
        (keyed(), Server("http", "h", 443), False),
        (keyed(), Server("https", "g", 443), False),
        (keyed(), Server("https", "h", 444), False),
        (keyed(tls=TlsSettings(verify=False)), Server("https", "h", 443), False),
        (keyed(timeouts=Timeouts(keep_alive=1)), Server("https", "h", 443), False),
    ],
    ids=["same", "weight and breaker", "timeouts", "scheme", "host", "port", "TLS", "keep-alive"],
)
def test_key(settings: UpstreamSettings, server: Server, same: bool) -> None:
    """It is the same as long as connections would be."""
    assert (key_of(settings, server) == key_of(keyed(), Server("https", "h", 443))) is same


def test_key_knows_an_authority_by_what_its_file_holds(tmp_path: Path) -> None:
    """A CA that was renewed under the same name makes another key."""
    file = tmp_path / "ca.pem"
    settings = keyed(tls=TlsSettings(ca=file))
    keys = []
    for text in ("one", "one", "two"):
        file.write_text(text)
        keys.append(key_of(settings, settings.servers[0]))
    assert keys[0] == keys[1] != keys[2]


# What it tells.


async def test_trouble_with_its_name_is_told(house: House) -> None:
    """With upstream and server, as everything."""
    server = house.build(upstream_settings(Server("http", "backend.test", 80))).servers[0]
    with pytest.raises(UpstreamUnreachable):
        await server.pool.connect(1.0)
    assert house.events == ["warning lookup.failed"]
    assert house.facts == [{"upstream": "backend", "server": "backend.test:80"}]


def test_description(server: UpstreamServer, house: House) -> None:
    """Everything an operator needs, in plain data."""
    fail(server)
    house.clock.advance(2.5)
    assert server.describe() == {
        "address": "http://127.0.0.1:1",
        "resolved": ["127.0.0.1"],
        "weight": 4,
        "state": "ejected",
        "connections": 0,
        "exchanges": 0,
        "faults_in_a_row": FAULTS,
        "last_fault": {"reason": "response", "seconds_ago": 2.5},
        "tried_again_in": OPEN_FOR - 2.5,
    }


def test_closed_server_is_shown_to_its_end(server: UpstreamServer, house: House) -> None:
    """Its series end with the exchanges that it still has in hand, which end without a word."""
    turn = server.begin()
    server.close()
    house.metrics.forget_unused()
    assert house.value("server_exchanges", server=server.name) == 1
    server.done(Outcome.OK, turn)
    house.metrics.forget_unused()
    assert house.value("server_up", server=server.name) is None


def test_closed_server_without_an_exchange(server: UpstreamServer, house: House) -> None:
    """It is shown no longer."""
    server.close()
    assert house.value("server_up", server=server.name) is None
