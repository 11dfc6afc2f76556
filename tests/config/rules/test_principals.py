"""Principals and the routes that they may use."""

from __future__ import annotations

import pytest

from tests.config.files import ROUTE, config, problems_of

NOBODY = "at least one principal is required, since a route demands a header token"
CLOSED = "no principal may use this route, which demands a header token"
PUBLIC = "{name: open, path: /open, upstream: backend, access: public}"


def _principal(routes: str) -> str:
    return f"- {{name: ui, token: token-of-the-ui, routes: {routes}}}"


@pytest.mark.parametrize(
    ("routes", "problems"),
    [
        ("[api]", []),
        ("['*']", []),
        ("[a?i]", []),
        ("[api, op*]", []),
        ("[ap*, none*]", ["principals[0].routes[1]: matches no route"]),
        ("[API, api]", ["principals[0].routes[0]: matches no route"]),
        ("[op*]", [f"routes[0].name: {CLOSED}"]),
        ("[]", ["principals[0].routes: must hold at least one item"]),
        ("['']", ["principals[0].routes[0]: must not be empty"]),
    ],
    ids=["name", "all", "one-letter", "two", "none", "case", "closed", "empty", "nothing"],
)
def test_globs_match_routes(routes: str, problems: list[str]) -> None:
    """Each glob matches a route, and each header-token route is matched by one."""
    assert problems_of(config(ROUTE, PUBLIC, principals=_principal(routes))) == problems


def test_header_token_route_needs_a_principal() -> None:
    """Without principals nobody can call what demands a token: one problem, not one for each route."""
    other = "{name: other, path: /other, upstream: backend}"
    assert problems_of(config(ROUTE, other, principals="[]")) == [f"principals: {NOBODY}"]
    without = config(ROUTE).replace("principals:\n  - {name: ui, token: token-of-the-ui}\n", "")
    assert problems_of(without) == [f"principals: {NOBODY}"]


STREAM = (
    "{name: live, path: /live, upstream: backend, access: ephemeral-token, stream: {}, "
    "ephemeral_token: {issue_path: /token}}"
)


def test_ephemeral_token_route_needs_a_principal() -> None:
    """A stream whose tokens nobody can be issued is closed as a header-token route is."""
    nobody = "at least one principal is required, since a route demands an ephemeral token"
    assert problems_of(config(STREAM, principals="[]")) == [f"principals: {nobody}"]
    closed = "no principal may use this route, which demands an ephemeral token"
    assert problems_of(config(ROUTE, STREAM, principals=_principal("[api]"))) == [f"routes[1].name: {closed}"]
    assert problems_of(config(ROUTE, STREAM, principals=_principal("[api, live]"))) == []


def test_public_routes_need_no_principal() -> None:
    """A file whose routes ask for no token has no principals."""
    assert problems_of(config(PUBLIC, principals="[]")) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (config(ROUTE, "{name: -, path: /b, upstream: backend}", principals=_principal("[none]")), 1),
        (config(principals=_principal("[[]]")), 1),
        (config("{name: a, path: /a, upstream: backend, access: x}", principals=_principal("[a]")), 1),
        (config("{name: a, path: /a, upstream: backend, access: x}", principals="[]"), 1),
        (config(principals="nobody"), 1),
        ("principals: x\nupstreams: {b: 'http://h'}\nroutes: {}\n", 2),
    ],
    ids=["route-name", "globs", "access", "access-nobody", "principals", "routes"],
)
def test_nothing_is_said_about_what_is_unclear(text: str, count: int) -> None:
    """One fault is one problem: no rule complains of its consequences."""
    assert len(problems_of(text)) == count


def test_token_problems_are_reported() -> None:
    """What is wrong with tokens is part of the whole."""
    assert problems_of(config(principals="- {name: ui}")) == [
        "principals[0]: must hold one of token, token_sha256 and token_file"
    ]
