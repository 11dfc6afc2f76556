"""The shape of the file: each section's keys with their types and what editors say about them.

Defaults are those of `settings`: None here is a key that was not given.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tentaculo.config.addresses import HostName, ListenAddress, TrustedNetwork
from tentaculo.config.call_models import MaintenanceSection, RateLimitSection, RateSection
from tentaculo.config.http_fields import (
    AccessWord,
    BrowserPath,
    FieldName,
    FieldValue,
    FreeFieldName,
    InPath,
    Method,
    PlainPath,
    Prefix,
    RoutePath,
)
from tentaculo.config.scalars import (
    Count,
    Duration,
    LogFormat,
    LogLevel,
    Many,
    Name,
    OneOrMany,
    OrSingle,
    Size,
    Switch,
    Text,
)
from tentaculo.config.section import Section
from tentaculo.config.stream_fields import DrainTime
from tentaculo.config.stream_models import CorsSection, EphemeralTokenSection, StreamSection
from tentaculo.config.token_fields import StoreTimeout, StoreUrl
from tentaculo.config.tokens import FileName, Token, TokenDigest
from tentaculo.config.upstream_models import TimeoutsSection, UpstreamSection

_SOME = Field(min_length=1)
_ONE_OR_TWO = Field(min_length=1, max_length=2)


class CertificateSection(Section):
    """A certificate with its key."""

    required = ("certificate", "key")

    certificate: FileName | None = Field(
        None,
        description="PEM file of the certificate and those between it and its authority, "
        "relative to this file.",
    )
    key: FileName | None = Field(
        None, description="PEM file of its private key, without a passphrase, relative to this file."
    )


class ListenSection(Section):
    """An address with a port, such as 0.0.0.0:8000."""

    required = ("address",)
    short = "address"

    address: ListenAddress | None = Field(None, description="Host and port; port 0 lets the system choose.")
    tls: Many[CertificateSection] = Field(
        default_factory=list,
        description="Certificates of an https listener, chosen by the name that the client asks for, "
        "the first one where none fits; default plain http.",
    )


class AdminSection(Section):
    """An address with a port, such as 127.0.0.1:9100."""

    required = ("address",)
    short = "address"

    address: ListenAddress | None = Field(None, description="Host and port; port 0 lets the system choose.")
    token: Token | None = Field(
        None,
        description="The token that opens the admin API, of 12 characters or more; without one it is off.",
    )


class TokenStoreSection(Section):
    """Where ephemeral tokens are kept: memory, or the URL of a Redis."""

    short = "url"

    url: StoreUrl | None = Field(
        None,
        description="memory (default), or redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://.",
    )
    timeout: StoreTimeout | None = Field(
        None, description="Time for one answer, 400ms at most; default 300ms."
    )
    max_tokens: Count | None = Field(None, description="Tokens that may be valid at once; default 1000000.")


class LogSection(Section):
    """What is logged, and how."""

    level: LogLevel | None = Field(None, description="The least level that is logged; default info.")
    format: LogFormat | None = Field(None, description="Default auto: readable on a terminal, else JSON.")
    sanitize: Many[Text] = Field(
        default_factory=list, description="More parameter names whose values are masked."
    )
    file: FileName | None = Field(
        None, description="File that the log is added to, relative to this file; null (default) for stdout."
    )


class LimitsSection(Section):
    """Counts, sizes and times that a request must keep within."""

    connections: Count | None = Field(None, description="Open client connections in all; default 10000.")
    streams: Count | None = Field(None, description="Open event streams in all; default 9000.")
    connections_per_client: Count | None = Field(
        None, description="Connections of one address; default no limit."
    )
    request_line: Size | None = Field(None, description="Size of the request line; default 8KiB.")
    header: Size | None = Field(None, description="Size of one header field; default 8KiB.")
    headers: Size | None = Field(None, description="Size of all header fields; default 64KiB.")
    body: Size | None = Field(None, description="Size of a request body; default no limit.")
    header_timeout: Duration | None = Field(None, description="Time for a request's head; default 10s.")
    body_timeout: Duration | None = Field(
        None, description="Longest pause within a request body; default 60s."
    )
    write_timeout: Duration | None = Field(
        None, description="Longest time that a client takes nothing; default 60s."
    )
    keep_alive: Duration | None = Field(
        None, description="Time that an idle connection is kept; default 75s."
    )


class DrainSection(Section):
    """How the gateway ends what is open when it stops."""

    time: DrainTime | None = Field(
        None, description="Time over which event streams are ended, 1h at most; default 5s."
    )
    hard_cap: DrainTime | None = Field(
        None, description="Time after which the rest is cut, from time to 1h; default 9s."
    )


class PrincipalSection(Section):
    """Someone who may call, proved by a token."""

    required = ("name",)

    name: Name | None = Field(None, description="Shown in logs and sent to upstreams in the identity header.")
    token: Annotated[OneOrMany[Token], _ONE_OR_TWO, OrSingle] | None = Field(
        None, description="The token, of 12 characters or more; a list of two while rotating."
    )
    token_sha256: Annotated[OneOrMany[TokenDigest], _ONE_OR_TWO, OrSingle] | None = Field(
        None,
        description="The token's SHA-256, as `tentaculo hash-token` prints it; a list of two while rotating.",
    )
    token_file: Annotated[OneOrMany[FileName], _ONE_OR_TWO, OrSingle] | None = Field(
        None, description="A file that holds the token, relative to this file; a list of two while rotating."
    )
    routes: Annotated[Many[Text], _SOME] | None = Field(
        None, description="Names of the routes that may be used, with * and ?; default all."
    )
    max_streams: Count | None = Field(
        None, description="Streams that it may have open at once, null (default) for no limit."
    )
    issue_rate: RateSection | None = Field(
        None, description="How often ephemeral tokens are issued to it; default 50/s, 100 at once."
    )


class RewriteSection(Section):
    """How the path is changed for the upstream: one of the two keys."""

    strip: Prefix | None = Field(None, description="The prefix to take away.")
    replace: Annotated[Many[Prefix], Field(min_length=2, max_length=2)] | None = Field(
        None, description="The prefix to take away, and what to put in its place."
    )


class RequestHeadersSection(Section):
    """Header fields changed on the way to the upstream."""

    set: dict[FieldName, FieldValue] = Field(
        default_factory=dict, description="Fields to add, replacing those of the same name."
    )
    remove: Many[FreeFieldName] = Field(default_factory=list, description="Names of fields to remove.")


class ResponseHeadersSection(Section):
    """Header fields changed on the way to the client."""

    set: dict[FreeFieldName, FieldValue] = Field(
        default_factory=dict, description="Fields to add, replacing those of the same name."
    )
    remove: Many[FreeFieldName] = Field(default_factory=list, description="Names of fields to remove.")


class RouteSection(Section):
    """What is forwarded where, and who may call it; the most specific route wins, whatever the order."""

    required = ("name", "path", "upstream")

    name: Name | None = Field(None, description="Shown in logs and metrics.")
    path: RoutePath | None = Field(
        None, description="Exact, or with /* at its end for everything beneath; {name} is one segment."
    )
    host: HostName | None = Field(
        None, description="Only requests for this host; *.example.org for those beneath."
    )
    methods: Annotated[Many[Method], _SOME] | None = Field(
        None, description="Only these methods; default all."
    )
    upstream: Name | None = Field(None, description="Name of the upstream.")
    access: AccessWord | None = Field(
        None,
        description="header-token (default): a principal token in a credential header. "
        "ephemeral-token: a token that the gateway issued, for declared streams only. "
        "upstream: the upstream decides, for declared streams only. public: everyone.",
    )
    enabled: Switch = Field(True, description="false answers 503.")
    stream: StreamSection | None = Field(
        None, description="Declares that the route carries event streams: {} or options."
    )
    ephemeral_token: EphemeralTokenSection | None = Field(
        None, description="The tokens of a route with access ephemeral-token."
    )
    cors: CorsSection | None = Field(None, description="Which pages of other origins may call.")
    rewrite: RewriteSection | None = Field(None, description="How the path is changed for the upstream.")
    request_headers: RequestHeadersSection | None = Field(
        None, description="Header fields changed on the way to the upstream."
    )
    response_headers: ResponseHeadersSection | None = Field(
        None, description="Header fields changed on the way to the client."
    )
    forward_credential: Switch = Field(False, description="Whether the upstream gets the credential too.")
    credential_headers: Annotated[Many[FreeFieldName], _SOME] | None = Field(
        None, description="Overrides the file's credential_headers."
    )
    timeouts: TimeoutsSection | None = Field(None, description="Overrides the upstream's.")
    allow_in_path: Many[InPath] = Field(
        default_factory=list, description="What the path may hold although it is refused elsewhere."
    )
    rate_limit: RateLimitSection | None = Field(
        None, description="How often it may be called, null (default) for no limit."
    )
    maintenance: MaintenanceSection | None = Field(
        None,
        description="Answers every call in the upstream's place: {} or options; null (default) for none.",
    )


class FileSection(Section):
    """The configuration of a Tentáculo gateway."""

    required = ("upstreams", "routes")

    listen: ListenSection | None = Field(None, description="Where clients connect; default 0.0.0.0:8000.")
    admin: AdminSection | None = Field(
        None, description="Where probes and metrics are served; default 127.0.0.1:9100."
    )
    token_store: TokenStoreSection | None = Field(
        None, description="Where ephemeral tokens are kept; default memory."
    )
    trusted_peers: Many[TrustedNetwork] = Field(
        default_factory=list, description="Networks whose Forwarded fields are believed."
    )
    credential_headers: Annotated[Many[FreeFieldName], _SOME] | None = Field(
        None, description="Where a credential is read from; Authorization means Bearer; default X-VX11-Token."
    )
    identity_header: FreeFieldName | None = Field(
        None, description="Tells the upstream the principal's name; default X-Tentaculo-Principal."
    )
    health_path: PlainPath | None = Field(
        None, description="Answered by the gateway itself; default /health."
    )
    browser_path: BrowserPath | None = Field(
        None,
        description="Beneath it the gateway serves the browser client's files to anyone; "
        "null or false for none, default /_tentaculo.",
    )
    log: LogSection | None = Field(None, description="What is logged, and how.")
    limits: LimitsSection | None = Field(None, description="What a request must keep within.")
    drain: DrainSection | None = Field(None, description="How the gateway ends what is open when it stops.")
    principals: Many[PrincipalSection] = Field(
        default_factory=list, description="Who may use the routes that demand a token."
    )
    upstreams: Annotated[dict[Name, UpstreamSection], _SOME] | None = Field(
        None, description="The services behind the gateway, by name."
    )
    routes: Annotated[Many[RouteSection], _SOME] | None = Field(None, description="What is forwarded where.")
