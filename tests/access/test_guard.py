"""The access rule of a route against everything a request can present."""

from __future__ import annotations

import hashlib

import pytest

from tentaculo.access.guard import guard_of
from tentaculo.access.principals import Principal, Principals
from tentaculo.access.standings import Standings
from tentaculo.config.settings import Access, PrincipalSettings, RouteSettings
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
        assert admit(PRESENTED[presented]) == Principal("caller")
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
        assert admit([GOOD], principals=known, route=route) == Principal("caller")
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
