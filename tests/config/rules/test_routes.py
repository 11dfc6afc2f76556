"""Routes, one by one."""

from __future__ import annotations

import pytest

from tests.config.files import UPSTREAM, config, problems_of

SECRETIVE = f"{UPSTREAM}\n  own: {{servers: ['http://h'], credential: {{header: X-Own, value: s3cret}}}}"
USES_BACKEND = "{name: plain, path: /plain, upstream: backend}"


def _problems(options: str, path: str = "/a/b/*", upstream: str = "backend") -> list[str]:
    route = f"{{name: a, path: '{path}', upstream: {upstream}{options and ', '}{options}}}"
    return problems_of(config(USES_BACKEND, route, upstreams=SECRETIVE, top=_uses_own(upstream)))


def _uses_own(upstream: str) -> str:
    return "" if upstream == "own" else "  - {name: own, path: /own, upstream: own}\n"


@pytest.mark.parametrize(
    ("upstream", "problem"),
    [
        ("bakcend", 'there is no upstream "bakcend"; did you mean "backend"?'),
        ("zzz", 'there is no upstream "zzz"'),
        ("${N}", "there is no upstream (a value from the environment)"),
    ],
    ids=["near", "far", "environment"],
)
def test_upstream_must_be_there(upstream: str, problem: str) -> None:
    """An unknown upstream is told with the nearest one, and not shown if it came from the environment."""
    text = config("{name: a, path: /a, upstream: backend}", f"{{name: b, path: /b, upstream: '{upstream}'}}")
    assert problems_of(text, {"N": "hunter2"}) == [f"routes[1].upstream: {problem}"]


@pytest.mark.parametrize("upstreams", ["a b: http://h", "backend: [x]"], ids=["bad-name", "bad-shape"])
def test_unclear_upstream_may_be_named(upstreams: str) -> None:
    """An upstream that can't be read is there all the same."""
    name = upstreams.partition(":")[0]
    found = problems_of(config(f"{{name: a, path: /a, upstream: '{name}'}}", upstreams=upstreams))
    assert not any("there is no upstream" in problem for problem in found)


@pytest.mark.parametrize(
    ("access", "spends"),
    [
        ("access: public", True),
        ("access: upstream, stream: {}", True),
        ("access: ephemeral-token, stream: {}, ephemeral_token: {issue_path: /t}", False),
        ("access: header-token", False),
        ("", False),
        ("access: header-token, stream: {}", False),
    ],
    ids=["public", "upstream", "ephemeral-token", "header-token", "omitted", "stream"],
)
def test_own_credential_is_spent_for_checked_callers_only(access: str, spends: bool) -> None:
    """The gateway's secret goes upstream only where it checked the caller itself."""
    word = access.split(",", maxsplit=1)[0].removeprefix("access: ")
    message = (
        f"routes[1].upstream: has a credential of its own, which a route with access {word} must not spend"
    )
    assert _problems(access, upstream="own") == ([message] if spends else [])


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ("access: upstream, stream: {}", []),
        ("access: upstream, stream: {}, methods: [GET, HEAD, OPTIONS]", []),
        (
            "access: upstream",
            ['access: access upstream is for event streams only, so the route must hold "stream: {}"'],
        ),
        (
            "access: upstream, stream: ",
            ['access: access upstream is for event streams only, so the route must hold "stream: {}"'],
        ),
        (
            "access: upstream, stream: {}, methods: [GET, POST]",
            ["methods: with access upstream only GET, HEAD and OPTIONS can be taken"],
        ),
        (
            "access: upstream, stream: {}, allow_in_path: [';']",
            ["allow_in_path: must be empty with access upstream"],
        ),
        ("stream: {}, methods: [POST], allow_in_path: [';']", []),
        ("access: public, stream: {}, methods: [POST]", []),
        ("stream: {shared: true}, methods: [GET, HEAD, OPTIONS]", []),
        (
            "stream: {shared: true}, methods: [GET, POST]",
            ["methods: with shared: true only GET, HEAD and OPTIONS can be taken"],
        ),
        (
            "access: public, stream: {shared: true}, allow_in_path: [';']",
            ["allow_in_path: must be empty with shared: true"],
        ),
        ("access: upstream, stream: x", ["stream: must be a mapping of keys to values"]),
        ("access: upstream, streem: {}", ['streem: unknown key; did you mean "stream"?']),
    ],
    ids=[
        "good",
        "methods",
        "undeclared",
        "empty",
        "post",
        "in-path",
        "checked",
        "public",
        "shared",
        "shared-post",
        "shared-in-path",
        "unclear",
        "misspelt",
    ],
)
def test_upstream_access_is_for_streams(options: str, problems: list[str]) -> None:
    """What passes without the gateway's check, or is shared, is a declared stream that takes GET only."""
    assert _problems(options) == [f"routes[1].{problem}" for problem in problems]


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ("stream: {}, methods: [GET, HEAD, OPTIONS]", []),
        (
            "enabled: true",
            ['access: access ephemeral-token is for event streams only, so the route must hold "stream: {}"'],
        ),
        (
            "stream: {}, methods: [POST]",
            ["methods: with access ephemeral-token only GET, HEAD and OPTIONS can be taken"],
        ),
        (
            "stream: {}, allow_in_path: ['//']",
            ["allow_in_path: must be empty with access ephemeral-token"],
        ),
    ],
    ids=["good", "undeclared", "post", "in-path"],
)
def test_ephemeral_tokens_are_for_streams(options: str, problems: list[str]) -> None:
    """What a token opens is a declared stream that takes GET only."""
    found = _problems(f"access: ephemeral-token, ephemeral_token: {{issue_path: /t}}, {options}")
    assert found == [f"routes[1].{problem}" for problem in problems]


