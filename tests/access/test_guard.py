"""The access rule of a route against everything a request can present."""

from __future__ import annotations

import hashlib

import pytest

from tentaculo.access.guard import (
    BY_HEADER,
    BY_QUERY,
    BY_TOKEN,
    CHALLENGE,
    Guard,
    Presented,
    allowed_names,
    guard_of,
)
from tentaculo.access.principals import Principal, Principals, fingerprint
from tentaculo.access.standings import Standings
from tentaculo.access.store import Grant, Standing
from tentaculo.config.settings import (
    Access,
    Carry,
    EphemeralTokenSettings,
    PrincipalSettings,
    RouteSettings,
)
from tentaculo.errors import AmbiguousCredential, Forbidden, GatewayError, RouteDisabled, Unauthorized

GOOD, OTHERS, WRONG = b"token-of-the-caller", b"token-of-a-stranger", b"token-of-nobody-at-all"
PRESENTED = {
    "nothing": [],
    "good": [GOOD],
    "of one who may not": [OTHERS],
    "wrong": [WRONG],
    "empty": [b""],
    "not text": [b"\xff\xfe\x80"],
    "good twice": [GOOD, GOOD],
    "good, then wrong": [GOOD, WRONG],
    "wrong, then good": [WRONG, GOOD],
    "good and empty": [GOOD, b""],
    "two empty": [b"", b""],
    "three": [WRONG, OTHERS, GOOD],
}
HEADER_TOKEN = {
    "nothing": Unauthorized("missing"),
    "good": None,
    "of one who may not": Forbidden("route_not_allowed"),
    "wrong": Unauthorized("unknown"),
    "empty": Unauthorized("unknown"),
    "not text": Unauthorized("unknown"),
} | dict.fromkeys(list(PRESENTED)[6:], AmbiguousCredential("ambiguous"))


def principal(name: str, token: bytes, *routes: str) -> PrincipalSettings:
    """Configure a principal with one token."""
    return PrincipalSettings(name=name, digests=(hashlib.sha256(token).digest(),), routes=routes or ("*",))


PRINCIPALS = [principal("caller", GOOD, "api"), principal("stranger", OTHERS, "elsewhere")]
CALLER = Principal("caller", fingerprint(hashlib.sha256(GOOD).digest()))


def admit(
    presented: list[bytes],
    *,
    access: Access = Access.HEADER_TOKEN,
    enabled: bool = True,
    principals: list[PrincipalSettings] | None = None,
    route: str = "api",
) -> Principal | None:
    """Ask the guard of a route."""
    settings = RouteSettings(name=route, path="/x", upstream="u", access=access, enabled=enabled)
    known = PRINCIPALS if principals is None else principals
    return guard_of(settings, Principals(known), known, Standings()).admit(presented)


@pytest.mark.parametrize("presented", PRESENTED)
def test_header_token_demands_exactly_one_good_credential(presented: str) -> None:
    """On a header-token route one good credential of an allowed principal passes, and nothing else."""
    error = HEADER_TOKEN[presented]
    if error is None:
        assert admit(PRESENTED[presented]) == CALLER
        return
    with pytest.raises(GatewayError) as raised:
        admit(PRESENTED[presented])
    assert (type(raised.value), raised.value.reason) == (type(error), error.reason)


@pytest.mark.parametrize("access", [Access.PUBLIC, Access.UPSTREAM])
@pytest.mark.parametrize("presented", PRESENTED)
def test_open_access_proves_nobody(presented: str, access: Access) -> None:
    """A public or delegated route admits whatever comes and never says that it knows who it was."""
    assert admit(PRESENTED[presented], access=access) is None


@pytest.mark.parametrize("access", list(Access))
@pytest.mark.parametrize("presented", PRESENTED)
def test_disabled_route_admits_nobody(presented: str, access: Access) -> None:
    """A route that is switched off says so before it looks at any credential."""
    with pytest.raises(RouteDisabled):
        admit(PRESENTED[presented], access=access, enabled=False)


