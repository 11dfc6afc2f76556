"""An upstream: its servers, and which of them gets an exchange.

It knows what was configured and how the servers do; it knows nothing of requests or routes.
"""

from __future__ import annotations

import asyncio
import math
import random as chance
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from tentaculo.config.upstream_settings import UpstreamSettings
from tentaculo.errors import UpstreamBusy, UpstreamUnavailable, UpstreamUnreachable
from tentaculo.telemetry.upstream_metrics import UpstreamMetrics
from tentaculo.upstream.balancing import balancing_of
from tentaculo.upstream.breaker import Outcome
from tentaculo.upstream.connection import UpstreamConnection, ignore
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.health import HealthChecks
from tentaculo.upstream.resolving import Lookup, look_up
from tentaculo.upstream.retry_budget import RetryBudget
from tentaculo.upstream.server import Means, Notice, UpstreamServer, outcome_of
from tentaculo.upstream.tls import TlsContexts

BUSY_SECONDS = 1
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5
JITTER = 0.2  # of a pause, taken from it: who waits together does not try together


def notice_nothing(level: str, event: str, facts: dict[str, Any]) -> None:
    """Leave events unsaid."""


class Upstream:
    """The servers of one upstream, in the order of the configuration.

    `aborted` is told how many seconds after their client had left connections ended; `notice` takes the
    level, name and facts of events.  Upstreams that share `tls` cost less to make again.
    """

    def __init__(
        self,
        settings: UpstreamSettings,
        deadlines: Deadlines,
        *,
        metrics: UpstreamMetrics,
        aborted: Callable[[float], None] = ignore,
        notice: Notice = notice_nothing,
        random: Callable[[], float] = chance.random,  # noqa: S311 - it guards nothing
        lookup: Lookup = look_up,
        tls: TlsContexts | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = settings.name
        self.settings = settings
        self._metrics = metrics
        self._means = means = Means(deadlines, metrics, aborted, notice, random, lookup, tls or TlsContexts())
        alone = len(settings.servers) == 1
        self.servers = tuple(
            UpstreamServer(settings, server, means, alone=alone) for server in settings.servers
        )
        self._only: UpstreamServer | None = None
        self._balancing = balancing_of(settings.balance, random)
        self._budget = RetryBudget(settings.retries.budget, deadlines.clock)
        self._most_exchanges = settings.limits.exchanges
        self._most_connections = settings.limits.connections
        self._pause = pause
        self._checks: HealthChecks | None = None
        self._kept_elsewhere: set[UpstreamServer] = set()
        self._note_servers(self.servers)

    def _note_servers(self, servers: tuple[UpstreamServer, ...]) -> None:
        self.servers = servers
        self._only = servers[0] if len(servers) == 1 and self._most_exchanges is None else None

    # What an exchange does.

    def choose(self, client: str, tried: Collection[UpstreamServer] = ()) -> UpstreamServer:
        """Return the server for an exchange of a client, none of those that were tried for it.

        Servers are passed over that health checks found down, and those whose breaker holds calls back.
        Health checks advise, breakers decide: when no server is left because of checks, calls go to those
        that only a check found down, for a check may be wrong where all fail it, and nothing is lost
        by trying; when their calls fail their breakers open.  A breaker that is open is never passed by.

        Raises UpstreamUnavailable when no server is left, UpstreamBusy at the limit of exchanges.
        """
        only = self._only
        if only is not None and only.is_plain and not tried:
            return only
        return self._choose(client, tried)

    def _choose(self, client: str, tried: Collection[UpstreamServer]) -> UpstreamServer:
        if self._most_exchanges is not None and self.exchanges >= self._most_exchanges:
            raise self._busy("exchanges")
        if not tried:
            self._budget.earn()
        left = [one for one in self.servers if (one.is_plain or one.admits()) and one not in tried]
        if not left:
            left = self._last_resort(tried)
        if len(left) == 1:
            return left[0]
        return self._balancing.pick(left, client, self._means.deadlines.clock())

    def _last_resort(self, tried: Collection[UpstreamServer]) -> list[UpstreamServer]:
        left = []
        if not any(server.admits() for server in tried):
            left = [one for one in self.servers if one.breaker.admits() and one not in tried]
        if not left:
            raise UpstreamUnavailable("no_server", headers=_retry_after(self._wait()))
        return left

    def may_retry(self, tried: Collection[UpstreamServer]) -> bool:
        """Return whether an exchange may go to another server after these; if so it counts as a retry.

        Whether it does no harm to do it twice is for the caller to know.
        """
        if not self._has_another(tried):
            return False
        if self._budget.spend():
            self._metrics.retried(self.name)
            return True
        self._metrics.retry_denied(self.name)
        return False

    def _has_another(self, tried: Collection[UpstreamServer]) -> bool:
        if len(tried) >= self.settings.retries.attempts:
            return False
        return any(server.admits() and server not in tried for server in self.servers)

    async def connect(self, server: UpstreamServer, timeout: float) -> UpstreamConnection:
        """Open a connection to a server within `timeout` seconds.

        At the limit of connections an idle one of another server is closed for it.  Raises UpstreamBusy
        where none is idle, UpstreamUnreachable or UpstreamTimeout.
        """
        most = self._most_connections
        if most is not None and self._connections >= most and not self._make_room():
            raise self._busy("connections")
        return await server.pool.connect(timeout)

    async def connect_in_time(
        self, server: UpstreamServer, timeout: float, tried: Collection[UpstreamServer]
    ) -> UpstreamConnection:
        """Open a connection as `connect` does, but wait a while for a server that is away.

        It is tried again and again for `retries.wait` seconds, unless another can be asked that is not among
        those that were `tried`, or its breaker is open, which is not passed by.  Raises as `connect` does.
        """
        clock, pause = self._means.deadlines.clock, FIRST_PAUSE
        until: float | None = None
        while True:
            try:
                return await self.connect(server, timeout)
            except UpstreamUnreachable as fault:
                if until is None:
                    until = clock() + self._patience([*tried, server])
                left = until - clock()
                if left <= 0 or server.breaker.is_open or outcome_of(fault) is not Outcome.AWAY:
                    raise
            await self._pause(min(left, pause * (1 - JITTER * self._means.random())))
            pause = min(LONGEST_PAUSE, 2 * pause)

    def _patience(self, tried: Collection[UpstreamServer]) -> float:
        """Return the seconds for which the last of them is waited for, none where another can be asked."""
        wait = self.settings.retries.wait
        return 0.0 if wait is None or self._has_another(tried) else wait

    def _make_room(self) -> bool:
        return any(server.pool.close_oldest_idle() for server in self.servers)

    def _busy(self, limit: str) -> UpstreamBusy:
        return UpstreamBusy(limit, headers=_retry_after(BUSY_SECONDS))

    # How it does.

    @property
    def exchanges(self) -> int:
        """How many exchanges its servers have in hand."""
        return sum(server.exchanges for server in self.servers)

    @property
    def _connections(self) -> int:
        return sum(server.pool.load for server in self.servers)

    def _wait(self) -> float:
        """Return the seconds until a server may be free for a trial; where one is under way, none."""
        breakers = [server.breaker for server in self.servers]
        return min(0.0 if breaker.is_half_open else breaker.wait() for breaker in breakers)

    def describe(self) -> dict[str, Any]:
        """Return what an operator wants to know, in plain data."""
        return {
            "name": self.name,
            "balance": str(self.settings.balance),
            "exchanges": self.exchanges,
            "connections": self._connections,
            "servers": [server.describe() for server in self.servers],
        }

    # Its life.

    def adopt(self, previous: Upstream) -> None:
        """Take over the servers of the upstream of this name before it, but those whose connections differ.

        Call it before `start`, once nothing else of a reload can fail.  They keep connections, health and
        counts, and get the new weights and rules; `previous` goes on with them, and closes only the others.
        """
        known = {server.key: server for server in previous.servers}
        servers = []
        for made, settings in zip(self.servers, self.settings.servers, strict=True):
            kept = known.pop(made.key, None)
            if kept is None:
                servers.append(made)
                continue
            made.close()
            previous._kept_elsewhere.add(kept)
            kept.configure(self.settings, settings, alone=len(self.servers) == 1)
            servers.append(kept)
        self._budget.take_over(previous._budget)
        self._note_servers(tuple(servers))

    def start(self) -> None:
        """Begin the health checks, where there are any; needs a running event loop."""
        if self.settings.health_check is not None and self._checks is None:
            self._checks = HealthChecks(self.settings.health_check, self.servers, self._means.random)
            self._checks.start()

    async def aclose(self) -> None:
        """End the health checks, and close."""
        checks, self._checks = self._checks, None
        if checks is not None:
            await checks.aclose()
        self.close()

    def close(self) -> None:
        """Close the idle connections of servers that no other upstream adopted; what is in hand may end.

        Closing again does nothing.
        """
        for server in self.servers:
            if server not in self._kept_elsewhere:
                self._kept_elsewhere.add(server)
                server.close()


def _retry_after(seconds: float) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(max(BUSY_SECONDS, math.ceil(seconds)))),)
