"""From sections that keep all rules to `Settings`: defaults filled in, overrides applied."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from tentaculo.config.call_models import RateLimitSection, RateSection
from tentaculo.config.draft import Draft, RouteDraft
from tentaculo.config.models import (
    FileSection,
    LogSection,
    PrincipalSection,
    RequestHeadersSection,
    ResponseHeadersSection,
    RewriteSection,
    TokenStoreSection,
)
from tentaculo.config.section import given
from tentaculo.config.settings import (
    Access,
    BreakerSettings,
    CorsSettings,
    DrainSettings,
    EphemeralTokenSettings,
    HeaderEdits,
    HealthCheckSettings,
    Limits,
    LogSettings,
    MaintenanceSettings,
    PrincipalSettings,
    Rate,
    RateLimitSettings,
    RatePer,
    ReplaySettings,
    RetrySettings,
    Rewrite,
    RouteSettings,
    Secret,
    Server,
    Settings,
    StreamSettings,
    TlsCertificate,
    TlsSettings,
    TokenStoreSettings,
    UpstreamCredential,
    UpstreamLimits,
    UpstreamSettings,
)
from tentaculo.config.stream_models import CorsSection, StreamSection
from tentaculo.config.tokens import digest_of
from tentaculo.config.upstream_models import CredentialSection, ServerSection, TlsSection, UpstreamSection

T = TypeVar("T")

_HEARTBEAT = 15.0  # seconds
_BEATING = frozenset({Access.EPHEMERAL_TOKEN, Access.UPSTREAM})  # unasked
_NAMELESS = frozenset({Access.UPSTREAM, Access.PUBLIC})


def assemble(draft: Draft, digests: list[tuple[bytes, ...]]) -> Settings:
    """Return the settings of a draft without problems; `digests` are its principals' in their order."""
    file = draft.file
    pairs = zip(file.principals, digests, strict=True)
    upstreams = {
        name: _upstream(name, section, draft.directory) for name, section in present(file.upstreams).items()
    }
    top = _top(file, draft.directory)
    defaults = {"credential_headers": top["credential_headers"]} if "credential_headers" in top else {}
    return Settings(
        principals=tuple(_principal(section, found) for section, found in pairs),
        upstreams=tuple(upstreams.values()),
        routes=tuple(
            _route(draft, route, upstreams[present(route.section.upstream)], defaults)
            for route in draft.routes
        ),
        log=_log(file.log, draft.directory),
        limits=Limits(**given(file.limits)),
        drain=DrainSettings(**given(file.drain)),
        token_store=_token_store(file.token_store),
        browser_path=draft.browser_path,
        **top,
    )


def present(value: T | None) -> T:
    """Return a value that `rules.presence` has seen to be there."""
    if value is None:
        raise ValueError("a required key is missing, and no rule has said so")
    return value


def _top(file: FileSection, directory: Path) -> dict[str, Any]:
    values: dict[str, Any] = {
        "listen": file.listen and file.listen.address,
        "tls": tuple(
            TlsCertificate(directory / present(section.certificate), directory / present(section.key))
            for section in (file.listen.tls if file.listen else ())
        ),
        "admin": file.admin and file.admin.address,
        "admin_digest": file.admin and file.admin.token and digest_of(file.admin.token.reveal()),
        "trusted_peers": tuple(file.trusted_peers),
        "credential_headers": file.credential_headers and tuple(file.credential_headers),
        "identity_header": file.identity_header,
        "health_path": file.health_path,
    }
    return {key: value for key, value in values.items() if value is not None}


def _log(section: LogSection | None, directory: Path) -> LogSettings:
    values = given(section)
    if "file" in values:
        values["file"] = directory / values["file"]
    return LogSettings(**{**values, "sanitize": tuple(values.get("sanitize", ()))})


def _principal(section: PrincipalSection, digests: tuple[bytes, ...]) -> PrincipalSettings:
    made = PrincipalSettings(name=present(section.name), digests=digests)
    own: dict[str, Any] = {
        "routes": section.routes and tuple(section.routes),
        "max_streams": section.max_streams,
        "issue_rate": section.issue_rate and _rate(section.issue_rate),
    }
    return replace(made, **{key: value for key, value in own.items() if value is not None})


def _rate(section: RateSection) -> Rate:
    rate = present(section.rate)
    return Rate(rate=rate, burst=section.burst or math.ceil(rate))


