"""What the gateway was told, as frozen data with every default filled in.

Made by `config.loader` alone; knows nothing of YAML, of checks or of I/O.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from tentaculo.config.file_marks import FileMark
from tentaculo.config.secret import Secret
from tentaculo.config.upstream_settings import (
    Balance,
    BreakerSettings,
    HealthCheckSettings,
    RetrySettings,
    Server,
    Timeouts,
    TlsSettings,
    UpstreamCredential,
    UpstreamLimits,
    UpstreamSettings,
)

__all__ = [  # what is imported from here and stands elsewhere
    "Balance",
    "BreakerSettings",
    "HealthCheckSettings",
    "RetrySettings",
    "Secret",
    "Server",
    "Timeouts",
    "TlsSettings",
    "UpstreamCredential",
    "UpstreamLimits",
    "UpstreamSettings",
]

Network = IPv4Network | IPv6Network

MEBIBYTE = 1024 * 1024

ISSUE_METHODS = frozenset({"POST"})  # of an issue path
BROWSER_PATH = "/_tentaculo"
BROWSER_FILES = ("event-source.js", "react.js")


class Access(enum.StrEnum):
    """What a route demands of a request."""

    HEADER_TOKEN = "header-token"
    EPHEMERAL_TOKEN = "ephemeral-token"
    UPSTREAM = "upstream"
    PUBLIC = "public"


class Carry(enum.StrEnum):
    """How an ephemeral token travels."""

    QUERY = "query"
    COOKIE = "cookie"
    HEADER = "header"


class Reuse(enum.StrEnum):
    """How often an ephemeral token opens a stream."""

    RESUME = "resume"
    ONCE = "once"
    TTL = "ttl"


class SameSite(enum.StrEnum):
    """The SameSite attribute of the gateway's cookies."""

    STRICT = "strict"
    NONE = "none"


class RatePer(enum.StrEnum):
    """Whose calls a rate limit counts together."""

    PRINCIPAL = "principal"
    CLIENT = "client"
    ROUTE = "route"


