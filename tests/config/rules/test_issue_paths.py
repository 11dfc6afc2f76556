"""Paths that issue tokens, between the routes."""

from __future__ import annotations

import pytest

from tests.config.files import config, problems_of

HEALTH = "must be another path than health_path, which the gateway answers"
BROWSER = "must not be beneath browser_path, where the gateway answers"


def _stream(name: str, token: str, options: str = "") -> str:
    return (
        f"{{name: {name}, path: /{name}, upstream: backend, access: ephemeral-token, stream: {{}}, "
        f"{options and f'{options}, '}ephemeral_token: {{{token}}}}}"
    )


def _taken(other: str) -> str:
    return f"must be another path than that of {other}: the gateway answers it itself"


@pytest.mark.parametrize(
    ("top", "path", "problems"),
    [
        ("", "/health", [HEALTH]),
        ("", "/heal%74h", [HEALTH]),
        ("health_path: /alive\n", "/alive", [HEALTH]),
        ("health_path: /alive\n", "/health", []),
        ("health_path: nowhere\n", "/health", None),
        ("", "/_tentaculo/token", [BROWSER]),
        ("browser_path: /own\n", "/%6Fwn/token", [BROWSER]),
        ("browser_path: /own\n", "/_tentaculo/token", []),
        ("browser_path: off\n", "/_tentaculo/token", []),
    ],
    ids=["default", "escaped", "own", "moved", "unclear", "browser", "own-browser", "moved-browser", "off"],
)
def test_own_paths_issue_nothing(top: str, path: str, problems: list[str] | None) -> None:
    """Two answers of the gateway's own have two paths."""
    found = problems_of(config(_stream("a", f"issue_path: {path}"), top=top))
    if problems is None:
        assert found == ['health_path: must begin with "/"']
    else:
        assert found == [f"routes[0].ephemeral_token.issue_path: {problem}" for problem in problems]


@pytest.mark.parametrize(
    ("other", "options", "taken"),
    [
        ("path: /t", "", True),
        ("path: /t, methods: [GET]", "", True),
        ("path: '/%74'", "", True),
        ("path: /t, host: H.example", "host: h.example", True),
        ("path: /t, host: h.example", "", False),
        ("path: /t", "host: h.example", False),
        ("path: /t/", "", False),
        ("path: /*", "", False),
        ("path: '/{x}'", "", False),
        ("path: /t/*", "", False),
    ],
    ids=[
        "same",
        "methods",
        "escaped",
        "same-host",
        "its-host",
        "own-host",
        "slash",
        "everything",
        "segment",
        "beneath",
    ],
)
def test_issue_path_is_no_route(other: str, options: str, taken: bool) -> None:
    """A route at the issue path would never be asked; broader ones just leave that path out."""
    routes = (f"{{name: o, {other}, upstream: backend}}", _stream("a", "issue_path: /t", options))
    path = "routes[1].ephemeral_token.issue_path"
    assert problems_of(config(*routes)) == ([f"{path}: {_taken('routes[0] in line 6')}"] if taken else [])
    path = "routes[0].ephemeral_token.issue_path"
    found = problems_of(config(*reversed(routes)))
    assert found == ([f"{path}: {_taken('routes[1] in line 7')}"] if taken else [])


@pytest.mark.parametrize(
    ("path", "issue"), [("/{x}", "/%7Bx%7D"), ("/*", "/%2A")], ids=["segment", "everything"]
)
def test_signs_of_patterns_are_no_text(path: str, issue: str) -> None:
    """An issue path that spells a broader route's path takes only itself from it."""
    routes = (f"{{name: o, path: '{path}', upstream: backend}}", _stream("a", f"issue_path: '{issue}'"))
    assert problems_of(config(*routes)) == []


def test_issue_path_is_not_that_of_its_stream() -> None:
    """A stream is not opened where its tokens are issued."""
    found = problems_of(config(_stream("a", "issue_path: /a")))
    assert found == [f"routes[0].ephemeral_token.issue_path: {_taken('its own route')}"]


@pytest.mark.parametrize(
    ("first", "second", "problems"),
    [
        ("", "", []),
        ("ttl: 60s, carry: query", "reuse: resume, parameter: token", []),
        ("", "ttl: 30s", ["ttl differs"]),
        ("carry: cookie, bind_client: true", "carry: header, bind_client: true", ["carry differs"]),
        (
            "reuse: once, bind_client: yes, resume_grace: 1m",
            "reuse: ttl, principal_in_query: allow, resume_max_age: 2h",
            ["reuse, resume_grace, resume_max_age, bind_client, principal_in_query differ"],
        ),
    ],
    ids=["equal", "defaults", "one", "carry", "many"],
)
def test_routes_with_one_issue_path_agree(first: str, second: str, problems: list[str]) -> None:
    """One answer makes one kind of token: what differs is a problem of the later route."""
    routes = (
        _stream(name, f"issue_path: /t{options and ', '}{options}")
        for name, options in (("a", first), ("b", second))
    )
    said = "must agree with that of routes[0] in line 6, which has the same issue_path: "
    assert problems_of(config(*routes)) == [f"routes[1].ephemeral_token: {said}{each}" for each in problems]


def test_every_later_route_is_compared_with_the_first() -> None:
    """Of three routes, those that differ from the first are told."""
    tokens = ("issue_path: /t", "issue_path: /t, ttl: 9s", "issue_path: /t, ttl: 9s")
    found = problems_of(config(*(_stream(name, token) for name, token in zip("abc", tokens, strict=True))))
    assert [problem.partition(":")[0] for problem in found] == [
        "routes[1].ephemeral_token",
        "routes[2].ephemeral_token",
    ]


def test_other_hosts_issue_other_tokens() -> None:
    """The same path of another host is another one."""
    routes = (
        _stream("a", "issue_path: /t, ttl: 9s"),
        _stream("b", "issue_path: /t", "host: h.example"),
        _stream("c", "issue_path: /t, ttl: 8s", "host: i.example"),
    )
    assert problems_of(config(*routes)) == []


def test_one_path_has_one_spelling() -> None:
    """Backends take two spellings for one path, so the gateway must not issue at both."""
    found = problems_of(config(_stream("a", "issue_path: '/t:u'"), _stream("b", "issue_path: /t%3Au")))
    said = "is the path of routes[0] in line 6 in another spelling: spell it alike"
    assert found == [f"routes[1].ephemeral_token.issue_path: {said}"]


@pytest.mark.parametrize(
    "routes",
    [
        (_stream("a", "issue_path: /t, ttl: x"), _stream("b", "issue_path: /t, ttl: 9s")),
        (_stream("a", "issue_path: /t, ttl: 9s"), _stream("b", "issue_path: /t, ttl: x")),
        (_stream("a", "issue_path: /t"), _stream("b", "issue_path: /t, ttl: 9s", "host: 'a b'")),
        (_stream("a", "issue_path: /t"), "{name: o, path: /t, upstream: backend, host: 'a b'}"),
        (_stream("a", "issue_path: /o"), "{name: o, path: o, upstream: backend}"),
        (
            _stream("a", "issue_path: /t"),
            "{name: o, path: /o, upstream: backend, access: public, "
            "ephemeral_token: {issue_path: /t, ttl: 9s}}",
        ),
    ],
    ids=["first", "second", "host", "host-of-route", "path", "access"],
)
def test_unclear_is_not_compared(routes: tuple[str, ...]) -> None:
    """One fault is one problem."""
    assert len(problems_of(config(*routes))) == 1
