"""Why a request goes where: the sentences of the route table."""

from __future__ import annotations

import pytest

from tentaculo.routing.explanation import Explanation
from tentaculo.routing.pattern import Pattern
from tentaculo.routing.table import RouteTable

GET = frozenset({"GET"})
POST = frozenset({"POST"})
ROUTES = {
    "everything": Pattern("/*"),
    "api": Pattern("/api/*"),
    "item": Pattern("/api/{id}"),
    "status": Pattern("/api/status"),
    "status-post": Pattern("/api/status", None, POST),
    "status-get": Pattern("/api/status", None, GET),
    "shop": Pattern("/api/{id}", "shop.example.org", GET),
    "wild": Pattern("/api/*", "*.example.org"),
}

ANSWERS = {
    "no name given": (
        ("", "/x", "GET"),
        Explanation("everything", ("any host", "path /*", "any method"), (), 200),
    ),
    "a method wins": (
        ("other.org", "/api/status", "GET"),
        Explanation(
            "status-get",
            ("any host", "exact path /api/status", "method GET"),
            (
                ("shop", "it is for host shop.example.org"),
                ("wild", "it is for host *.example.org"),
                ("status-post", "it takes only POST"),
                ("status", "another route names GET"),
                ("item", "path /api/status is more specific"),
                ("api", "path /api/status is more specific"),
                ("everything", "path /api/status is more specific"),
            ),
            200,
        ),
    ),
    "HEAD comes with GET": (
        ("shop.example.org", "/api/%31", "HEAD"),
        Explanation(
            "shop",
            ("host shop.example.org", "path /api/{id}", "method HEAD, which GET admits"),
            (
                ("wild", "host shop.example.org is more specific"),
                ("item", "host shop.example.org is more specific"),
                ("api", "host shop.example.org is more specific"),
                ("everything", "host shop.example.org is more specific"),
            ),
            200,
        ),
    ),
    "method refused": (
        ("shop.example.org", "/api/1", "POST"),
        Explanation(
            None,
            ("host shop.example.org", "path /api/{id}", "only GET, HEAD may be used"),
            (
                ("shop", "it takes only GET"),
                ("wild", "host shop.example.org is more specific"),
                ("item", "host shop.example.org is more specific"),
                ("api", "host shop.example.org is more specific"),
                ("everything", "host shop.example.org is more specific"),
            ),
            405,
        ),
    ),
}


@pytest.mark.parametrize(("request_", "expected"), ANSWERS.values(), ids=ANSWERS.keys())
def test_explains(request_: tuple[str, str, str], expected: Explanation) -> None:
    """Each route whose path matches is named, with the reason why it won or lost."""
    table = RouteTable((name, pattern, name) for name, pattern in ROUTES.items())
    assert table.explain(*request_) == expected


def test_explains_that_nothing_matches() -> None:
    """Where the host alone is wrong, the routes that have the path are named."""
    table = RouteTable([("a", Pattern("/x", "a.org"), None), ("b", Pattern("/y"), None)])
    expected = Explanation(None, ("no route has this host and path",), (("a", "it is for host a.org"),), 404)
    assert table.explain("b.org", "/x", "GET") == expected


@pytest.mark.parametrize(
    ("methods", "method", "reason"),
    [
        pytest.param(frozenset({"HEAD"}), "HEAD", "another route names HEAD", id="HEAD beside GET"),
        pytest.param(
            GET | {"HEAD"}, "GET", "another route with the same pattern comes first", id="equally specific"
        ),
        pytest.param(GET | POST, "POST", "it takes only GET", id="other method"),
    ],
)
def test_explains_methods(methods: frozenset[str], method: str, reason: str) -> None:
    """Between routes of one pattern the methods decide."""
    entries = [("winner", Pattern("/x", None, methods), 0), ("loser", Pattern("/x", None, GET), 1)]
    explanation = RouteTable(entries).explain("", "/x", method)
    assert (explanation.winner, explanation.losers) == ("winner", (("loser", reason),))