def _token_store(section: TokenStoreSection | None) -> TokenStoreSettings:
    values = given(section)
    if not isinstance(values.get("url"), Secret):
        values.pop("url", None)
    return TokenStoreSettings(**values)


def _upstream(name: str, section: UpstreamSection, directory: Path) -> UpstreamSettings:
    made = UpstreamSettings(
        name=name,
        servers=tuple(_server(server) for server in present(section.servers)),
        health_check=None
        if section.health_check is None
        else HealthCheckSettings(**given(section.health_check)),
        limits=UpstreamLimits(**given(section.limits)),
        retries=RetrySettings(**given(section.retries)),
        breaker=BreakerSettings(**given(section.breaker)),
        credential=None if section.credential is None else _credential(section.credential),
        tls=TlsSettings() if section.tls is None else _tls(section.tls, directory),
    )
    made = replace(made, timeouts=replace(made.timeouts, **given(section.timeouts)))
    return made if section.balance is None else replace(made, balance=section.balance)


def _server(section: ServerSection) -> Server:
    return replace(present(section.url), weight=section.weight or 1)


def _tls(section: TlsSection, directory: Path) -> TlsSettings:
    ca = None if section.ca is None else directory / section.ca
    return TlsSettings(ca=ca, server_name=section.server_name, verify=section.verify)


def _credential(section: CredentialSection) -> UpstreamCredential:
    return UpstreamCredential(present(section.header), present(section.value))


def _route(
    draft: Draft, route: RouteDraft, upstream: UpstreamSettings, defaults: dict[str, Any]
) -> RouteSettings:
    section = route.section
    own: dict[str, Any] = {
        "host": section.host,
        "methods": section.methods and frozenset(section.methods),
        "access": section.access,
        "credential_headers": section.credential_headers and tuple(section.credential_headers),
        "stream": section.stream and _stream(draft, route, section.stream),
        "ephemeral_token": section.ephemeral_token
        and EphemeralTokenSettings(**given(section.ephemeral_token)),
        "cors": section.cors and _cors(section.cors),
        "rewrite": section.rewrite and _rewrite(section.rewrite),
        "rate_limit": section.rate_limit and _rate_limit(route, section.rate_limit),
        "maintenance": section.maintenance and MaintenanceSettings(**given(section.maintenance)),
    }
    return RouteSettings(
        name=present(section.name),
        path=present(section.path),
        upstream=upstream.name,
        enabled=section.enabled,
        request_headers=_edits(section.request_headers),
        response_headers=_edits(section.response_headers),
        forward_credential=section.forward_credential,
        timeouts=replace(upstream.timeouts, **given(section.timeouts)),
        allow_in_path=frozenset(section.allow_in_path),
        **{**defaults, **{key: value for key, value in own.items() if value is not None}},
    )


def _stream(draft: Draft, route: RouteDraft, section: StreamSection) -> StreamSettings:
    values, path = given(section), (*route.path, "stream")
    values |= {key: None for key in ("max_age", "gather") if draft.document.says_null((*path, key))}
    if (route.access in _BEATING or section.shared) and not draft.document.says_null((*path, "heartbeat")):
        values.setdefault("heartbeat", _HEARTBEAT)
    if section.replay is not None:
        values["replay"] = ReplaySettings(**given(section.replay))
    return StreamSettings(**{**values, "vary": tuple(section.vary)})


def _cors(section: CorsSection) -> CorsSettings:
    return CorsSettings(origins=tuple(present(section.origins)), credentials=section.credentials)


def _rate_limit(route: RouteDraft, section: RateLimitSection) -> RateLimitSettings:
    unsaid = RatePer.CLIENT if route.access in _NAMELESS else RatePer.PRINCIPAL
    return RateLimitSettings(rate=_rate(section), per=section.per or unsaid)


def _rewrite(section: RewriteSection) -> Rewrite:
    if section.strip is not None:
        return Rewrite(section.strip, "")
    prefix, replacement = present(section.replace)
    return Rewrite(prefix, replacement)


def _edits(section: RequestHeadersSection | ResponseHeadersSection | None) -> HeaderEdits:
    if section is None:
        return HeaderEdits()
    return HeaderEdits(set=tuple(section.set.items()), remove=tuple(section.remove))