@pytest.mark.parametrize(
    ("path", "rewrite", "problems"),
    [
        ("/a/b/*", "{strip: /a}", []),
        ("/a/b/*", "{strip: /a/b}", []),
        ("/a/b", "{strip: /a/b}", []),
        ("/a/{x}/*", "{strip: /a}", []),
        ("/a%7eb/*", "{strip: /a~b}", []),
        ("/a/b/*", "{replace: [/a, /]}", []),
        ("/a/b/*", "{replace: [/, /v2]}", []),
        ("/*", "{replace: [/, /v2]}", []),
        ("/a/b/*", "{strip: /b}", [".strip: must be the beginning of the route's path, in whole segments"]),
        (
            "/a/b/*",
            "{strip: /a/b/c}",
            [".strip: must be the beginning of the route's path, in whole segments"],
        ),
        ("/ab/*", "{strip: /a}", [".strip: must be the beginning of the route's path, in whole segments"]),
        ("/*", "{strip: /a}", [".strip: must be the beginning of the route's path, in whole segments"]),
        (
            "/a/{x}/*",
            "{replace: [/a/b, /]}",
            [".replace[0]: must be the beginning of the route's path, in whole segments"],
        ),
        ("/a/b/*", "{strip: /}", [".strip: strips nothing"]),
        ("/a/b/*", "{}", [": must hold either strip or replace"]),
        ("/a/b/*", "{strip: /a, replace: [/a, /]}", [": must hold either strip or replace"]),
        ("/a/b/*", "{strip: a}", ['.strip: must begin with "/"']),
        ("/a/b/*", "{replace: [/a, x]}", ['.replace[1]: must begin with "/"']),
        ("/a/b/*", "{replace: [/a]}", [".replace: must hold at least 2 items"]),
    ],
)
def test_rewrite_changes_the_beginning_of_the_path(path: str, rewrite: str, problems: list[str]) -> None:
    """A prefix that the route's path does not have would never be rewritten."""
    found = [
        problem.replace("rewrite:", ":").replace("rewrite", "")
        for problem in _problems(f"rewrite: {rewrite}", path)
    ]
    assert found == [f"routes[1].{problem}" for problem in problems]


def test_rewrite_of_an_unclear_path_is_left_alone() -> None:
    """Where the path can't be read, nothing is said about its prefix."""
    assert _problems("rewrite: {strip: /zzz}", path="a") == ['routes[1].path: must begin with "/"']


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ("request_headers: {set: {A: x}, remove: [B]}", []),
        ("response_headers: ", []),
        (
            "request_headers: {set: {A: x, a: y}}",
            ["request_headers.set.a: this header is set or removed already"],
        ),
        (
            "response_headers: {set: {A: x}, remove: [a]}",
            ["response_headers.set.A: this header is set or removed already"],
        ),
        (
            "response_headers: {remove: [A, a]}",
            ["response_headers.remove[1]: this header is in the list already"],
        ),
    ],
    ids=["good", "empty", "twice", "set-and-removed", "removed-twice"],
)
def test_header_is_edited_once(options: str, problems: list[str]) -> None:
    """One header has one edit, in whatever case it is written."""
    assert _problems(options) == [f"routes[1].{problem}" for problem in problems]


@pytest.mark.parametrize(
    ("access", "named"),
    [
        ("access: public", False),
        ("access: upstream, stream: {}", False),
        ("access: ephemeral-token, stream: {}, ephemeral_token: {issue_path: /t}", True),
        ("access: header-token", True),
    ],
    ids=["public", "upstream", "ephemeral-token", "header-token"],
)
def test_rate_is_counted_by_whom_is_known(access: str, named: bool) -> None:
    """A limit per principal needs a route that knows principals; the others don't."""
    word = access.split(",", maxsplit=1)[0].removeprefix("access: ")
    problem = f"routes[1].rate_limit.per: can't be principal with access {word}, which knows none"
    limit = f"{access}, rate_limit: {{rate: 1/s, per: principal}}"
    assert _problems(limit, "/a") == ([] if named else [problem])
    for per in ("client", "route"):
        assert _problems(limit.replace("principal}", f"{per}}}"), "/a") == []
