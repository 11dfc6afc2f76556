"""Patterns: what they match and what is wrong with them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tentaculo.routing.pattern import (
    ONE,
    REST,
    Entry,
    Pattern,
    compile_entry,
    find_fault,
    group_entries,
    host_keys,
)

FAULTS = {
    "empty": "",
    "relative": "api/*",
    "query": "/api?a",
    "fragment": "/api#a",
    "dot segment": "/api/../x",
    "broken escape": "/api/%",
    "backslash": "/api\\x",
    "asterisk in the middle": "/api/*/x",
    "asterisk twice": "/api/*/*",
    "asterisk within a segment": "/api/x*",
    "asterisk without slash": "/api*",
    "braces within a segment": "/api/a{id}",
    "braces unclosed": "/api/{id",
    "braces empty": "/api/{}",
    "braces around a number": "/api/{1}",
    "braces around other letters": "/api/{\N{LATIN SMALL LETTER O WITH DIAERESIS}}",
}

HOST_FAULTS = {
    "port": "example.org:80",
    "address with port": "[::1]:80",
    "asterisk alone": "*",
    "asterisk and dot": "*.",
    "asterisk within": "a.*.org",
    "asterisk within a label": "a*.example.org",
    "empty": "",
}


def compiled(path: str, host: str | None = None, methods: frozenset[str] | None = None) -> Entry[None]:
    """Compile a pattern whose name does not matter."""
    return compile_entry("any", Pattern(path, host, methods), None)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        pytest.param("/", ("",), id="root"),
        pytest.param("/*", (REST,), id="everything"),
        pytest.param("/api", ("api",), id="exact"),
        pytest.param("/api/", ("api", ""), id="trailing slash"),
        pytest.param("/a/{id}/*", ("a", ONE, REST), id="names and rest"),
        pytest.param("/{long-name_2}", (ONE,), id="long name"),
        pytest.param("/a%3ab/%61", ("a:b", "a"), id="escapes"),
        pytest.param("/a b/\N{LATIN SMALL LETTER O WITH DIAERESIS}", ("a%20b", "%C3%B6"), id="to escape"),
        pytest.param("/%2a/%7Bid%7D", ("*", "{id}"), id="escaped signs are literals"),
    ],
)
def test_compiles_paths(path: str, shape: tuple[str, ...]) -> None:
    """A path is compiled to the keys of its segments."""
    entry = compiled(path)
    assert entry.shape == shape
    assert entry.exact == ("*" not in path and "{" not in path)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("Example.ORG.", "example.org", id="spelled otherwise"),
        pytest.param("*.Example.org", "*.example.org", id="wildcard"),
        pytest.param("[0::1]", "[::1]", id="address"),
    ],
)
def test_compiles_hosts(host: str | None, expected: str | None) -> None:
    """A host gets the spelling that requests' hosts get."""
    assert compiled("/", host).host == expected


@pytest.mark.parametrize("path", FAULTS.values(), ids=FAULTS.keys())
def test_finds_faults_of_paths(path: str) -> None:
    """A path that means nothing or that no request can have is a fault, told in a sentence."""
    assert find_fault(Pattern(path))
    with pytest.raises(ValueError, match=r"\w"):
        compiled(path)


@pytest.mark.parametrize("host", HOST_FAULTS.values(), ids=HOST_FAULTS.keys())
def test_finds_faults_of_hosts(host: str) -> None:
    """A host that no request can have is a fault."""
    assert find_fault(Pattern("/", host))


@pytest.mark.parametrize("path", ["/", "/a//b", "/a;b", "/a%2Fb", "/a%25b", "/{id}/*"])
def test_finds_no_fault(path: str) -> None:
    """What a route may match, or admit, is no fault."""
    assert find_fault(Pattern(path, "*.example.org", frozenset({"GET"}))) is None


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        pytest.param("/a", "/a", True, id="exact"),
        pytest.param("/a", "/a/", False, id="exact, longer"),
        pytest.param("/a", "/b", False, id="exact, other"),
        pytest.param("/a/*", "/a/", True, id="nothing beneath"),
        pytest.param("/a/*", "/a/b/c", True, id="much beneath"),
        pytest.param("/a/*", "/a", False, id="itself"),
        pytest.param("/a/*", "/ab/c", False, id="longer name"),
        pytest.param("/*", "/", True, id="everything"),
        pytest.param("/{x}", "/a", True, id="one"),
        pytest.param("/{x}", "/", False, id="one, empty"),
        pytest.param("/{x}", "/a/b", False, id="one, two given"),
    ],
)
def test_covers(pattern: str, path: str, covered: bool) -> None:
    """A shape covers what its pattern says."""
    assert compiled(pattern).covers(path.split("/")[1:]) == covered


def test_sorts_by_specificity() -> None:
    """Host, then path from the left, then methods tell which is more specific."""
    order = [
        compiled("/*", "a.example.org"),
        compiled("/a/b", "*.example.org"),
        compiled("/a/b", "*.org"),
        compiled("/a/b", None, frozenset({"GET"})),
        compiled("/a/b"),
        compiled("/a/{x}"),
        compiled("/a/*"),
        compiled("/{x}/b"),
        compiled("/*"),
    ]
    assert all(former.specificity() < latter.specificity() for former, latter in pairwise(order))


def test_groups_by_host_and_shape() -> None:
    """Entries that differ by methods or by names in braces alone stand together."""
    first, second = compiled("/a/{x}"), compiled("/a/{y}", None, frozenset({"GET"}))
    other = compiled("/a/{x}", "a.org")
    assert list(group_entries([first, other, second]).values()) == [[first, second], [other]]


def test_yields_host_keys() -> None:
    """The host itself comes first, then wildcards with ever shorter suffixes."""
    assert list(host_keys("a.b.org")) == ["a.b.org", "*.b.org", "*.org"]
    assert list(host_keys("[::1]")) == ["[::1]"]