class Unavailable(enum.StrEnum):
    """What a client with a bound token gets while its stream can't be had."""

    ERROR = "error"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Address:
    """A listening address; port 0 lets the system choose."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class TlsCertificate:
    """The PEM files of a certificate with its chain, and of its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """`level` is a structlog level name; `format` one of auto, json, console; `file` None is stdout."""

    level: str = "info"
    format: str = "auto"
    sanitize: tuple[str, ...] = ()
    file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Counts, sizes in bytes and times in seconds; None is no limit."""

    connections: int = 10_000
    streams: int = 9_000
    connections_per_client: int | None = None
    request_line: int = 8 * 1024
    header: int = 8 * 1024
    headers: int = 64 * 1024
    body: int | None = None
    header_timeout: float = 10.0
    body_timeout: float = 60.0
    write_timeout: float = 60.0
    keep_alive: float = 75.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainSettings:
    """Seconds: `time` over which streams end when the gateway stops, `hard_cap` after which all is cut."""

    time: float = 5.0
    hard_cap: float = 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStoreSettings:
    """Where ephemeral tokens are kept: in memory, or in the Redis of `url`; `timeout` in seconds."""

    url: Secret | None = None
    timeout: float = 0.3
    max_tokens: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many a second in the long run, and `burst` at once."""

    rate: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalSettings:
    """Who may call: SHA-256 digests (32 bytes each, one or two) of its tokens; globs of route names.

    `max_streams` is how many streams it may have open at once, None for no limit.
    """

    name: str
    digests: tuple[bytes, ...]
    routes: tuple[str, ...] = ("*",)
    max_streams: int | None = None
    issue_rate: Rate = Rate(rate=50.0, burst=100)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A path that starts with `prefix` (whole segments) goes on with `replacement` in its place."""

    prefix: str
    replacement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderEdits:
    """Fields to set (replacing all of that name) and names to remove."""

    set: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """What a shared stream keeps for clients that return: a count, a size in bytes, an age in seconds."""

    events: int = 1000
    bytes: int = MEBIBYTE
    age: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """The route is declared to carry event streams; times in seconds, None for none or no limit.

    `slow_client` is how many bytes a client of a shared stream may lag behind. `vary` names the request
    fields, as they were written, that clients of one shared stream have in common. `last_event` lets
    the gateway add an event that says why it ends a stream. `gather` is how long events may wait to be read
    together.
    """

    heartbeat: float | None = None
    idle_timeout: float | None = None
    max_age: float | None = 4 * 3600.0
    retry: float | None = None
    shared: bool = False
    replay: ReplaySettings | None = None
    vary: tuple[str, ...] = ()
    assign_ids: bool = False
    slow_client: int = MEBIBYTE
    max_streams: int | None = None
    max_streams_per_principal: int | None = None
    max_streams_per_client: int | None = None
    unavailable: Unavailable = Unavailable.ERROR
    last_event: bool = True
    gather: float | None = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class EphemeralTokenSettings:
    """The tokens of a stream route; seconds. Routes with one `issue_path` and host share them."""

    issue_path: str
    ttl: float = 60.0
    reuse: Reuse = Reuse.RESUME
    carry: Carry = Carry.QUERY
    parameter: str = "token"
    resume_grace: float = 30.0
    resume_max_age: float = 3600.0
    max_streams_per_token: int = 8
    bind_client: bool = False
    principal_in_query: bool = False
    same_site: SameSite = SameSite.STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsSettings:
    """Pages of these origins may call: `scheme://host[:port]`, lower case, no default port; or `*` alone."""

    origins: tuple[str, ...]
    credentials: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitSettings:
    """How often calls of one principal, of one client address, or of the route may come."""

    rate: Rate
    per: RatePer = RatePer.PRINCIPAL


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceSettings:
    """What every call of the route gets instead of the upstream's response."""

    status: int = 503
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """One rule. `timeouts` and `credential_headers` have the upstream's and the file's values filled in."""

    name: str
    path: str
    upstream: str
    host: str | None = None
    methods: frozenset[str] | None = None
    access: Access = Access.HEADER_TOKEN
    enabled: bool = True
    stream: StreamSettings | None = None
    rewrite: Rewrite | None = None
    request_headers: HeaderEdits = HeaderEdits()
    response_headers: HeaderEdits = HeaderEdits()
    forward_credential: bool = False
    credential_headers: tuple[str, ...] = ("X-VX11-Token",)
    timeouts: Timeouts = field(default_factory=Timeouts)
    allow_in_path: frozenset[str] = frozenset()
    ephemeral_token: EphemeralTokenSettings | None = None
    cors: CorsSettings | None = None
    rate_limit: RateLimitSettings | None = None
    maintenance: MaintenanceSettings | None = None

    @property
    def stream_only(self) -> bool:
        """Whether the stream rules bind: GET only, and an event stream or an error."""
        if self.stream is None:
            return False
        return self.access in (Access.UPSTREAM, Access.EPHEMERAL_TOKEN) or self.stream.shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole file.

    `tls` are the certificates of the main listener, the first one for names that none is for; without
    any it speaks plain HTTP.  `files` are all that was read or named, the file itself first, as they were
    before they were read: absolute paths with symbolic links in them.
    """

    principals: tuple[PrincipalSettings, ...]
    upstreams: tuple[UpstreamSettings, ...]
    routes: tuple[RouteSettings, ...]
    listen: Address = Address("0.0.0.0", 8000)
    admin: Address = Address("127.0.0.1", 9100)
    trusted_peers: tuple[Network, ...] = ()
    credential_headers: tuple[str, ...] = ("X-VX11-Token",)
    identity_header: str = "X-Tentaculo-Principal"
    health_path: str = "/health"
    browser_path: str | None = BROWSER_PATH
    log: LogSettings = field(default_factory=LogSettings)
    limits: Limits = field(default_factory=Limits)
    admin_digest: bytes | None = None  # SHA-256 of the admin token
    token_store: TokenStoreSettings = field(default_factory=TokenStoreSettings)
    drain: DrainSettings = field(default_factory=DrainSettings)
    tls: tuple[TlsCertificate, ...] = ()
    files: tuple[FileMark, ...] = ()


def issue_groups(routes: Iterable[RouteSettings]) -> dict[tuple[str | None, str], list[RouteSettings]]:
    """Return the routes that share tokens, by host and issue path."""
    groups: dict[tuple[str | None, str], list[RouteSettings]] = {}
    for route in routes:
        if route.ephemeral_token is not None:
            groups.setdefault((route.host, route.ephemeral_token.issue_path), []).append(route)
    return groups
