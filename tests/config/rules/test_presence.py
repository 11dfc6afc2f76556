"""Required keys, and names given twice."""

from __future__ import annotations

import pytest

from tests.config.files import PRINCIPAL, ROUTE, config, problems_of

REQUIRED = "this key is required"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("{}\n", [f"routes: {REQUIRED}", f"upstreams: {REQUIRED}"]),
        (config("{path: /a, upstream: backend}"), [f"routes[0].name: {REQUIRED}"]),
        (config("{name: a, upstream: backend}"), [f"routes[0].path: {REQUIRED}"]),
        (config("{name: a, path: /a, upstream: }", ROUTE), [f"routes[0].upstream: {REQUIRED}"]),
        (config(principals="- {token: token-of-the-ui}"), [f"principals[0].name: {REQUIRED}"]),
        (config(upstreams="backend: {timeouts: {}}"), [f"upstreams.backend.servers: {REQUIRED}"]),
        (config(upstreams="backend: "), [f"upstreams.backend.servers: {REQUIRED}"]),
        (
            config(upstreams="backend: {servers: ['http://h'], credential: {header: A}}"),
            [f"upstreams.backend.credential.value: {REQUIRED}"],
        ),
        (config(top="listen: {}\n"), [f"listen.address: {REQUIRED}"]),
    ],
    ids=["all", "name", "path", "null", "principal", "servers", "empty", "credential", "address"],
)
def test_missing_key_is_named(text: str, problems: list[str]) -> None:
    """A required key that is missing or without a value is a problem of its mapping."""
    assert problems_of(text) == problems


@pytest.mark.parametrize(
    "route",
    ["{name: a, path: /a, upstraem: backend}", "{name: a, path: /a, upstream: []}", "nonsense", "${ABSENT}"],
    ids=["misspelt", "wrong", "item", "variable"],
)
def test_unclear_key_is_not_missing(route: str) -> None:
    """What was reported already is not reported as missing."""
    assert not any(REQUIRED in problem for problem in problems_of(config(route, ROUTE)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            config(ROUTE, "{name: api, path: /b, upstream: backend}"),
            'routes[1].name: the name "api" is taken by routes[0]',
        ),
        (
            config(principals=f"{PRINCIPAL}\n  - {{name: ui, token: another-token}}"),
            'principals[1].name: the name "ui" is taken by principals[0]',
        ),
        (
            config(upstreams="backend: http://h\n  backend: http://i"),
            "upstreams.backend: this key was given before, in the same mapping",
        ),
    ],
    ids=["route", "principal", "upstream"],
)
def test_name_is_given_once(text: str, problem: str) -> None:
    """Two of a kind can't have one name."""
    assert problems_of(text) == [problem]


def test_repeated_name_from_the_environment_is_not_shown() -> None:
    """A name that came from the environment may be a misplaced secret."""
    text = config(
        ROUTE, "{name: '${N}', path: /b, upstream: backend}", "{name: '${N}', path: /c, upstream: backend}"
    )
    problems = problems_of(text, {"N": "hunter2"})
    assert problems == ["routes[2].name: the name (a value from the environment) is taken by routes[1]"]


def test_header_is_listed_once() -> None:
    """A list of header names holds each once, in whatever case."""
    top = "credential_headers: [X-A, X-B, x-a]\n"
    assert problems_of(config(top=top)) == ["credential_headers[2]: this header is in the list already"]
