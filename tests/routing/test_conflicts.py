"""Conflicts between routes."""

from __future__ import annotations

import pytest

from tentaculo.routing.conflicts import find_conflicts
from tentaculo.routing.pattern import Pattern

GET = frozenset({"GET"})
POST = frozenset({"POST"})
BOTH = GET | POST

CONFLICTS: dict[str, tuple[list[Pattern], list[tuple[str, int, int]]]] = {
    "nothing": ([], []),
    "same path": ([Pattern("/a"), Pattern("/a")], [("ambiguous", 0, 1)]),
    "same path in two spellings": ([Pattern("/a:b"), Pattern("/%61%3Ab")], [("ambiguous", 0, 1)]),
    "same names": ([Pattern("/{a}/x"), Pattern("/{b}/x")], [("ambiguous", 0, 1)]),
    "same rest": ([Pattern("/a/*"), Pattern("/a/*")], [("ambiguous", 0, 1)]),
    "three alike": ([Pattern("/a")] * 3, [("ambiguous", 0, 1), ("ambiguous", 0, 2)]),
    "same host": ([Pattern("/a", "A.org"), Pattern("/a", "a.org.")], [("ambiguous", 0, 1)]),
    "same method": ([Pattern("/a", None, BOTH), Pattern("/a", None, GET)], [("ambiguous", 0, 1)]),
    "one with the methods of two": (
        [Pattern("/a", None, GET), Pattern("/a", None, POST), Pattern("/a", None, BOTH)],
        [("ambiguous", 0, 2), ("ambiguous", 1, 2)],
    ),
    "two methods of one": ([Pattern("/a", None, BOTH)] * 2, [("ambiguous", 0, 1)]),
    "other host": ([Pattern("/a", "a.org"), Pattern("/a", "b.org"), Pattern("/a")], []),
    "wildcard beside its host": ([Pattern("/a", "*.a.org"), Pattern("/a", "b.a.org")], []),
    "other methods": ([Pattern("/a", None, GET), Pattern("/a", None, POST), Pattern("/a")], []),
    "HEAD beside GET": ([Pattern("/a", None, GET), Pattern("/a", None, frozenset({"HEAD"}))], []),
    "name beside literal": ([Pattern("/{a}"), Pattern("/a"), Pattern("/*")], []),
    "everything beneath taken": (
        [Pattern("/a/*"), Pattern("/a/"), Pattern("/a/{x}"), Pattern("/a/{x}/*")],
        [("unreachable", 2, 0)],
    ),
    "taken whatever the methods": (
        [Pattern("/*", None, POST), Pattern("/", None, GET), Pattern("/{x}", None, GET), Pattern("/{x}/*")],
        [("unreachable", 2, 0)],
    ),
    "both of two taken": (
        [Pattern("/*", None, POST), Pattern("/*"), Pattern("/"), Pattern("/{x}"), Pattern("/{x}/*")],
        [("unreachable", 3, 0), ("unreachable", 3, 1)],
    ),
    "everything two deep taken": (
        [
            Pattern("/*"), Pattern("/"), Pattern("/{x}"),
            Pattern("/{x}/"), Pattern("/{x}/{y}"), Pattern("/{x}/{y}/*"),
        ],
        [("unreachable", 2, 0)],
    ),
    "nothing beneath left": ([Pattern("/a/*"), Pattern("/a/{x}"), Pattern("/a/{x}/*")], []),
    "one beneath left": ([Pattern("/a/*"), Pattern("/a/"), Pattern("/a/{x}/*")], []),
    "more beneath left": ([Pattern("/a/*"), Pattern("/a/"), Pattern("/a/{x}")], []),
    "taken for another host": (
        [Pattern("/*"), Pattern("/", "a.org"), Pattern("/{x}", "a.org"), Pattern("/{x}/*", "a.org")],
        [],
    ),
    "with a fault": ([Pattern("a"), Pattern("a"), Pattern("/a", "*"), Pattern("/a", "*")], []),
}  # fmt: skip


@pytest.mark.parametrize(("patterns", "expected"), CONFLICTS.values(), ids=CONFLICTS.keys())
def test_finds_conflicts(patterns: list[Pattern], expected: list[tuple[str, int, int]]) -> None:
    """Equally specific routes and routes that nothing reaches are found, and no others."""
    conflicts = find_conflicts((str(number), pattern) for number, pattern in enumerate(patterns))
    assert conflicts == [(kind, str(first), str(second)) for kind, first, second in expected]
