"""What the gateway was told of upstreams, as frozen data with every default filled in."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from tentaculo.config.secret import Secret


class Balance(enum.StrEnum):
    """How the servers of an upstream share its calls."""

    ROUND_ROBIN = "round_robin"
    LEAST_CONNECTIONS = "least_connections"
    CLIENT_HASH = "client_hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. `idle` is between two reads of a reply; `keep_alive` how long an unused connection is kept."""

    connect: float = 2.0
    response: float = 30.0
    idle: float = 60.0
    keep_alive: float = 4.0


@dataclass(frozen=True, slots=True)
class Server:
    """One address of an upstream; `scheme` is http or https, `weight` its share beside the others'."""

    scheme: str
    host: str
    port: int
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheckSettings:
    """GETs `path` of each server every `interval` seconds; so many failures or successes turn it."""

    path: str
    interval: float = 5.0
    timeout: float = 1.0
    down_after: int = 3
    up_after: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamLimits:
    """Open connections and exchanges of all servers together; None is no limit."""

    connections: int | None = None
    exchanges: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """`attempts` counts all tries, 1 is no retry; `budget` is the share of calls that may be tried again.

    For `wait` seconds a call waits for a server that can't be connected to, where no other can be asked.
    """

    attempts: int = 2
    budget: float = 0.2
    wait: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """A server with so many `faults` in a row gets no calls for `open_for` seconds."""

    faults: int = 5
    open_for: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """How an https upstream is verified."""

    ca: Path | None = None
    server_name: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class UpstreamCredential:
    """The gateway's own secret for an upstream, sent in `header`."""

    header: str
    value: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """One service behind the gateway; its servers, one at least, have one scheme."""

    name: str
    servers: tuple[Server, ...]
    balance: Balance = Balance.ROUND_ROBIN
    health_check: HealthCheckSettings | None = None
    timeouts: Timeouts = Timeouts()
    limits: UpstreamLimits = UpstreamLimits()
    retries: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()
    tls: TlsSettings = TlsSettings()
    credential: UpstreamCredential | None = None

    @property
    def server(self) -> Server:
        """The first server, whose scheme and spelling stand for all."""
        return self.servers[0]
