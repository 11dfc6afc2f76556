"""The shape of what routes with event streams hold: `stream`, `ephemeral_token` and `cors`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tentaculo.config.addresses import Origin
from tentaculo.config.http_fields import PlainPath
from tentaculo.config.scalars import Count, Duration, Many, Switch
from tentaculo.config.section import Section
from tentaculo.config.token_fields import (
    CarryWord,
    Parameter,
    Permission,
    ReuseWord,
    SameSiteWord,
    TokenLife,
    UnavailableWord,
)


class StreamSection(Section):
    """Declares that the route carries event streams."""

    later = (
        "heartbeat",
        "idle_timeout",
        "retry",
        "shared",
        "replay",
        "vary",
        "assign_ids",
        "slow_client",
        "max_streams",
        "max_streams_per_principal",
        "max_streams_per_client",
    )

    max_age: Duration | None = Field(
        None, description="Longest life of a stream, null for no end; default 4h."
    )
    unavailable: UnavailableWord | None = Field(
        None,
        description="What a client with a bound token gets while there is no stream: error (default), "
        "or retry, an event stream that makes EventSource come again.",
    )
    last_event: Switch = Field(True, description="Whether the gateway's last event says why a stream ends.")


class EphemeralTokenSection(Section):
    """How the tokens that open a route's streams are issued, carried and reused."""

    required = ("issue_path",)

    issue_path: PlainPath | None = Field(
        None, description="POST here answers with a token; routes with the same path and host share it."
    )
    ttl: TokenLife | None = Field(
        None, description="Time in which a token must be redeemed, 1s to 10m; default 60s."
    )
    reuse: ReuseWord | None = Field(
        None,
        description="resume (default): the same client may open again. once: one opening. "
        "ttl: any number until the token expires.",
    )
    carry: CarryWord | None = Field(
        None, description="How the token travels: query (default), cookie, or header."
    )
    parameter: Parameter | None = Field(
        None, description="The query parameter of carry: query; default token."
    )
    resume_grace: Duration | None = Field(
        None, description="Time after a stream's end in which its client may open again; default 30s."
    )
    resume_max_age: Duration | None = Field(
        None, description="Time after its issue in which a token may open again; default 1h."
    )
    max_streams_per_token: Count | None = Field(
        None, description="Open streams of one token, for carry: cookie; default 8."
    )
    bind_client: Switch = Field(
        False, description="Whether only the client address that asked for the token may redeem it."
    )
    principal_in_query: Permission | None = Field(
        None, description="allow takes a principal token as the parameter too; default deny."
    )
    same_site: SameSiteWord | None = Field(
        None, description="SameSite of the cookie of carry: cookie: strict (default), or none."
    )


class CorsSection(Section):
    """Which pages of other origins may call the route."""

    required = ("origins",)

    origins: Annotated[Many[Origin], Field(min_length=1)] | None = Field(
        None, description='Origins such as https://app.example.org; or "*" alone, for all.'
    )
    credentials: Switch = Field(False, description="Whether the pages' cookies may come along.")
