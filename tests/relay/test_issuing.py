"""Tokens that are asked for: who gets one, how the answer looks, and what it allows afterwards."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from tentaculo.access.ephemeral_tokens import client_digest, digest
from tentaculo.config.settings import Carry, CorsSettings, EphemeralTokenSettings
from tentaculo.relay.issuing import carrier_of, cookie_path, cors_of, joined
from tentaculo.relay.opening import token_cookie
from tentaculo.wire.cors import CorsRule
from tests.fakes.client import Fields, told
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import GOOD, TOKEN
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.parts import route_of
from tests.relay.token_routes import (
    BLOCKED,
    OUTSIDER,
    ROUTES,
    UNKNOWN,
    ask,
    cookies_of,
    token_configuration,
)

BINDING = "tentaculo_binding"
TRUSTED = "trusted_peers: [127.0.0.1]\n"

# What is compiled.

PATHS = {
    "/events": "/events",
    "/events/": "/events/",
    "/events/*": "/events",
    "/*": "/",
    "/{tenant}/events": "/",
    "/events/{id}": "/events",
    "/a/{id}/b/*": "/a",
}


@pytest.mark.parametrize(("path", "literal"), PATHS.items(), ids=PATHS)
def test_path_of_a_cookie(path: str, literal: str) -> None:
    """It is what all paths of the route begin with, or the browser would keep the cookie from some."""
    assert cookie_path(path) == literal


def terms(**options: Any) -> EphemeralTokenSettings:
    """Return the terms of a route's tokens."""
    return EphemeralTokenSettings(issue_path="/token", **options)


APP, SHOP = CorsRule(frozenset({"https://a"}), credentials=True), CorsRule(frozenset({"https://s"}), False)
ANYONE = CorsRule(frozenset(), credentials=False)
RULES: dict[str, tuple[list[CorsRule], CorsRule | None]] = {
    "none": ([], None),
    "one": ([SHOP], SHOP),
    "two": ([APP, SHOP], CorsRule(frozenset({"https://a", "https://s"}), credentials=False)),
    "two with cookies": ([APP, APP], APP),
    "anyone too": ([APP, ANYONE], ANYONE),
}


@pytest.mark.parametrize(("rules", "rule"), RULES.values(), ids=RULES)
def test_rules_of_one_issue_path(rules: list[CorsRule], rule: CorsRule | None) -> None:
    """Who may open one of the routes may ask for its tokens; cookies only where each rule has them."""
    assert joined(rules) == rule


def test_rule_of_a_route() -> None:
    """Origins are those that are named, or anyone's."""
    named = route_of(cors=CorsSettings(origins=("https://a",), credentials=True))
    assert (cors_of(named), cors_of(route_of(cors=CorsSettings(origins=("*",))))) == (APP, ANYONE)
    assert cors_of(route_of()) is None


TRAVELS: dict[str, tuple[EphemeralTokenSettings, tuple[str, ...], dict[str, str]]] = {
    "query": (terms(), ("X-VX11-Token",), {}),
    "other parameter": (terms(parameter="t"), ("X-VX11-Token",), {"parameter": "t"}),
    "cookie": (terms(carry=Carry.COOKIE, parameter="t"), ("X-A",), {}),
    "header": (terms(carry=Carry.HEADER), ("X-VX11-Token",), {"header": "X-VX11-Token"}),
    "first header": (
        terms(carry=Carry.HEADER, parameter="t"),
        ("Authorization", "X-A"),
        {"header": "Authorization"},
    ),
}


@pytest.mark.parametrize(("token", "headers", "told_of"), TRAVELS.values(), ids=TRAVELS)
def test_carrier_of_a_token(
    token: EphemeralTokenSettings, headers: tuple[str, ...], told_of: dict[str, str]
) -> None:
    """The first credential header, or the parameter, where it is not the usual one."""
    assert carrier_of(route_of(credential_headers=headers), token) == told_of


