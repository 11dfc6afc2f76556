"""Routes in each other's way."""

from __future__ import annotations

import pytest

from tests.config.files import config, problems_of

AMBIGUOUS = "routes[1].path: is as specific as the path of routes[0] in line 6, so none of the two would win"


def _problems(*patterns: str) -> list[str]:
    return problems_of(
        config(*(f"{{name: r{n}, {pattern}, upstream: backend}}" for n, pattern in enumerate(patterns)))
    )


@pytest.mark.parametrize(
    ("first", "second", "conflict"),
    [
        ("path: /a", "path: /a", True),
        ("path: /a/*", "path: /a/*", True),
        ("path: '/{x}/b'", "path: '/{y}/b'", True),
        ("path: /a, methods: [GET, POST]", "path: /a, methods: [POST]", True),
        ("path: /a, host: h.example", "path: /a, host: H.example", True),
        ("path: /a", "path: /b", False),
        ("path: /a", "path: /*", False),
        ("path: /a", "path: '/{x}'", False),
        ("path: /a, methods: [GET]", "path: /a, methods: [POST]", False),
        ("path: /a, methods: [GET]", "path: /a", False),
        ("path: /a, host: h.example", "path: /a", False),
    ],
)
def test_equally_specific_routes_are_found(first: str, second: str, conflict: bool) -> None:
    """Two routes that would win the same requests are a problem of the later one."""
    assert _problems(first, second) == ([AMBIGUOUS] if conflict else [])


@pytest.mark.parametrize("wrong", ["path: a", "path: /a, host: 'a b'", "path: /a, methods: [get]"])
def test_unclear_route_has_no_conflict(wrong: str) -> None:
    """A route whose pattern can't be read is not compared."""
    assert len(_problems("path: /a", wrong)) == 1


def test_unreachable_route_is_found() -> None:
    """A route whose every path belongs to more specific ones is never asked."""
    takers = ("path: /a/", "path: '/a/{x}'", "path: '/a/{x}/*'")
    said = "no request would reach this route: routes[1] in line 7 and others take all of its paths"
    assert _problems(*takers, "path: /a/*") == [f"routes[3].path: {said}"]


def test_route_that_takes_empty_segments_is_reached_by_those() -> None:
    """A route that admits "//" has paths that the more specific ones don't take."""
    takers = ("path: /a/", "path: '/a/{x}'", "path: '/a/{x}/*'")
    assert _problems(*takers, "path: /a/*, allow_in_path: ['//']") == []
