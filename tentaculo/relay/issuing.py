"""The issue path: a principal's token in a header comes in, a new ephemeral token goes out."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tentaculo.access.ephemeral_tokens import EphemeralTokens, client_digest
from tentaculo.access.guard import Guard, allowed_names
from tentaculo.access.issue_rate import IssueRates
from tentaculo.access.principals import Principal, Principals
from tentaculo.access.standings import Standings
from tentaculo.access.store import Grant, PrincipalBlocked, Terms, TokenStoreFull, TokenStoreUnavailable
from tentaculo.config.settings import Access, Carry, EphemeralTokenSettings, RouteSettings, Settings
from tentaculo.errors import Forbidden, TokenStoreAtLimit, TokenStoreAway, TooManyTokens
from tentaculo.relay.opening import BINDING, Cookies, bindings, cookie_name, token_cookie
from tentaculo.relay.problem import RETRY_AFTER
from tentaculo.telemetry.metrics import RouteMetrics
from tentaculo.wire.cookies import set_cookie
from tentaculo.wire.cors import CorsRule, Fields
from tentaculo.wire.headers import NameTable, request_names

USUAL_PARAMETER = "token"
_BINDING_FORM = re.compile(rb"[A-Za-z0-9_-]{43}").fullmatch


@dataclass(frozen=True, kw_only=True)
class IssuePlan:
    """One issue path, compiled: `openable` are the routes that each principal may open with its tokens.

    `carrier` tells a client where a token travels, unless that is the usual place; `cookie_paths` are where
    the browser may send the token's cookie.
    """

    name: str
    terms: EphemeralTokenSettings
    endpoint: str
    carrier: dict[str, str]
    cookie: str
    cookie_paths: tuple[str, ...]
    openable: dict[str, tuple[str, ...]]
    guard: Guard
    rates: IssueRates
    request_names: NameTable
    cors: CorsRule | None
    metrics: RouteMetrics

    def admit(self, credentials: Sequence[bytes]) -> Principal:
        """Return the principal that asks.  Raises what Guard.admit does, or TooManyTokens."""
        principal = self.guard.admit(credentials)
        assert principal is not None, "an issue path always demands a header token"
        seconds = self.rates.take(principal.name)
        if seconds:
            raise TooManyTokens("issue_rate", headers=(("Retry-After", str(seconds)),))
        return principal


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Who asks for a token, and how; `secure` is whether the browser came by TLS."""

    principal: Principal
    address: str
    cookies: Cookies
    secure: bool


def compile_issue(
    group: Sequence[RouteSettings],
    settings: Settings,
    *,
    principals: Principals,
    standings: Standings,
    rates: IssueRates,
    metrics: RouteMetrics,
) -> IssuePlan:
    """Compile the issue path of routes that share their tokens; the first one names it."""
    first = group[0]
    terms = first.ephemeral_token
    assert terms is not None
    openable: dict[str, list[str]] = {}
    for route in group:
        for name in allowed_names(route, settings.principals):
            openable.setdefault(name, []).append(route.name)
    headers = tuple(dict.fromkeys(name for route in group for name in route.credential_headers))
    return IssuePlan(
        name=first.name,
        terms=terms,
        endpoint=first.path,
        carrier=carrier_of(first, terms),
        cookie=token_cookie(terms.issue_path),
        cookie_paths=tuple(dict.fromkeys(cookie_path(route.path) for route in group)),
        openable={name: tuple(names) for name, names in openable.items()},
        guard=Guard(
            access=Access.HEADER_TOKEN,
            enabled=any(route.enabled for route in group),
            principals=principals,
            allowed=frozenset(openable),
            standings=standings,
        ),
        rates=rates,
        request_names=request_names(
            credentials=headers, identity=settings.identity_header, remove=(), own_cookies=True
        ),
        cors=joined(tuple(rule for route in group if (rule := cors_of(route)) is not None)),
        metrics=metrics,
    )