@pytest.mark.parametrize(
    ("globs", "route", "admitted"),
    [
        (("*",), "api", True),
        (("api",), "api", True),
        (("operator-*",), "operator-events", True),
        (("other", "operator-?"), "operator-x", True),
        (("operator-*",), "operator", False),
        (("operator-*",), "my-operator-x", False),
        (("API",), "api", False),
        (("api",), "API", False),
        (("ap",), "api", False),
        (("[!a]*",), "api", False),
    ],
    ids=["all", "name", "prefix", "second", "short", "inside", "upper glob", "upper name", "part", "negated"],
)
def test_globs_decide_the_routes_of_a_principal(
    globs: tuple[str, ...], route: str, *, admitted: bool
) -> None:
    """Route names are matched whole and by case."""
    known = [principal("caller", GOOD, *globs)]
    if admitted:
        assert admit([GOOD], principals=known, route=route) == CALLER
    else:
        with pytest.raises(Forbidden):
            admit([GOOD], principals=known, route=route)


def test_no_principal_admits_nobody() -> None:
    """A header-token route without principals is closed, not open."""
    with pytest.raises(Unauthorized):
        admit([GOOD], principals=[])


def test_principal_without_routes_is_known_but_forbidden() -> None:
    """An empty list of routes allows none."""
    known = [PrincipalSettings(name="caller", digests=(hashlib.sha256(GOOD).digest(),), routes=())]
    with pytest.raises(Forbidden):
        admit([GOOD], principals=known)


@pytest.mark.parametrize("presented", ["wrong", "of one who may not", "good, then wrong"])
def test_reason_holds_no_token(presented: str) -> None:
    """Neither the reason nor the text of a refusal shows what was presented."""
    with pytest.raises(GatewayError) as raised:
        admit(PRESENTED[presented])
    shown = f"{raised.value.reason} {raised.value!r} {raised.value.headers}".encode()
    assert not any(token in shown for token in PRESENTED[presented])


# Streams that tokens open.

TOKEN = b"5f0c2f6e-0a52-4d2c-9d3c-7f4a3d1b9e11"


def stream_guard(
    *,
    carry: Carry = Carry.QUERY,
    principal_in_query: bool = False,
    enabled: bool = True,
    standings: Standings | None = None,
) -> Guard:
    """Compile the guard of a route that tokens open."""
    terms = EphemeralTokenSettings(issue_path="/t", carry=carry, principal_in_query=principal_in_query)
    route = RouteSettings(
        name="api",
        path="/x",
        upstream="u",
        access=Access.EPHEMERAL_TOKEN,
        enabled=enabled,
        ephemeral_token=terms,
    )
    return guard_of(route, Principals(PRINCIPALS), PRINCIPALS, standings or Standings())


def blocked() -> Standings:
    """Standings that block the caller."""
    standings = Standings()
    standings.note("caller", Standing(1, 3600.0))
    return standings


BY_CALLER = Presented(BY_HEADER, principal=CALLER)
OPENED: dict[str, tuple[Guard, list[bytes], list[bytes], Presented]] = {
    "principal in a header": (stream_guard(), [GOOD], [], BY_CALLER),
    "token": (stream_guard(), [], [TOKEN], Presented(BY_TOKEN, token=TOKEN)),
    "any text": (stream_guard(), [], [WRONG], Presented(BY_TOKEN, token=WRONG)),
    "empty token": (stream_guard(), [], [b""], Presented(BY_TOKEN, token=b"")),
    "principal as token": (stream_guard(), [], [GOOD], Presented(BY_TOKEN, token=GOOD)),
    "principal in the query": (
        stream_guard(principal_in_query=True),
        [],
        [GOOD],
        Presented(BY_QUERY, principal=CALLER),
    ),
    "token where a principal may be": (
        stream_guard(principal_in_query=True),
        [],
        [TOKEN],
        Presented(BY_TOKEN, token=TOKEN),
    ),
    "token in a header": (
        stream_guard(carry=Carry.HEADER),
        [TOKEN],
        [],
        Presented(BY_TOKEN, token=TOKEN),
    ),
    "principal where a token may be": (stream_guard(carry=Carry.HEADER), [GOOD], [], BY_CALLER),
    "token of a blocked principal": (
        stream_guard(standings=blocked()),
        [],
        [TOKEN],
        Presented(BY_TOKEN, token=TOKEN),
    ),
}


@pytest.mark.parametrize(("guard", "credentials", "tokens", "presented"), OPENED.values(), ids=OPENED)
def test_what_may_open_a_stream(
    guard: Guard, credentials: list[bytes], tokens: list[bytes], presented: Presented
) -> None:
    """A principal does by a header, and by the query where it may; a token is yet to be redeemed."""
    assert guard.present(credentials, tokens) == presented


