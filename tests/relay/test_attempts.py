"""The servers that one exchange is given to: each is told once what became of it."""

from __future__ import annotations

import pytest

from tentaculo.config.settings import RetrySettings, Server, UpstreamSettings
from tentaculo.errors import BadRequest, GatewayError, UpstreamUnavailable, UpstreamUnreachable
from tentaculo.relay.attempts import Attempts
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.upstream import Upstream
from tests.fakes.clock import Clock

CLIENT = "192.0.2.7"
REFUSED = UpstreamUnreachable("refused")


def upstream_of(servers: int, attempts: int = 2) -> Upstream:
    """Make an upstream of so many servers; nothing is connected to."""
    settings = UpstreamSettings(
        name="backend",
        servers=tuple(Server("http", f"backend-{number}.test", 80) for number in range(servers)),
        retries=RetrySettings(attempts=attempts),
    )
    return Upstream(settings, Deadlines(Clock(), tick=3600), metrics=Metrics(version="0").upstreams)


def test_one_server_has_it_until_the_end() -> None:
    """Asking again gives the same server, which has one exchange in hand."""
    upstream, attempts = upstream_of(2), Attempts()
    server = attempts.take(upstream, CLIENT)
    assert attempts.take(upstream, CLIENT) is server
    assert server.exchanges == upstream.exchanges == 1
    attempts.end(None)
    attempts.end(None)
    assert (attempts.server, upstream.exchanges) == (None, 0)


def test_failed_server_is_given_up_for_another() -> None:
    """The other server gets it; what was sent to the first counts for nothing any more."""
    upstream, attempts = upstream_of(2), Attempts()
    first = attempts.take(upstream, CLIENT)
    attempts.sent = True
    assert attempts.give_up(upstream, REFUSED)
    assert not attempts.sent
    assert attempts.take(upstream, CLIENT) is not first
    assert upstream.exchanges == 1
    assert first.describe()["last_fault"] is not None


@pytest.mark.parametrize(("servers", "tries"), [(1, 3), (2, 1)], ids=["no other", "no more tries"])
def test_nowhere_else_to_go(servers: int, tries: int) -> None:
    """The server keeps it, to be told at the end."""
    upstream, attempts = upstream_of(servers, tries), Attempts()
    server = attempts.take(upstream, CLIENT)
    assert not attempts.give_up(upstream, REFUSED)
    assert attempts.server is server
    attempts.end(REFUSED)
    assert upstream.exchanges == 0


def test_nothing_to_give_up() -> None:
    """Without a server there is none to take it from, and none to tell."""
    attempts = Attempts()
    assert not attempts.give_up(upstream_of(2), REFUSED)
    attempts.answered()
    attempts.end(REFUSED)


ENDS: dict[str, tuple[GatewayError | None, bool, bool]] = {
    "good": (None, False, True),
    "fault": (REFUSED, False, False),
    "fault of the client's": (BadRequest("body"), False, True),
    "neutral": (REFUSED, True, True),
}


@pytest.mark.parametrize(("error", "neutral", "admitted"), ENDS.values(), ids=ENDS)
def test_ends_count_for_what_they_say(error: GatewayError | None, neutral: bool, admitted: bool) -> None:
    """After five of them only the server's own faults hold calls back."""
    upstream = upstream_of(2)
    for _ in range(20):
        attempts = Attempts()
        try:
            attempts.take(upstream, CLIENT)
        except UpstreamUnavailable:
            assert not admitted
            return
        if error is None:
            attempts.answered()
        attempts.end(error, neutral=neutral)
    assert admitted