# What is answered.


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with routes of every kind, before a trusted peer."""
    return await start_front(token_configuration(upstream, extra=TRUSTED))


CARRIERS: dict[str, dict[str, str]] = {
    "query": {},
    "once": {},
    "ttl": {},
    "header": {"header": "X-VX11-Token"},
    "open": {"parameter": "sse_token"},
}


@pytest.mark.parametrize(("name", "carrier"), CARRIERS.items(), ids=CARRIERS)
async def test_answer(name: str, carrier: dict[str, str], front: Front, upstream: ScriptedUpstream) -> None:
    """It holds a token, how long that is good, and where; no cache keeps it, no upstream hears of it.

    How the token travels is said only where a client could not know.
    """
    reply = await ask(front, name)
    assert (reply.status, reply.head.value("Cache-Control")) == (200, "no-store")
    assert reply.head.value("Content-Type") == "application/json"
    body = told(reply)
    assert uuid.UUID(body["sse_token"]).version == 4
    assert body == {"sse_token": body["sse_token"], "ttl_sec": 60, "endpoint": f"/sse/{name}", **carrier}
    assert upstream.exchanges == []
    event = front.logs.named("request.finished")[-1]
    assert (event["route"], event["principal"], event["status"]) == (name, "operator-ui", 200)
    assert reply.head.value("X-Request-Id") == event["request_id"]
    assert body["sse_token"] not in front.logs.text
    assert front.metric("ephemeral_tokens_issued_total") == 1
    assert front.metric(rf'tentaculo_requests_total\{{.*"{name}"') == 1


async def test_token_in_a_cookie_is_nowhere_else(front: Front) -> None:
    """No script of the page gets to see it."""
    reply = await ask(front, "cookie")
    token = cookies_of(reply)[token_cookie("/token/cookie")]
    assert told(reply) == {"ttl_sec": 60, "endpoint": "/sse/cookie"}
    assert digest(token.encode()) in front.store._tokens
    assert token not in reply.body.decode()


@pytest.mark.parametrize(("scheme", "prefix", "end"), [("http", "", ""), ("https", "__Secure-", "; Secure")])
async def test_attributes_of_the_cookies(scheme: str, prefix: str, end: str, front: Front) -> None:
    """They live as long as the token may, for its paths alone; the binding for all; under TLS only there."""
    reply = await ask(front, "cookie", [*GOOD, ("X-Forwarded-Proto", scheme)])
    binding, token = reply.head.values("Set-Cookie")
    rest = f"Max-Age=3600; HttpOnly; SameSite=Strict{end}"
    assert re.fullmatch(rf"{prefix}{BINDING}=[A-Za-z0-9_-]{{43}}; Path=/; {rest}", binding)
    name = prefix + token_cookie("/token/cookie")
    assert re.fullmatch(rf"{name}=[0-9a-f-]{{36}}; Path=/sse/cookie; {rest}", token)


async def test_cookies_for_other_sites(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """SameSite=None is Secure always, or browsers would not take it."""
    routes = ROUTES.replace(
        "carry: cookie, max_streams_per_token: 2}",
        "carry: cookie, same_site: none}, cors: {origins: ['https://app.test'], credentials: true}",
    )
    front = await start_front(token_configuration(upstream, routes))
    for cookie in (await ask(front, "cookie")).head.values("Set-Cookie"):
        assert cookie.endswith("; SameSite=None; Secure; Partitioned")


BOUND = "b" * 43
BINDINGS: dict[str, tuple[str, bool]] = {
    "one": (f"{BINDING}={BOUND}", True),
    "the same twice": (f"{BINDING}={BOUND}; {BINDING}={BOUND}", True),
    "two": (f"{BINDING}={BOUND}; {BINDING}={'c' * 43}", False),
    "short": (f"{BINDING}={BOUND[1:]}", False),
    "with odd signs": (f"{BINDING}={BOUND[1:]}%", False),
    "name of TLS": (f"__Secure-{BINDING}={BOUND}", False),
    "none": ("a=1", False),
}


@pytest.mark.parametrize(("cookie", "kept"), BINDINGS.values(), ids=BINDINGS)
async def test_binding_is_kept(cookie: str, kept: bool, front: Front) -> None:
    """A browser that has one keeps it, so its other tokens stay good; what may be planted is none."""
    reply = await ask(front, "query", [*GOOD, ("Cookie", cookie)])
    binding = cookies_of(reply)[BINDING]
    assert (binding == BOUND) is kept
    assert kept or binding not in cookie
    assert re.fullmatch("[A-Za-z0-9_-]{43}", binding)
    (token,) = front.store._tokens.values()
    assert token.terms.binding == client_digest(binding.encode())


async def test_terms_of_a_token(front: Front) -> None:
    """A token is good for the routes that its principal may open, on the route's terms."""
    await ask(front, "query")
    await ask(front, "query", BLOCKED)
    await ask(front, "ttl")
    await ask(front, "cookie")
    both, limited, bound, several = front.store._tokens.values()
    assert both.grant.routes == ("query", "sibling")
    assert (limited.grant.principal, limited.grant.routes) == ("reader", ("query",))
    assert bound.terms.address == client_digest(b"127.0.0.1")
    assert both.terms.address is None
    assert (both.terms.max_streams, several.terms.max_streams) == (1, 2)
    assert TOKEN not in repr((both.grant, both.terms))


