"""The shape of `upstreams`: where a service is, how its servers share calls, how far it is trusted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tentaculo.config.addresses import HostName, ServerUrl
from tentaculo.config.http_fields import FreeFieldName, PlainPath, SecretValue
from tentaculo.config.scalars import Count, Duration, Many, Switch
from tentaculo.config.section import Section
from tentaculo.config.tokens import FileName
from tentaculo.config.upstream_fields import (
    Attempts,
    BalanceWord,
    CheckInterval,
    CheckTimeout,
    Patience,
    Percentage,
    Weight,
)


class TimeoutsSection(Section):
    """How long the gateway waits for an upstream."""

    connect: Duration | None = Field(None, description="Time to connect; default 2s.")
    response: Duration | None = Field(None, description="Time until the response begins; default 30s.")
    idle: Duration | None = Field(None, description="Longest pause within a response; default 60s.")
    keep_alive: Duration | None = Field(
        None, description="Time that an unused connection is kept; default 4s."
    )


class TlsSection(Section):
    """How an https upstream is verified."""

    ca: FileName | None = Field(
        None, description="PEM file of the authorities to trust, relative to this file."
    )
    server_name: HostName | None = Field(
        None, description="The name in the certificate; default the server's host."
    )
    verify: Switch = Field(True, description="Whether the certificate must be valid.")


class CredentialSection(Section):
    """The gateway's own secret for an upstream, sent once access was granted."""

    required = ("header", "value")

    header: FreeFieldName | None = Field(None, description="The header field that carries the secret.")
    value: SecretValue | None = Field(
        None, description="The secret, best taken from a file that the environment names."
    )


class ServerSection(Section):
    """One address of an upstream."""

    required = ("url",)
    short = "url"

    url: ServerUrl | None = Field(None, description="Scheme, host and port, such as http://backend:8080.")
    weight: Weight | None = Field(
        None, description="Its share of calls beside the others', 1 to 1000; default 1."
    )


class HealthCheckSection(Section):
    """How the gateway finds out whether a server can do its work."""

    required = ("path",)

    path: PlainPath | None = Field(None, description="What is asked of a server, such as /health.")
    interval: CheckInterval | None = Field(
        None, description="Time between two checks of a server, 10ms to 1h; default 5s."
    )
    timeout: CheckTimeout | None = Field(
        None, description="Time for the answer to a check, 1h at most; default 1s."
    )
    down_after: Count | None = Field(
        None, description="Failed checks in a row after which a server gets no calls; default 3."
    )
    up_after: Count | None = Field(
        None, description="Good checks in a row after which it gets calls again; default 2."
    )


class UpstreamLimitsSection(Section):
    """How much the servers of an upstream have in hand together."""

    connections: Count | None = Field(None, description="Open connections, null (default) for no limit.")
    exchanges: Count | None = Field(
        None, description="Calls at once, null (default) for no limit; more are answered 503."
    )


class RetriesSection(Section):
    """When a call that failed is tried on another server, or waits for the same."""

    attempts: Attempts | None = Field(
        None, description="Tries of one call in all, 1 to 10; 1 is no retry; default 2."
    )
    budget: Percentage | None = Field(
        None, description="Share of calls that may be tried again, 0% to 100%; default 20%."
    )
    wait: Patience | None = Field(
        None,
        description="Time that a call waits for a server that can't be connected to, where no other can be "
        "asked, 1m at most; null (default) for no wait.",
    )


class BreakerSection(Section):
    """When a server that fails is left alone."""

    faults: Count | None = Field(
        None, description="Faults in a row after which a server gets no calls; default 5."
    )
    open_for: Duration | None = Field(None, description="Time for which it gets none; default 10s.")


class UpstreamSection(Section):
    """A service behind the gateway: its URL, or the long form."""

    required = ("servers",)
    short = "servers"

    servers: Annotated[Many[ServerSection], Field(min_length=1)] | None = Field(
        None, description="Its servers, all http or all https: URLs, or the long form with a weight."
    )
    balance: BalanceWord | None = Field(
        None,
        description="How servers share calls: round_robin (default), least_connections, "
        "or client_hash, where one address keeps its server.",
    )
    health_check: HealthCheckSection | None = Field(
        None, description="How servers are checked, null (default) for by their calls only."
    )
    timeouts: TimeoutsSection | None = Field(None, description="How long to wait for it.")
    limits: UpstreamLimitsSection | None = Field(None, description="How much it has in hand at once.")
    retries: RetriesSection | None = Field(None, description="When a call is tried on another server.")
    breaker: BreakerSection | None = Field(None, description="When a server that fails is left alone.")
    tls: TlsSection | None = Field(None, description="How an https server is verified.")
    credential: CredentialSection | None = Field(None, description="The gateway's own secret for it.")

    @classmethod
    def expand(cls, value: str) -> dict[str, object]:
        """Return the long form of a URL."""
        return {"servers": [value]}
