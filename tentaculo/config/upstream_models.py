"""The shape of `upstreams`: where a service is, how long to wait for it, how it is trusted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tentaculo.config.addresses import HostName, ServerUrl
from tentaculo.config.http_fields import FreeFieldName, SecretValue
from tentaculo.config.scalars import Duration, Many, Switch
from tentaculo.config.section import Section
from tentaculo.config.tokens import FileName


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
    value: SecretValue | None = Field(None, description="The secret, best taken from the environment.")


class ServerSection(Section):
    """One address of an upstream."""

    required = ("url",)
    later = ("weight",)
    short = "url"

    url: ServerUrl | None = Field(None, description="Scheme, host and port, such as http://backend:8080.")


class UpstreamSection(Section):
    """A service behind the gateway: its URL, or the long form."""

    required = ("servers",)
    later = ("balance", "health_check", "limits", "retries", "breaker")
    short = "servers"

    servers: Annotated[Many[ServerSection], Field(min_length=1, max_length=1)] | None = Field(
        None, description="Its server."
    )
    timeouts: TimeoutsSection | None = Field(None, description="How long to wait for it.")
    tls: TlsSection | None = Field(None, description="How an https server is verified.")
    credential: CredentialSection | None = Field(None, description="The gateway's own secret for it.")

    @classmethod
    def expand(cls, value: str) -> dict[str, object]:
        """Return the long form of a URL."""
        return {"servers": [value]}