# Who gets none.

REFUSED: dict[str, tuple[str, Fields, int, str]] = {
    "nothing": ("query", (), 401, "unauthorized"),
    "unknown": ("query", [("X-VX11-Token", "nobody-knows-this")], 401, "unauthorized"),
    "ephemeral token": ("header", [("X-VX11-Token", UNKNOWN)], 401, "unauthorized"),
    "two": ("query", [*GOOD, *GOOD], 400, "ambiguous_credential"),
    "may open none of them": ("query", OUTSIDER, 403, "forbidden"),
    "blocked": ("query", BLOCKED, 403, "forbidden"),
    "switched off": ("off", GOOD, 503, "route_disabled"),
}


@pytest.mark.parametrize(("name", "fields", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_refusal(name: str, fields: Fields, status: int, code: str, front: Front) -> None:
    """Whoever could not open the stream gets no token, and problem details say why."""
    await front.tokens.revoke("reader", block=60)
    reply = await ask(front, name, fields)
    assert (reply.status, told(reply)["code"]) == (status, code)
    assert reply.head.value("Cache-Control") == "no-store"
    assert (reply.head.value("WWW-Authenticate") is not None) is (status == 401)
    assert reply.head.values("Set-Cookie") == []
    assert len(front.store) == 0


async def test_principal_in_the_query_gets_none(front: Front) -> None:
    """A token is asked for with a header, also where a stream opens without one."""
    assert (await front.call(f"/token/open?sse_token={TOKEN}", (), method="POST")).status == 401


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_only_post_issues(method: str, front: Front, upstream: ScriptedUpstream) -> None:
    """No link and no image ever has a token made."""
    reply = await front.call("/token/query", GOOD, method=method)
    assert (reply.status, reply.head.value("Allow")) == (405, "POST")
    assert (len(front.store), upstream.exchanges) == (0, [])


async def test_body_is_of_no_matter(front: Front) -> None:
    """What is sent along is not read."""
    reply = await front.call("/token/query", GOOD, b'{"a": 1}', method="POST")
    assert reply.status == 200


async def test_rate(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """Each principal has its own rate, and is told when to come again; refused calls take nothing."""
    text = token_configuration(upstream).replace("burst: 20", "burst: 1")
    front = await start_front(text)
    assert (await ask(front, "query")).status == 200
    reply = await ask(front, "once")
    assert (reply.status, told(reply)["code"]) == (429, "issue_rate_exceeded")
    assert reply.head.value("Retry-After") == "1"
    assert (await ask(front, "query", BLOCKED)).status == 200
    assert len(front.store) == 2


async def test_store_that_is_away(front: Front) -> None:
    """Nothing is issued on a guess."""
    front.store.away = True
    reply = await ask(front, "query")
    assert (reply.status, told(reply)["code"]) == (503, "token_store_unavailable")
    assert reply.head.value("Retry-After") == "1"
    front.store.away = False
    assert (await ask(front, "query")).status == 200


async def test_full_store(front: Front) -> None:
    """Where no more tokens may be valid, nobody else's is given up."""
    front.store._max_tokens = 1
    assert (await ask(front, "query")).status == 200
    reply = await ask(front, "query")
    assert (reply.status, told(reply)["code"]) == (503, "token_store_full")
    assert reply.head.value("Retry-After") == "1"
