"""A route with everything about it that can be worked out before a request comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tentaculo.access.guard import UNCHECKED, Guard, guard_of
from tentaculo.access.principals import Principal, Principals
from tentaculo.access.rate_limits import RateLimit
from tentaculo.access.standings import Standings
from tentaculo.config.outline import Outline, digest, route_digest
from tentaculo.config.settings import (
    Access,
    HeaderEdits,
    Rewrite,
    RouteSettings,
    Settings,
    StreamSettings,
    Timeouts,
    UpstreamSettings,
)
from tentaculo.errors import TooManyRequests
from tentaculo.relay.issuing import cors_of
from tentaculo.relay.opening import Opening, open_route
from tentaculo.relay.sharing import Sharing, share_route
from tentaculo.telemetry.metrics import RouteMetrics
from tentaculo.upstream.upstream import Upstream
from tentaculo.wire.cors import CorsRule, Fields
from tentaculo.wire.headers import NameTable, field_lines, request_names, response_names

VIA = b"Via: 1.1 tentaculo\r\n"
_CACHING = {
    Access.HEADER_TOKEN: b"Cache-Control: private\r\n",
    Access.EPHEMERAL_TOKEN: b"Cache-Control: no-store\r\n",
}
# Nothing can be added to an encoded stream.
_UNENCODED = [("Accept-Encoding", "identity")]


@dataclass(frozen=True)
class RoutePlan:
    """One compiled route.

    `request_lines` and `response_lines` are header bytes that are the same for every exchange;
    `silent_lines` are added to a reply to a checked call where the upstream said nothing itself.
    `identity` is the same for a route by another name, `shared_identity` only if it leads to the same
    servers too; `rewrite_depth` counts the segments at the beginning of every matching path that go.
    """

    name: str
    identity: str
    shared_identity: str
    settings: RouteSettings
    timeouts: Timeouts
    is_stream_only: bool
    guard: Guard
    opening: Opening | None
    sharing: Sharing | None
    cors: CorsRule | None
    rate_limit: RateLimit | None
    upstream: Upstream
    metrics: RouteMetrics
    request_names: NameTable
    response_names: NameTable
    request_lines: bytes
    response_lines: bytes
    identity_prefix: bytes | None
    own_host: bytes | None
    authority: bytes
    private_line: bytes
    vary_line: bytes
    silent_lines: bytes
    keep_credentials: bool
    keep_cookies: bool
    rewrite_depth: int | None
    rewrite_to: str

    def count_call(self, principal: Principal | None, client: str, clock: Callable[[], float]) -> Fields:
        """Count a call, and return the response fields that say how many more may come.

        Raises TooManyRequests.
        """
        limit = self.rate_limit
        if limit is None:
            return ()
        verdict = limit.take(limit.key(None if principal is None else principal.name, client), clock())
        if not verdict.allowed:
            self.metrics.rate_limited()
            retry_after = ("Retry-After", str(verdict.retry_after))
            raise TooManyRequests("rate_limit", headers=(retry_after, *verdict.fields()))
        return verdict.fields()

    def rewritten(self, path: str) -> str:
        """Return the path that the upstream is asked for; the prefix goes, however it is spelled."""
        if self.rewrite_depth is None:
            return path
        rest = path.split("/", self.rewrite_depth + 1)[self.rewrite_depth + 1 :]
        return "/".join((self.rewrite_to, *rest)) or "/"


def compile_route(
    route: RouteSettings,
    settings: Settings,
    *,
    principals: Principals,
    upstream: Upstream,
    metrics: RouteMetrics,
    standings: Standings,
    own_cookies: bool,
    rate_limit: RateLimit | None = None,
    outline: Outline | None = None,
) -> RoutePlan:
    """Work out everything about a route that no request can change; an `outline` saves its digests."""
    identity = route_digest(route) if outline is None else outline.routes[route.name]
    servers = digest(upstream.settings, "name") if outline is None else outline.upstreams[route.upstream]
    own = _own_fields(route, upstream.settings)
    removed = [*route.request_headers.remove, *(name for name, _ in own)]
    checked = route.access not in UNCHECKED
    cors = cors_of(route)
    private = _CACHING.get(route.access, b"")
    vary = field_lines((("Vary", ", ".join(route.credential_headers)),)) if checked else b""
    return RoutePlan(
        name=route.name,
        identity=identity,
        shared_identity=f"{identity} {servers}",
        settings=route,
        timeouts=route.timeouts,
        is_stream_only=route.stream_only,
        guard=guard_of(route, principals, settings.principals, standings),
        opening=open_route(route, cors),
        sharing=share_route(route, settings, _edited(route)),
        cors=cors,
        rate_limit=rate_limit,
        upstream=upstream,
        metrics=metrics,
        request_names=_request_names(route, settings, removed, own_cookies=own_cookies),
        response_names=response_names(remove=_edited(route), cors=cors is not None),
        request_lines=field_lines(own) + VIA,
        response_lines=field_lines(route.response_headers.set),
        identity_prefix=settings.identity_header.encode() + b": " if checked else None,
        own_host=_own_host(route.request_headers),
        authority=authority_of(upstream.settings),
        private_line=private,
        vary_line=vary,
        silent_lines=private + vary,
        keep_credentials=route.forward_credential or route.access is Access.UPSTREAM,
        keep_cookies="cookie" not in map(str.lower, removed),
        **_rewriting(route.rewrite),
    )


def _rewriting(rewrite: Rewrite | None) -> dict[str, Any]:
    if rewrite is None:
        return {"rewrite_depth": None, "rewrite_to": ""}
    depth = rewrite.prefix.rstrip("/").count("/")
    return {"rewrite_depth": depth, "rewrite_to": rewrite.replacement.rstrip("/")}


def _request_names(
    route: RouteSettings, settings: Settings, removed: list[str], *, own_cookies: bool
) -> NameTable:
    checked = route.access not in UNCHECKED
    return request_names(
        credentials=route.credential_headers,
        identity=settings.identity_header,
        remove=[*removed, *([settings.identity_header] if checked else [])],
        own_cookies=own_cookies,
    )


def _own_fields(route: RouteSettings, upstream: UpstreamSettings) -> list[tuple[str, str]]:
    """Return the fields that the gateway sends in the place of the client's."""
    own = [(name, value) for name, value in route.request_headers.set if name.lower() != "host"]
    if upstream.credential is not None:
        own.append((upstream.credential.header, upstream.credential.value.reveal()))
    if route.stream is not None and _adds_or_reads(route.stream):
        own += _UNENCODED
    return own


def _adds_or_reads(stream: StreamSettings) -> bool:
    return stream.last_event or stream.shared or stream.heartbeat is not None or stream.retry is not None


def _edited(route: RouteSettings) -> list[str]:
    """Return the fields of which the upstream has no say."""
    edits = route.response_headers
    stored = ["Cache-Control"] if route.access is Access.EPHEMERAL_TOKEN else []
    return [*edits.remove, *(name for name, _ in edits.set), *stored]


def _own_host(edits: HeaderEdits) -> bytes | None:
    return next((value.encode("latin-1") for name, value in edits.set if name.lower() == "host"), None)


def authority_of(upstream: UpstreamSettings) -> bytes:
    """Return the upstream's own `Host`, without a default port."""
    server = upstream.server
    host = f"[{server.host}]" if ":" in server.host else server.host
    default = {"http": 80, "https": 443}[server.scheme]
    return (host if server.port == default else f"{host}:{server.port}").encode()