SHUT: dict[str, tuple[Guard, list[bytes], list[bytes], GatewayError]] = {
    "nothing": (stream_guard(), [], [], Unauthorized("missing")),
    "unknown in a header": (stream_guard(), [WRONG], [], Unauthorized("unknown")),
    "token in a header that takes none": (stream_guard(), [TOKEN], [], Unauthorized("unknown")),
    "one who may not": (stream_guard(), [OTHERS], [], Forbidden("route_not_allowed")),
    "one who may not, by a header for tokens": (
        stream_guard(carry=Carry.HEADER),
        [OTHERS],
        [],
        Forbidden("route_not_allowed"),
    ),
    "one who may not, by query": (
        stream_guard(principal_in_query=True),
        [],
        [OTHERS],
        Forbidden("route_not_allowed"),
    ),
    "blocked": (stream_guard(standings=blocked()), [GOOD], [], Forbidden("blocked")),
    "blocked, by query": (
        stream_guard(standings=blocked(), principal_in_query=True),
        [],
        [GOOD],
        Forbidden("blocked"),
    ),
    "two credentials": (stream_guard(), [GOOD, GOOD], [], AmbiguousCredential("ambiguous")),
    "two tokens": (stream_guard(), [], [TOKEN, TOKEN], AmbiguousCredential("ambiguous")),
    "one of each": (stream_guard(), [GOOD], [TOKEN], AmbiguousCredential("ambiguous")),
    "one of each, empty": (stream_guard(), [GOOD], [b""], AmbiguousCredential("ambiguous")),
    "switched off": (stream_guard(enabled=False), [GOOD], [], RouteDisabled()),
    "switched off, nothing": (stream_guard(enabled=False), [], [], RouteDisabled()),
}


@pytest.mark.parametrize(("guard", "credentials", "tokens", "error"), SHUT.values(), ids=SHUT)
def test_what_opens_no_stream(
    guard: Guard, credentials: list[bytes], tokens: list[bytes], error: GatewayError
) -> None:
    """Anything else is refused, and a 401 says how to ask."""
    with pytest.raises(GatewayError) as raised:
        guard.present(credentials, tokens)
    assert (type(raised.value), raised.value.reason) == (type(error), error.reason)
    assert raised.value.headers == (CHALLENGE if isinstance(error, Unauthorized) else ())


def test_block_holds_on_other_routes_too() -> None:
    """A blocked principal's token opens nothing until the block is over."""
    route = RouteSettings(name="api", path="/x", upstream="u")
    with pytest.raises(Forbidden):
        guard_of(route, Principals(PRINCIPALS), PRINCIPALS, blocked()).admit([GOOD])


def grant_of(name: str, token: bytes) -> Grant:
    """Describe what a principal was issued."""
    mark = fingerprint(hashlib.sha256(token).digest())
    return Grant(principal=name, fingerprint=mark, routes=("api",))


HELD: dict[str, tuple[Grant, GatewayError | None]] = {
    "still there": (grant_of("caller", GOOD), None),
    "its token was rotated": (grant_of("caller", WRONG), Unauthorized("principal_gone")),
    "another has its token now": (grant_of("former", GOOD), Unauthorized("principal_gone")),
    "may not any more": (grant_of("stranger", OTHERS), Forbidden("route_not_allowed")),
}


@pytest.mark.parametrize(("grant", "error"), HELD.values(), ids=HELD)
def test_who_a_redeemed_token_stands_for(grant: Grant, error: GatewayError | None) -> None:
    """It is the principal that was issued it, as long as that is there with the same token and may."""
    if error is None:
        assert stream_guard().holder(grant) == CALLER
        return
    with pytest.raises(GatewayError) as raised:
        stream_guard().holder(grant)
    assert (type(raised.value), raised.value.reason) == (type(error), error.reason)


def test_allowed_names() -> None:
    """Those principals are named of whose globs one takes the route."""
    routes = [RouteSettings(name=name, path="/x", upstream="u") for name in ("api", "elsewhere", "other")]
    assert [allowed_names(route, PRINCIPALS) for route in routes] == [{"caller"}, {"stranger"}, set()]
