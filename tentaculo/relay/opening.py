"""How the streams of a route are opened by ephemeral tokens: where one may be, and who presents it.

Compiled once for a route.  It finds and describes; whether a token is good is `access/`'s to say.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from tentaculo.access.ephemeral_tokens import EphemeralTokens, client_digest
from tentaculo.access.guard import CHALLENGE
from tentaculo.access.store import Client, Redeemed, Refusal, TokenRefused, TokenStoreUnavailable
from tentaculo.config.settings import Carry, EphemeralTokenSettings, RouteSettings
from tentaculo.errors import CrossSite, TokenStoreAway, TooManyOpenings, Unauthorized
from tentaculo.relay.problem import RETRY_AFTER
from tentaculo.wire.cors import CorsRule
from tentaculo.wire.query import take_parameter

BINDING = "tentaculo_binding"
SECURE = "__Secure-"  # browsers take a cookie of this name from a page under TLS only
OWN_SCHEMES = frozenset({"http", "https"})
FETCH_METADATA = ("Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User")


Cookies = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Opening:
    """`cookie` is the name of the token's cookie, with `carry: cookie`."""

    terms: EphemeralTokenSettings
    cookie: str
    cors: CorsRule | None

    def take(self, query: str | None, cookies: Cookies, *, secure: bool) -> tuple[str | None, list[bytes]]:
        """Return the query without a token, and the tokens that were presented."""
        if self.terms.carry is Carry.QUERY and query is not None:
            rest, tokens = take_parameter(query, self.terms.parameter)
            return rest, list(tokens)
        if self.terms.carry is Carry.COOKIE:
            name = cookie_name(self.cookie, secure=secure)
            return query, list(dict.fromkeys(value for key, value in cookies if key == name))
        return query, []

    def check_site(self, headers: Any, host: str) -> None:
        """Refuse a cookie that a page of another site makes the browser send.  Raises CrossSite."""
        if headers.getall("Sec-Fetch-Site", []) == ["same-origin"]:
            return
        origin, *others = headers.getall("Origin", [None])
        if origin is not None and not others:
            scheme, _, authority = origin.lower().partition("://")
            own = host != "" and authority == host.lower() and scheme in OWN_SCHEMES
            own = own and "Sec-Fetch-Site" not in headers  # which says that it is another scheme's
            if own or (self.cors is not None and origin.lower() in self.cors.origins):
                return
        elif origin is None and not any(name in headers for name in FETCH_METADATA):
            return
        raise CrossSite("cross_site")


def open_route(route: RouteSettings, cors: CorsRule | None) -> Opening | None:
    """Compile how a route is opened, None where tokens do not open it."""
    terms = route.ephemeral_token
    return None if terms is None else Opening(terms, token_cookie(terms.issue_path), cors)


def token_cookie(issue_path: str) -> str:
    """Return the name of the cookie that carries the tokens of an issue path."""
    return f"tentaculo_token_{hashlib.sha256(issue_path.encode()).hexdigest()[:8]}"


def cookie_name(name: str, *, secure: bool) -> bytes:
    """Return the name that a cookie of the gateway's has under TLS, or without."""
    return (SECURE + name if secure else name).encode()


def own_cookies(routes: tuple[RouteSettings, ...]) -> frozenset[bytes]:
    """Return the names of all cookies that are the gateway's own."""
    names = {token_cookie(route.ephemeral_token.issue_path) for route in routes if route.ephemeral_token}
    names |= {BINDING} if names else set()
    return frozenset(cookie_name(name, secure=secure) for name in names for secure in (True, False))


def describe_client(address: str, headers: Any, cookies: Cookies, *, secure: bool) -> Client:
    """Return who a request comes from, in digests."""
    agent = headers.get("User-Agent", "").encode("utf-8", "surrogateescape")
    return Client(
        binding=next((client_digest(value) for value in bindings(cookies, secure=secure)), None),
        agent=client_digest(address.encode(), agent),
        address=client_digest(address.encode()),
    )


def bindings(cookies: Cookies, *, secure: bool) -> list[bytes]:
    """Return the values of the binding cookie; two of them are none, since one may be planted."""
    name = cookie_name(BINDING, secure=secure)
    values = list(dict.fromkeys(value for key, value in cookies if key == name))
    return values if len(values) == 1 else []


async def redeem(tokens: EphemeralTokens, token: bytes, route: str, client: Client) -> Redeemed:
    """Redeem a token, with the client's answer where that fails.

    Raises Unauthorized, TooManyOpenings or TokenStoreAway.
    """
    try:
        return await tokens.redeem(token, route, client)
    except TokenRefused as refused:
        reason = refused.reason
    except TokenStoreUnavailable:
        raise TokenStoreAway("redeem", headers=RETRY_AFTER) from None
    if reason is Refusal.TOO_MANY:
        raise TooManyOpenings(reason.value, headers=RETRY_AFTER)
    raise Unauthorized(reason.value, headers=CHALLENGE)  # one answer for all, or it would help to guess
