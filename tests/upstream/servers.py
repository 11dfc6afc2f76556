"""An upstream of servers that nobody needs to run, with a movable clock and chance that the test decides."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tentaculo.config.upstream_settings import (
    BreakerSettings,
    HealthCheckSettings,
    Server,
    UpstreamSettings,
)
from tentaculo.errors import UpstreamTimeout
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.server import UpstreamServer
from tentaculo.upstream.upstream import Upstream
from tests.fakes.clock import Clock

FAULT = UpstreamTimeout("response")
CHECK = HealthCheckSettings(path="/health", interval=5.0, timeout=1.0)
FAULTS = 3
OPEN_FOR = 10.0


def upstream_settings(*servers: Server, **more: Any) -> UpstreamSettings:
    """Configure an upstream; three faults eject a server for ten seconds."""
    more.setdefault("breaker", BreakerSettings(faults=FAULTS, open_for=OPEN_FOR))
    return UpstreamSettings(name="backend", servers=servers, **more)


def weighted(*weights: int, **more: Any) -> UpstreamSettings:
    """Configure servers with these weights, on ports 1, 2 and so on."""
    servers = [Server("http", "127.0.0.1", port, weight) for port, weight in enumerate(weights, 1)]
    return upstream_settings(*servers, **more)


def local(*ports: int, **more: Any) -> UpstreamSettings:
    """Configure servers on these ports."""
    return upstream_settings(*(Server("http", "127.0.0.1", port) for port in ports), **more)


@dataclass
class House:
    """What an upstream stands in: `chance` is what it draws; `events` and `facts` are what it told.

    `names` are the names that can be looked up.  `pauses` are those that it made: they last for no more than
    the clock, and for what `meanwhile` has for the first, the second and so on.
    """

    clock: Clock = field(default_factory=Clock)
    metrics: Metrics = field(default_factory=lambda: Metrics(version="0"))
    chance: float = 0.0
    events: list[str] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)
    meanwhile: dict[int, Callable[[], Awaitable[None]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.deadlines = Deadlines(self.clock, tick=3600)

    def build(self, settings: UpstreamSettings) -> Upstream:
        """Make an upstream."""
        return Upstream(
            settings,
            self.deadlines,
            metrics=self.metrics.upstreams,
            notice=self._noticed,
            random=lambda: self.chance,
            lookup=self._look_up,
            pause=self._pause,
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.pass_time(seconds)
        if len(self.pauses) in self.meanwhile:
            await self.meanwhile[len(self.pauses)]()

    def _noticed(self, level: str, event: str, facts: dict[str, Any]) -> None:
        self.events.append(f"{level} {event}")
        self.facts.append(facts)

    async def _look_up(self, host: str, port: int) -> list[str]:
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.names[host]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of a series, of the upstream unless it is said otherwise."""
        labels = {"upstream": "backend", **labels}
        return self.metrics.registry.get_sample_value(f"tentaculo_upstream_{name}", labels)

    def pass_time(self, seconds: float) -> None:
        """Move the clock and let what is overdue expire."""
        self.clock.advance(seconds)
        self.deadlines.sweep()


def fail(server: UpstreamServer, times: int = FAULTS) -> None:
    """Let exchanges fail, one after another."""
    for _ in range(times):
        server.failed(FAULT, server.begin())


def ports(servers: Sequence[UpstreamServer]) -> list[int]:
    """Return the ports of servers, which tell them apart."""
    return [server.settings.port for server in servers]
