"""The shape of what routes with event streams hold: `stream`, `ephemeral_token` and `cors`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tentaculo.config.addresses import Origin
from tentaculo.config.http_fields import FreeFieldName, PlainPath
from tentaculo.config.scalars import Count, Duration, Many, Switch
from tentaculo.config.section import Section
from tentaculo.config.stream_fields import Gather, Heartbeat, KeptBytes, KeptEvents, KeptTime, Retry
from tentaculo.config.token_fields import (
    CarryWord,
    Parameter,
    Permission,
    ReuseWord,
    SameSiteWord,
    TokenLife,
    UnavailableWord,
)


class ReplaySection(Section):
    """What is kept of a shared stream for clients that return."""

    events: KeptEvents | None = Field(None, description="How many events are kept; default 1000.")
    bytes: KeptBytes | None = Field(None, description="Size of the events that are kept; default 1MiB.")
    age: KeptTime | None = Field(None, description="How long an event is kept, 24h at most; default 5m.")


class StreamSection(Section):
    """Declares that the route carries event streams."""

    heartbeat: Heartbeat | None = Field(
        None,
        description="Pause after which a comment is sent, 1s to 1h, null for none; "
        "default 15s with shared: true or access ephemeral-token or upstream, else none.",
    )
    idle_timeout: Duration | None = Field(
        None, description="Longest pause of the upstream before the stream ends, null (default) for no limit."
    )
    max_age: Duration | None = Field(
        None, description="Longest life of a stream, null for no end; default 4h."
    )
    retry: Retry | None = Field(
        None,
        description="Time after which a client comes again, 1ms to 1h, where the upstream says none; "
        "null (default) for nothing said.",
    )
    shared: Switch = Field(
        False, description="Whether clients of one URL are fed from one stream of the upstream."
    )
    replay: ReplaySection | None = Field(
        None,
        description="Keeps the last events of a shared stream for clients that return: {} or options; "
        "null (default) for none.",
    )
    vary: Many[FreeFieldName] = Field(
        default_factory=list,
        description="Header fields that clients of one shared stream have in common, "
        "and that the upstream gets; default none.",
    )
    assign_ids: Switch = Field(
        False, description="Whether the gateway gives ids to the events of a shared stream with replay."
    )
    slow_client: KeptBytes | None = Field(
        None,
        description="Size that a client of a shared stream may lag behind, before it is ended; default 1MiB.",
    )
    max_streams: Count | None = Field(
        None, description="Open streams of the route, null (default) for no limit."
    )
    max_streams_per_principal: Count | None = Field(
        None, description="Open streams of the route for one principal, null (default) for no limit."
    )
    max_streams_per_client: Count | None = Field(
        None, description="Open streams of the route for one address, null (default) for no limit."
    )
    unavailable: UnavailableWord | None = Field(
        None,
        description="What a client with a bound token gets while there is no stream: error (default), "
        "or retry, an event stream that makes EventSource come again.",
    )
    last_event: Switch = Field(True, description="Whether the gateway's last event says why a stream ends.")
    gather: Gather | None = Field(
        None,
        description="Time for which events may wait to be read together with those of other streams, where "
        "many come; 0.1ms to 1s, default 0.5ms, null for none.",
    )


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
