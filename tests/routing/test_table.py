"""The route table: which route wins."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tentaculo.errors import MethodNotAllowed, RouteNotFound
from tentaculo.routing.pattern import Pattern
from tentaculo.routing.table import RouteTable
from tests.fakes.cost import calls_made

GET = frozenset({"GET"})
POST = frozenset({"POST"})

PATHS = (
    "/*",
    "/api/*",
    "/api/{id}",
    "/api/{id}/*",
    "/api/status",
    "/api/{id}/b",
    "/{x}/status/c",
    "/api/",
    "/a%3Ab",
)
PATHS_WON = {
    "root": ("/", "/*"),
    "anything": ("/x/y", "/*"),
    "itself": ("/api", "/*"),
    "other case": ("/API/status", "/*"),
    "longer name": ("/apis/x", "/*"),
    "nothing beneath": ("/api/", "/api/"),
    "name": ("/api/1", "/api/{id}"),
    "literal before name": ("/api/status", "/api/status"),
    "literal as a name": ("/api/status/b", "/api/{id}/b"),
    "beneath a literal as a name": ("/api/status/x", "/api/{id}/*"),
    "nothing beneath a name": ("/api/1/", "/api/{id}/*"),
    "literal on the left before literals on the right": ("/api/status/c", "/api/{id}/*"),
    "name on the left": ("/other/status/c", "/{x}/status/c"),
    "name that leads nowhere": ("/other/status/d", "/*"),
    "empty segment is no name": ("/api//b", "/api/*"),
    "deep": ("/api" + "/x" * 2000, "/api/{id}/*"),
    "raw colon": ("/a:b", "/a%3Ab"),
    "escaped colon": ("/a%3Ab", "/a%3Ab"),
}

HOSTS = ("example.org", "*.example.org", "*.a.example.org", "b.a.example.org", None)
HOSTS_WON = {
    "exact": ("example.org", "example.org"),
    "wildcard": ("x.example.org", "*.example.org"),
    "wildcard for two labels": ("x.y.example.org", "*.example.org"),
    "longer suffix": ("x.a.example.org", "*.a.example.org"),
    "not a longer suffix": ("a.example.org", "*.example.org"),
    "exact before wildcard": ("b.a.example.org", "b.a.example.org"),
    "no label before": ("xexample.org", None),
    "none": ("other.org", None),
    "address": ("[::1]", None),
    "no host": ("", None),
}


def table_of(*patterns: Pattern) -> RouteTable[Pattern]:
    """Compile patterns into a table whose values are the patterns themselves."""
    return RouteTable((f"route-{number}", pattern, pattern) for number, pattern in enumerate(patterns))


def decide(table: RouteTable[Pattern], host: str, path: str, method: str) -> Pattern | str:
    """Return the matched pattern, or what the answer tells: `Allow` or nothing."""
    try:
        return table.match(host, path, method)
    except MethodNotAllowed as refusal:
        return dict(refusal.headers)["Allow"]
    except RouteNotFound:
        return ""


@pytest.mark.parametrize("order", [1, -1], ids=["as listed", "reversed"])
@pytest.mark.parametrize(("path", "winner"), PATHS_WON.values(), ids=PATHS_WON.keys())
def test_most_specific_path_wins(path: str, winner: str, order: int) -> None:
    """Segment by segment from the left a literal beats a name, and a name beats everything beneath."""
    table = table_of(*(Pattern(listed) for listed in PATHS[::order]))
    assert table.match("example.org", path, "GET").path == winner


@pytest.mark.parametrize("order", [1, -1], ids=["as listed", "reversed"])
@pytest.mark.parametrize(("host", "winner"), HOSTS_WON.values(), ids=HOSTS_WON.keys())
def test_most_specific_host_wins(host: str, winner: str | None, order: int) -> None:
    """An exact host beats a wildcard, a longer suffix a shorter one, and any host none."""
    table = table_of(*(Pattern("/x", listed) for listed in HOSTS[::order]))
    assert table.match(host, "/x", "GET").host == winner


def test_host_decides_before_path() -> None:
    """A vague path of a host beats an exact one of all hosts; a path that the host lacks falls back."""
    own, wild, common, rest = Pattern("/a/*", "a.org"), Pattern("/b", "*.org"), Pattern("/a/b"), Pattern("/*")
    table = table_of(own, wild, common, rest)
    assert table.match("a.org", "/a/b", "GET") is own
    assert table.match("a.org", "/b", "GET") is wild
    assert table.match("a.org", "/c", "GET") is rest
    assert table.match("b.net", "/a/b", "GET") is common


def test_methods_beat_none() -> None:
    """A route that names the method beats one of the same pattern that names none."""
    get, post, other = Pattern("/{a}", None, GET), Pattern("/{b}", None, POST), Pattern("/{c}")
    table = table_of(other, get, post)
    methods = ("GET", "HEAD", "POST", "DELETE")
    assert [table.match("", "/x", method) for method in methods] == [get, get, post, other]


@pytest.mark.parametrize("order", [1, -1], ids=["GET first", "HEAD first"])
def test_named_head_beats_the_one_of_get(order: int) -> None:
    """GET admits HEAD unless another route of the pattern names it."""
    get, head = Pattern("/x", None, GET), Pattern("/x", None, frozenset({"HEAD"}))
    table = table_of(*(get, head)[::order])
    assert (table.match("", "/x", "GET"), table.match("", "/x", "HEAD")) == (get, head)


@pytest.mark.parametrize(
    "broader",
    [
        pytest.param(Pattern("/admin/*"), id="rest"),
        pytest.param(Pattern("/admin/{x}"), id="name"),
        pytest.param(Pattern("/admin/users", None, POST), id="same path, any host"),
    ],
)
def test_no_method_leads_around_a_narrow_route(broader: Pattern) -> None:
    """Where the most specific host and path lack the method, a broader route is not tried."""
    table = table_of(broader, Pattern("/admin/users", "a.org", GET))
    assert decide(table, "a.org", "/admin/users", "POST") == "GET, HEAD"


def test_allow_is_the_union() -> None:
    """`Allow` holds all methods of the routes with the deciding pattern, sorted, and no others."""
    delete = frozenset({"DELETE"})
    table = table_of(Pattern("/{a}", None, POST), Pattern("/{b}", None, GET), Pattern("/*", None, delete))
    assert decide(table, "", "/x", "DELETE") == "GET, HEAD, POST"


def test_head_alone_admits_nothing_else() -> None:
    """HEAD does not bring GET along."""
    assert decide(table_of(Pattern("/x", None, frozenset({"HEAD"}))), "", "/x", "GET") == "HEAD"


@pytest.mark.parametrize("path", ["/", "/a", "/a/b/c", "/a/b/"])
def test_not_found(path: str) -> None:
    """A path that no pattern covers is not found, even where it begins like one."""
    with pytest.raises(RouteNotFound):
        table_of(Pattern("/a/b"), Pattern("/a/{x}/d"), Pattern("/x/*", "a.org")).match("a.org", path, "GET")


def test_empty_table() -> None:
    """Without routes nothing is found."""
    with pytest.raises(RouteNotFound):
        table_of().match("a.org", "/", "GET")


def test_false_values_are_found() -> None:
    """Any value can be looked up, None too."""
    table = RouteTable([("a", Pattern("/a"), None), ("b", Pattern("/b/*"), None)])
    assert table.explain("", "/a", "GET").winner == "a"
    table.match("", "/b/c", "GET")


def test_refuses_a_pattern_with_a_fault() -> None:
    """A pattern that means nothing is an error when the table is made."""
    with pytest.raises(ValueError, match="end of a path"):
        table_of(Pattern("/a/*/b"))


# A slow table, written from the rules alone: sort by specificity, try one after the other.
hosts = st.sampled_from([None, "a.org", "*.a.org", "*.b.a.org", "*.org"])
segments = st.sampled_from(["a", "b", "{x}", "a:b", "a%3Ab"])
method_sets = st.none() | st.frozensets(st.sampled_from(["GET", "HEAD", "POST"]), min_size=1)
ends = st.sampled_from(["", "/", "/*"])
route_paths = st.builds(
    lambda parts, end: "".join(f"/{part}" for part in parts) + end or "/",
    st.lists(segments, max_size=3),
    ends,
)
patterns = st.builds(Pattern, route_paths, hosts, method_sets)
asked_hosts = st.sampled_from(["a.org", "x.a.org", "x.b.a.org", "b.a.org", "net", "x.org", ""])
asked_paths = st.lists(st.sampled_from(["a", "b", "c", "", "a:b", "a%3Ab"]), min_size=1, max_size=4).map(
    "/".join
)


def fits_host(pattern: Pattern, host: str) -> bool:
    """Whether a pattern's host takes a request's."""
    if pattern.host is None or pattern.host == host:
        return True
    return pattern.host.startswith("*") and host.endswith(pattern.host[1:])


def fits_path(pattern: Pattern, path: str) -> bool:
    """Whether a pattern's path takes a request's."""
    wanted, given_ = pattern.path.replace("%3A", ":").split("/"), path.replace("%3A", ":").split("/")
    if wanted[-1] == "*":
        wanted.pop()
        given_ = given_[: len(wanted)] if len(given_) > len(wanted) else []
    return len(wanted) == len(given_) and all(
        own == other or (own == "{x}" and other) for own, other in zip(wanted, given_, strict=True)
    )


def vagueness(pattern: Pattern) -> tuple[int, int, list[int]]:
    """Return a key that is smaller for the more specific pattern; methods do not count."""
    host = pattern.host or ""
    kind = 2 if pattern.host is None else int(host.startswith("*"))
    return kind, -len(host), [{"{x}": 1, "*": 2}.get(part, 0) for part in pattern.path.split("/")]


def decide_slowly(table: list[Pattern], host: str, path: str, method: str) -> Pattern | str:
    """Return what a table of these patterns must answer."""
    fitting = [pattern for pattern in table if fits_host(pattern, host) and fits_path(pattern, path)]
    least = min((vagueness(pattern) for pattern in fitting), default=None)
    choice = [pattern for pattern in fitting if vagueness(pattern) == least]
    takes: list[Callable[[frozenset[str] | None], bool]] = [
        lambda methods: methods is not None and method in methods,
        lambda methods: methods is not None and method == "HEAD" and "GET" in methods,
        lambda methods: methods is None,
    ]
    for rule in takes:
        for pattern in choice:
            if rule(pattern.methods):
                return pattern
    allowed = {name for pattern in choice for name in pattern.methods or ()}
    return ", ".join(sorted(allowed | {"HEAD"} if "GET" in allowed else allowed))


@given(st.lists(patterns, max_size=12), asked_hosts, asked_paths, st.sampled_from(["GET", "HEAD", "POST"]))
@example([Pattern("/a/{x}/b"), Pattern("/a/*")], "", "a/b/c", "GET")
def test_agrees_with_the_slow_table(table: list[Pattern], host: str, path: str, method: str) -> None:
    """Look-up and explanation give what trying every route one by one gives."""
    fast, expected = table_of(*table), decide_slowly(table, host, f"/{path}", method)
    assert decide(fast, host, f"/{path}", method) == expected
    explanation = fast.explain(host, f"/{path}", method)
    assert (explanation.winner is not None) == isinstance(expected, Pattern)
    assert explanation.status == (404 if not expected else 405 if isinstance(expected, str) else 200)


@pytest.mark.parametrize("path", ["/s7/status", "/s7/items/1", "/s7/x/y/z", "/nowhere"])
@pytest.mark.parametrize("host", ["h7.example.org", "example.org"])
def test_work_does_not_grow_with_the_routes(host: str, path: str) -> None:
    """A look-up among 10,000 routes makes as many calls as one among 40."""

    def table(services: int) -> RouteTable[Pattern]:
        names = [f"s{number}" for number in range(services)]
        shared = [Pattern(f"/{name}{end}") for name in names for end in ("/status", "/items/{id}", "/*")]
        return table_of(*shared, *(Pattern("/own/*", f"h{name[1:]}.example.org") for name in names))

    small, large = table(10), table(2500)
    assert calls_made(lambda: decide(small, host, path, "GET")) == calls_made(
        lambda: decide(large, host, path, "GET")
    )
