"""Where a token may be, and who presents it."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from tentaculo.access.ephemeral_tokens import EphemeralTokens, client_digest
from tentaculo.access.store import Grant, Terms
from tentaculo.config.settings import Access, Carry, CorsSettings, EphemeralTokenSettings, Reuse
from tentaculo.errors import CrossSite, GatewayError, TokenStoreAway, TooManyOpenings, Unauthorized
from tentaculo.relay.issuing import cors_of
from tentaculo.relay.opening import (
    BINDING,
    Cookies,
    Opening,
    bindings,
    cookie_name,
    describe_client,
    open_route,
    own_cookies,
    redeem,
    token_cookie,
)
from tentaculo.telemetry.metrics import Metrics
from tests.access.faulty_store import FaultyStore
from tests.fakes.clock import Clock
from tests.relay.parts import route_of

NAME = token_cookie("/t").encode()
OTHER = token_cookie("/u").encode()
APP = "https://app.test"


def opening(carry: Carry, *origins: str, **changes: Any) -> Opening:
    """Compile how a route is opened."""
    terms = EphemeralTokenSettings(issue_path="/t", carry=carry, **changes)
    cors = CorsSettings(origins=origins) if origins else None
    route = route_of(access=Access.EPHEMERAL_TOKEN, ephemeral_token=terms, cors=cors)
    found = open_route(route, cors_of(route))
    assert found is not None
    return found


TAKEN: dict[str, tuple[Opening, str | None, Cookies, bool, tuple[str | None, list[bytes]]]] = {
    "query": (opening(Carry.QUERY), "a=1&token=x", [], False, ("a=1", [b"x"])),
    "query, escaped name": (opening(Carry.QUERY), "%74oken=x&a", [], False, ("a", [b"x"])),
    "query, own name": (
        opening(Carry.QUERY, parameter="key"),
        "key=x&token=y",
        [],
        False,
        ("token=y", [b"x"]),
    ),
    "query, twice": (opening(Carry.QUERY), "token=x&token=x", [], False, (None, [b"x", b"x"])),
    "no query": (opening(Carry.QUERY), None, [(NAME, b"x")], False, (None, [])),
    "cookie": (opening(Carry.COOKIE), "token=y", [(NAME, b"x")], False, ("token=y", [b"x"])),
    "cookie, the same twice": (opening(Carry.COOKIE), None, [(NAME, b"x")] * 2, False, (None, [b"x"])),
    "cookie, two": (opening(Carry.COOKIE), None, [(NAME, b"x"), (NAME, b"y")], False, (None, [b"x", b"y"])),
    "cookie of another issue path": (opening(Carry.COOKIE), None, [(OTHER, b"x")], False, (None, [])),
    "secure cookie": (opening(Carry.COOKIE), None, [(b"__Secure-" + NAME, b"x")], True, (None, [b"x"])),
    "secure cookie without TLS": (
        opening(Carry.COOKIE),
        None,
        [(b"__Secure-" + NAME, b"x")],
        False,
        (None, []),
    ),
    "plain cookie under TLS": (opening(Carry.COOKIE), None, [(NAME, b"x")], True, (None, [])),
    "header": (opening(Carry.HEADER), "token=x", [(NAME, b"x")], False, ("token=x", [])),
}


@pytest.mark.parametrize(("route", "query", "cookies", "secure", "taken"), TAKEN.values(), ids=TAKEN)
def test_token_is_taken_from_its_one_place(
    route: Opening, query: str | None, cookies: Cookies, secure: bool, taken: tuple[str | None, list[bytes]]
) -> None:
    """A token counts only where its route has it, and what is left is unchanged."""
    assert route.take(query, cookies, secure=secure) == taken


HOST = "gateway.test:8000"
SITES: dict[str, tuple[dict[str, str], bool]] = {
    "same origin": ({"Sec-Fetch-Site": "same-origin"}, True),
    "same site, other port": ({"Sec-Fetch-Site": "same-site"}, False),
    "same site, other port, by origin": (
        {"Sec-Fetch-Site": "same-site", "Origin": "http://gateway.test:9000"},
        False,
    ),
    "cross site": ({"Sec-Fetch-Site": "cross-site"}, False),
    "cross site, by origin": ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}, False),
    "typed in": ({"Sec-Fetch-Site": "none"}, False),
    "own origin": ({"Origin": "http://gateway.test:8000"}, True),
    "own origin in capitals": ({"Origin": "http://GATEWAY.test:8000"}, True),
    "listed origin": ({"Sec-Fetch-Site": "cross-site", "Origin": APP}, True),
    "origin alone": ({"Origin": "https://evil.test"}, False),
    "sandbox": ({"Origin": "null"}, False),
    "own host as a tail": ({"Origin": "http://evil.test/gateway.test:8000"}, False),
    "own host without its port": ({"Origin": "http://gateway.test"}, False),
    "no browser": ({}, True),
    "browser that hides its site": ({"Sec-Fetch-Mode": "cors"}, False),
    "browser with a destination": ({"Sec-Fetch-Dest": "empty"}, False),
}
DOUBLED: dict[str, list[tuple[str, str]]] = {
    "sites": [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
    "equal sites": [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")],
    "origins": [("Origin", "http://gateway.test:8000"), ("Origin", "https://evil.test")],
}


@pytest.mark.parametrize(("headers", "passes"), SITES.values(), ids=SITES)
def test_site_that_a_cookie_comes_from(headers: dict[str, str], passes: bool) -> None:
    """Own pages, listed ones and clients that are no browser may use it, and nobody else."""
    route = opening(Carry.COOKIE, APP)
    if passes:
        route.check_site(CIMultiDict(headers), HOST)
    else:
        with pytest.raises(CrossSite):
            route.check_site(CIMultiDict(headers), HOST)


@pytest.mark.parametrize("fields", DOUBLED.values(), ids=DOUBLED)
def test_doubled_fields_say_nothing(fields: list[tuple[str, str]]) -> None:
    """No browser sends one twice, so neither of the two is believed."""
    with pytest.raises(CrossSite):
        opening(Carry.COOKIE, APP).check_site(CIMultiDict(fields), HOST)


@pytest.mark.parametrize("origins", [(), ("*",)], ids=["no cors", "everybody"])
def test_site_that_nobody_listed(origins: tuple[str, ...]) -> None:
    """Who may read replies is not who may use cookies: an origin has to be named."""
    with pytest.raises(CrossSite):
        opening(Carry.COOKIE, *origins).check_site(CIMultiDict({"Origin": APP}), HOST)


def test_request_without_a_host_is_no_ones_own() -> None:
    """No origin is that of a gateway whose name is not known."""
    with pytest.raises(CrossSite):
        opening(Carry.COOKIE).check_site(CIMultiDict({"Origin": "http://"}), "")


def test_other_routes_are_not_opened() -> None:
    """Only a route that has tokens is opened by one."""
    assert open_route(route_of(), None) is None


def test_names_of_the_gateways_cookies() -> None:
    """They are known under both names, and there are none where nothing issues tokens."""
    terms = EphemeralTokenSettings(issue_path="/t")
    found = own_cookies((route_of(), route_of(ephemeral_token=terms)))
    assert found == {NAME, b"__Secure-" + NAME, BINDING.encode(), b"__Secure-" + BINDING.encode()}
    assert own_cookies((route_of(),)) == frozenset()
    assert NAME != OTHER


PLAIN, SECURE = cookie_name(BINDING, secure=False), cookie_name(BINDING, secure=True)
BINDINGS: dict[str, tuple[Cookies, bool, list[bytes]]] = {
    "none": ([], False, []),
    "one": ([(PLAIN, b"x"), (NAME, b"y")], False, [b"x"]),
    "the same twice": ([(PLAIN, b"x"), (PLAIN, b"x")], False, [b"x"]),
    "two": ([(PLAIN, b"x"), (PLAIN, b"y")], False, []),
    "secure": ([(SECURE, b"x"), (PLAIN, b"y")], True, [b"x"]),
    "secure name without TLS": ([(SECURE, b"x")], False, []),
    "plain name under TLS": ([(PLAIN, b"x")], True, []),
}


@pytest.mark.parametrize(("cookies", "secure", "found"), BINDINGS.values(), ids=BINDINGS)
def test_binding_cookie(cookies: Cookies, secure: bool, found: list[bytes]) -> None:
    """It counts under the name for its scheme alone, and two of them are none."""
    assert bindings(cookies, secure=secure) == found
    client = describe_client("192.0.2.7", {}, cookies, secure=secure)
    assert client.binding == (client_digest(*found) if found else None)


def test_client_is_described_by_digests() -> None:
    """Address and User-Agent make the client, whatever bytes these are, and neither can be read back."""
    agents: list[dict[str, str]] = [{}, {"User-Agent": "a"}, {"User-Agent": "\udcff\u20ac"}]
    clients = [describe_client("192.0.2.7", agent, [], secure=False) for agent in agents]
    assert len({client.agent for client in clients}) == 3
    assert {client.address for client in clients} == {client_digest(b"192.0.2.7")}
    other = describe_client("192.0.2.8", agents[1], [], secure=False)
    assert other.agent != clients[1].agent
    assert other.address != clients[1].address


async def tokens_of(store: FaultyStore, reuse: Reuse, max_streams: int = 1) -> tuple[EphemeralTokens, bytes]:
    """Issue a token."""
    tokens = EphemeralTokens(store, Metrics(version="0").tokens)
    grant = Grant(principal="p", fingerprint="f", routes=("r",))
    terms = Terms(ttl=60.0, reuse=reuse, max_streams=max_streams)
    return tokens, (await tokens.issue(grant, terms)).encode()


CLIENT = describe_client("192.0.2.7", {}, [], secure=False)
STRANGER = describe_client("192.0.2.8", {}, [], secure=False)


async def test_redeem_answers_every_refusal_alike() -> None:
    """Unknown, used, of another client or route: the status tells none of it, the reason does."""
    store = FaultyStore(Clock())
    tokens, once = await tokens_of(store, Reuse.ONCE)
    _, bound = await tokens_of(store, Reuse.RESUME)
    await redeem(tokens, once, "r", CLIENT)
    await redeem(tokens, bound, "r", CLIENT)
    errors: list[GatewayError] = []
    for token, route, client in (
        (b"?", "r", CLIENT),
        (once, "r", CLIENT),
        (bound, "r", STRANGER),
        (bound, "s", CLIENT),
    ):
        with pytest.raises(Unauthorized) as caught:
            await redeem(tokens, token, route, client)
        errors.append(caught.value)
    assert [error.reason for error in errors] == [
        "token_unknown",
        "token_used",
        "token_reused",
        "token_for_other_route",
    ]
    assert len({error.headers for error in errors}) == 1


async def test_redeem_that_says_when_to_come_again() -> None:
    """Too many streams and a store that is away are told apart from a bad token."""
    store = FaultyStore(Clock())
    tokens, token = await tokens_of(store, Reuse.RESUME, max_streams=2)
    for _ in range(2):
        await redeem(tokens, token, "r", CLIENT)
    with pytest.raises(TooManyOpenings) as many:
        await redeem(tokens, token, "r", CLIENT)
    store.away = True
    with pytest.raises(TokenStoreAway) as away:
        await redeem(tokens, token, "r", CLIENT)
    assert many.value.headers == away.value.headers == (("Retry-After", "1"),)
