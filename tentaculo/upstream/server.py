"""One server of an upstream: its connections, what is in hand there, and whether it may be called.

It knows faults and checks, and nothing of the other servers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tentaculo.config.upstream_settings import Server, UpstreamSettings
from tentaculo.errors import GatewayError, UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable
from tentaculo.telemetry.upstream_metrics import UpstreamMetrics
from tentaculo.upstream.breaker import Breaker, Outcome
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.pool import Pool
from tentaculo.upstream.resolving import Lookup
from tentaculo.upstream.tls import TlsContexts, authority_digest

SLOW_START_SECONDS = 10.0
SLOW_START_SHARE = 0.1

Notice = Callable[[str, str, dict[str, Any]], None]

_AWAY = frozenset({"refused", "unresolved"})
_FAULTS = (UpstreamUnreachable, UpstreamTimeout, UpstreamProtocolError)


def outcome_of(error: GatewayError | None) -> Outcome:
    """Return what an exchange's error, or its lack, says of the server.

    Faults are no connection, no reply in time, and a reply that is not valid or was cut.  A status says
    nothing: who answers 503 is there, may mean one path or one caller alone, and is to be
    judged by a health check.
    """
    if error is None:
        return Outcome.OK
    if not isinstance(error, _FAULTS):
        return Outcome.NEUTRAL
    return Outcome.AWAY if error.reason in _AWAY else Outcome.FAULT


@dataclass(frozen=True)
class Means:
    """What the servers of an upstream have in common: time, chance, and who is told of what."""

    deadlines: Deadlines
    metrics: UpstreamMetrics
    aborted: Callable[[float], None]
    notice: Notice
    random: Callable[[], float]
    lookup: Lookup
    tls: TlsContexts


class UpstreamServer:
    """A server and its state.

    `exchanges` are in hand there; `is_plain` is whether it is fully up, so that nothing more needs to be
    asked; `is_down` whether health checks found it so.  It comes back by degrees: for
    SLOW_START_SECONDS its share of the calls grows from a tenth to the whole.
    """

    __slots__ = (
        "_bad_checks",
        "_good_checks",
        "_last_fault",
        "_last_fault_at",
        "_means",
        "_slow_until",
        "_tally",
        "_upstream",
        "breaker",
        "exchanges",
        "is_down",
        "is_plain",
        "key",
        "name",
        "pool",
        "settings",
        "weight",
    )

    def __init__(self, upstream: UpstreamSettings, server: Server, means: Means, *, alone: bool) -> None:
        self.settings = server
        self.name = authority_of(server)
        self.key = key_of(upstream, server)
        self._upstream = upstream.name
        self._means = means
        self._tally = means.metrics.server(upstream.name, self.name)
        self.pool = Pool(
            upstream,
            means.deadlines,
            means.aborted,
            server=server,
            counted=self._tally.count_connections,
            tell=self._tell_of_name,
            lookup=means.lookup,
            tls=means.tls,
        )
        self.breaker = Breaker(upstream.breaker, means.deadlines.clock, means.random, self._breaker_changed)
        self.exchanges = 0
        self.is_down = False
        self.is_plain = True
        self._slow_until = 0.0
        self._good_checks = 0
        self._bad_checks = 0
        self._last_fault = ""
        self._last_fault_at = 0.0
        self.configure(upstream, server, alone=alone)

    def configure(self, upstream: UpstreamSettings, server: Server, *, alone: bool) -> None:
        """Take over settings that change nothing about connections; `alone` is without other servers."""
        self.settings = server
        self.weight = server.weight
        self.breaker.settings = upstream.breaker
        self.breaker.alone = alone
        if upstream.health_check is None:
            self.is_down = False
            self._good_checks = self._bad_checks = 0
        self._state_changed()

    # Exchanges.

    def admits(self) -> bool:
        """Whether an exchange may begin now."""
        if self._slow_until and self._means.deadlines.clock() >= self._slow_until:
            self._slow_until = 0.0
            self._state_changed()
        return not self.is_down and self.breaker.admits()

    def share(self, now: float) -> float:
        """Return its weight, less while it comes back."""
        left = (self._slow_until - now) / SLOW_START_SECONDS
        return self.weight if left <= 0 else self.weight * (1 - (1 - SLOW_START_SHARE) * left)

    def begin(self) -> int:
        """Count an exchange in; return what `done` is to be told.  Call it in the same step as `choose`."""
        self.exchanges += 1
        self._tally.exchanges += 1
        self._tally.requests += 1
        return self.breaker.turn if self.is_plain else self.breaker.begin()

    def answered(self, turn: int) -> None:
        """Note that a stream opened: the server is well, though the exchange may go on for hours.

        Its end says no more of the server, and is to be told as neutral.
        """
        if not self.breaker.is_calm:
            self.breaker.done(Outcome.OK, turn)

    def done(self, outcome: Outcome, turn: int) -> None:
        """Count an exchange out, each just once, with what it said of the server."""
        self.exchanges -= 1
        self._tally.exchanges -= 1
        if outcome is not Outcome.OK or not self.breaker.is_calm:
            self.breaker.done(outcome, turn)

    def failed(self, error: GatewayError, turn: int) -> None:
        """Count an exchange out that ended with an error, its server's or not."""
        outcome = outcome_of(error)
        if outcome is Outcome.FAULT or outcome is Outcome.AWAY:
            self._tally.faults += 1
            self._last_fault = error.reason
            self._last_fault_at = self._means.deadlines.clock()
        self.done(outcome, turn)

    # Health checks.

    def check_passed(self, up_after: int) -> None:
        """Take in a good check; so many in a row bring the server up."""
        self._bad_checks = 0
        self._good_checks += 1
        self.breaker.check_passed()
        if self.is_down and self._good_checks >= up_after:
            self.is_down = False
            self._start_slowly()
            self._state_changed()
            self._notice("info", "server.up", reason="check")

    def check_failed(self, down_after: int, reason: str) -> None:
        """Take in a bad check; so many in a row take the server down."""
        self._good_checks = 0
        self._bad_checks += 1
        if not self.is_down and self._bad_checks >= down_after:
            self.is_down = True
            self._state_changed()
            self.pool.close_idle()
            self._notice("warning", "server.down", reason=reason)

    # Its state.

    @property
    def state(self) -> str:
        """One of up, down, ejected, half_open, slow_start."""
        if self.breaker.is_open:
            return "half_open" if self.breaker.is_half_open else "ejected"
        if self.is_down:
            return "down"
        return "slow_start" if self._means.deadlines.clock() < self._slow_until else "up"

    def describe(self) -> dict[str, Any]:
        """Return what an operator wants to know, in plain data; times in seconds."""
        fault = self._last_fault and {
            "reason": self._last_fault,
            "seconds_ago": round(self._means.deadlines.clock() - self._last_fault_at, 3),
        }
        return {
            "address": f"{self.settings.scheme}://{self.name}",
            "resolved": list(self.pool.addresses),
            "weight": self.weight,
            "state": self.state,
            "connections": self.pool.open_connections,
            "exchanges": self.exchanges,
            "faults_in_a_row": self.breaker.faults,
            "last_fault": fault or None,
            "tried_again_in": round(self.breaker.wait(), 3) if self.breaker.is_open else None,
        }

    def close(self) -> None:
        """Close what is idle; exchanges in hand end in their own time."""
        self.pool.close()
        self._means.metrics.forget(self._upstream, self.name)

    def _breaker_changed(self, is_open: bool) -> None:  # noqa: FBT001 - a breaker's callback
        if is_open:
            self._tally.ejections += 1
            self.pool.close_idle()
            seconds = round(self.breaker.wait(), 3)
            self._notice("warning", "server.ejected", reason=self._last_fault, seconds=seconds)
        else:
            self._start_slowly()
            self._notice("info", "server.returned")
        self._state_changed()

    def _start_slowly(self) -> None:
        self._slow_until = self._means.deadlines.clock() + SLOW_START_SECONDS

    def _state_changed(self) -> None:
        self._tally.up = not self.is_down and not self.breaker.is_open
        self.is_plain = self._tally.up and not self._slow_until

    def _tell_of_name(self, level: str, event: str) -> None:
        self._notice(level, event)

    def _notice(self, level: str, event: str, **facts: Any) -> None:
        self._means.notice(level, event, {"upstream": self._upstream, "server": self.name, **facts})


def authority_of(server: Server) -> str:
    """Return host and port, as they stand in a URL."""
    return f"[{server.host}]:{server.port}" if ":" in server.host else f"{server.host}:{server.port}"


def host_of(server: Server) -> str:
    """Return the server's own `Host`, without a default port."""
    default = {"http": ":80", "https": ":443"}[server.scheme]
    return authority_of(server).removesuffix(default)


def key_of(upstream: UpstreamSettings, server: Server) -> tuple[object, ...]:
    """Return everything that connections to a server depend on, an authority's file by what it holds."""
    return (
        upstream.name,
        server.scheme,
        server.host,
        server.port,
        upstream.tls,
        authority_digest(upstream.tls) if server.scheme == "https" else b"",
        upstream.timeouts.keep_alive,
    )