def carrier_of(route: RouteSettings, terms: EphemeralTokenSettings) -> dict[str, str]:
    """Return the header or the parameter that a route's tokens travel in, empty for the usual parameter."""
    if terms.carry is Carry.HEADER:
        return {"header": route.credential_headers[0]}
    if terms.carry is Carry.QUERY and terms.parameter != USUAL_PARAMETER:
        return {"parameter": terms.parameter}
    return {}


def cors_of(route: RouteSettings) -> CorsRule | None:
    """Return which other origins may call a route, None where it is not the gateway's to say."""
    if route.cors is None:
        return None
    anyone = "*" in route.cors.origins
    return CorsRule(frozenset(() if anyone else route.cors.origins), route.cors.credentials)


def joined(rules: Sequence[CorsRule]) -> CorsRule | None:
    """Return a rule that allows the origins of all rules; cookies only where every rule does."""
    if not rules:
        return None
    if not all(rule.origins for rule in rules):
        return CorsRule(frozenset(), credentials=False)
    origins = frozenset(origin for rule in rules for origin in rule.origins)
    return CorsRule(origins, all(rule.credentials for rule in rules))


async def issue(plan: IssuePlan, tokens: EphemeralTokens, asking: Asking) -> tuple[bytes, Fields]:
    """Return the JSON body and the header fields of the answer, with a new token in one of the two.

    Raises TokenStoreAway, TokenStoreAtLimit or Forbidden.
    """
    terms = plan.terms
    binding = _binding_of(asking)
    grant = Grant(
        principal=asking.principal.name,
        fingerprint=asking.principal.fingerprint,
        routes=plan.openable[asking.principal.name],
    )
    wanted = Terms(
        ttl=terms.ttl,
        reuse=terms.reuse,
        resume_grace=terms.resume_grace,
        resume_max_age=terms.resume_max_age,
        max_streams=terms.max_streams_per_token if terms.carry is Carry.COOKIE else 1,
        binding=client_digest(binding.encode()),
        address=client_digest(asking.address.encode()) if terms.bind_client else None,
    )
    try:
        token = await tokens.issue(grant, wanted)
    except TokenStoreUnavailable:
        raise TokenStoreAway("issue", headers=RETRY_AFTER) from None
    except PrincipalBlocked:  # since it was admitted
        raise Forbidden("blocked") from None
    except TokenStoreFull:
        raise TokenStoreAtLimit("max_tokens", headers=RETRY_AFTER) from None
    body: dict[str, Any] = {"ttl_sec": int(terms.ttl), "endpoint": plan.endpoint, **plan.carrier}
    if terms.carry is not Carry.COOKIE:
        body = {"sse_token": token, **body}
    return orjson.dumps(body), _cookies(plan, asking, token, binding)


def _binding_of(asking: Asking) -> str:
    # A browser that has one keeps it: a new one would lock its open streams' tokens out.
    for value in bindings(asking.cookies, secure=asking.secure):
        if _BINDING_FORM(value):
            return value.decode()
    return secrets.token_urlsafe(32)


def _cookies(plan: IssuePlan, asking: Asking, token: str, binding: str) -> Fields:
    terms, secure = plan.terms, asking.secure
    life: dict[str, Any] = {
        "max_age": int(terms.resume_max_age),
        "secure": secure or terms.same_site == "none",
        "same_site": terms.same_site.value,
    }
    fields = [set_cookie(cookie_name(BINDING, secure=secure).decode(), binding, path="/", **life)]
    if terms.carry is Carry.COOKIE:
        name = cookie_name(plan.cookie, secure=secure).decode()
        fields += [set_cookie(name, token, path=path, **life) for path in plan.cookie_paths]
    return tuple(fields)


def cookie_path(path: str) -> str:
    """Return the part of a route's path that is the same in all paths it matches."""
    literal = re.split(r"[{*]", path, maxsplit=1)[0]
    return literal if literal == path else literal.rstrip("/") or "/"
