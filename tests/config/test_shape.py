"""From the tree to sections."""

from __future__ import annotations

import pytest

from tentaculo.config.problems import Finding, YamlPath
from tentaculo.config.reading import read_tree
from tentaculo.config.shape import read_shape
from tests.config.files import config, problems_of

GOOD_ROUTE = "{name: good, path: /good, upstream: backend}"


def _read(text: str, *flawed: YamlPath) -> tuple[list[Finding], frozenset[YamlPath]]:
    _, findings, left_out = read_shape(read_tree(text, "f")[0], flawed)
    return findings, left_out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("routes: x\n", "routes: must be a list"),
        ("routes: {a: 1}\n", "routes: must be a list"),
        ("routes: [x]\n", "routes[0]: must be a mapping of keys to values"),
        ("routes: []\n", "routes: must hold at least one item"),
        ("upstreams: x\n", "upstreams: must be a mapping of keys to values"),
        ("upstreams: {}\n", "upstreams: must hold at least one item"),
        ("upstreams: {x: [a]}\n", "upstreams.x: must be a mapping of keys to values"),
        (
            "principals: [{token: [a, b, c]}]\n",
            "principals[0].token[0]: must be a token of at least 12 characters",
        ),
        (
            "principals: [{token_file: [a, b, c]}]\n",
            "principals[0].token_file: must hold at most 2 items",
        ),
        ("principals: [{token: short}]\n", "principals[0].token: must be a token of at least 12 characters"),
        ("routes: [{methods: GET}]\n", "routes[0].methods: must be a list"),
        ("routes: [{methods: []}]\n", "routes[0].methods: must hold at least one item"),
        ("routes: [{rewrite: {replace: [/a]}}]\n", "routes[0].rewrite.replace: must hold at least 2 items"),
        ("routes: [{enabled: }]\n", "routes[0].enabled: must be true or false"),
        (
            "routes: [{request_headers: {set: {a b: x}}}]\n",
            'routes[0].request_headers.set."a b": must be a header name',
        ),
        ("routes: [{request_headers: {set: [a]}}]\n", "routes[0].request_headers.set: must be a mapping"),
        ("listen: [a]\n", "listen: must be a mapping of keys to values"),
        ("listen: nowhere\n", "listen: must be an address with a port"),
        ("limits: 5\n", "limits: must be a mapping of keys to values"),
        ("nonsense: 5\n", "unknown key"),
    ],
)
def test_wrong_shape_is_a_sentence(text: str, problem: str) -> None:
    """Each fault of shape is told in words of the file, at the deepest node there is."""
    assert any(found.startswith(problem) or problem in found for found in problems_of(text))


def test_what_is_wrong_is_left_out() -> None:
    """Items that are wrong become empty, keys that are wrong go, and the rest is read."""
    text = config(
        "x", "{name: a, path: b, methods: [get], upstream: backend, foo: 1}", GOOD_ROUTE, top="nope: 1\n"
    )
    section, findings, left_out = read_shape(read_tree(text, "f")[0])
    assert len(findings) == 5
    assert left_out >= {
        ("routes", 0),
        ("routes", 1, "path"),
        ("routes", 1, "methods"),
        ("routes", 1, "foo"),
        ("nope",),
    }
    assert section.routes is not None
    assert [route.name for route in section.routes] == [None, "a", "good"]


def test_wrong_item_takes_its_whole_list() -> None:
    """A list of leaves with a wrong one is left out as a whole, whatever else is wrong in it."""
    findings, left_out = _read("trusted_peers: [10.0.0.0/8, x, y]\n")
    assert [finding.path for finding in findings] == [("trusted_peers", 1), ("trusted_peers", 2)]
    assert left_out == {("trusted_peers",)}


def test_wrong_upstream_name_takes_the_upstream() -> None:
    """A bad name leaves nothing to refer to, and no complaint that nothing is left."""
    findings, left_out = _read("upstreams: {a b: http://h}\n")
    assert [(finding.path, finding.at_key) for finding in findings] == [(("upstreams", "a b"), True)]
    assert ("upstreams", "a b") in left_out


def test_wrong_upstream_leaves_its_name() -> None:
    """An upstream with a bad URL is still there for routes to name."""
    section = read_shape(read_tree("upstreams: {a: 'ftp://h'}\n", "f")[0])[0]
    assert section.upstreams is not None
    assert list(section.upstreams) == ["a"]


def test_known_flaws_are_left_out_silently() -> None:
    """What was reported before the shape was read is not reported again."""
    text = "limits: {body: x, header: y}\nroutes: [z]\n"
    findings, left_out = _read(text, ("limits", "body"), ("routes", 0))
    assert [finding.path for finding in findings] == [("limits", "header")]
    assert {("limits", "body"), ("routes", 0)} <= left_out


def test_flaw_inside_a_scalar_list_is_left_out_with_its_list() -> None:
    """An item that can't be filled in leaves its list unread, and so does one beneath a scalar."""
    assert _read("principals: [{token: [x]}]\n", ("principals", 0, "token", 0)) == (
        [],
        frozenset({("principals", 0, "token")}),
    )
    assert _read("log: x\n", ("log", "level"), ("log", "level"))[1] == {("log",)}


def test_misspelt_key_also_stands_for_the_one_that_was_meant() -> None:
    """No rule complains that a misspelt key is missing."""
    assert ("routes", 0, "upstream") in _read("routes: [{upstraem: x}]\n")[1]
