"""What YAML lets pass and the gateway does not: duplicates, aliases, merges, tags."""

from __future__ import annotations

import pytest

from tentaculo.config.problems import ConfigError
from tentaculo.config.reading import read_tree
from tentaculo.config.tree import Data, to_data


def _data(text: str) -> Data:
    document, problems = read_tree(text, "f")
    assert problems == ()
    return to_data(document.root)


def _problems(text: str) -> list[str]:
    return [str(problem) for problem in read_tree(text, "f")[1]]


def _given_up(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read_tree(text, "f")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: a: this key was given before, in the same mapping"),
        ("x:\n  - {k: 1, k: 2}\n", "f:2:12: x[0].k: this key was given before, in the same mapping"),
        ("x: {y: {k: 1, k: 2}}\n", "f:1:15: x.y.k: this key was given before, in the same mapping"),
        ("[a, b]: 1\n", "f:1:1: a key must be text"),
        ("x:\n  {k: 1}: 2\n", "f:2:3: x: a key must be text"),
        ("~: 1\n", "f:1:1: a key must be text"),
        (
            "a: !!python/object:os.system x\n",
            "f:1:4: a: YAML tags are not supported; quote text that begins with !",
        ),
        ("a: !secret\n", "f:1:4: a: YAML tags are not supported; quote text that begins with !"),
        ("a: !x [1]\n", "f:1:4: a: YAML tags are not supported; quote text that begins with !"),
        ("a: {<<: 1}\n", "f:1:9: a.<<: only mappings can be merged with <<"),
        ("a: {<<: [{b: 1}, 2]}\n", "f:1:18: a.<<: only mappings can be merged with <<"),
    ],
    ids=[
        "duplicate",
        "in-list",
        "nested",
        "list-key",
        "mapping-key",
        "null-key",
        "object-tag",
        "tag",
        "collection-tag",
        "merge-scalar",
        "merge-list",
    ],
)
def test_problem_leaves_the_rest_readable(text: str, problem: str) -> None:
    """A fault within a mapping is a problem at its place, and reading goes on."""
    assert _problems(text) == [problem.replace("a.<<", 'a."<<"')]


@pytest.mark.parametrize("inner", ["[1, {k: 1, k: 2}]", "{[{k: 1, k: 2}]: 1}"], ids=["index", "key"])
def test_duplicate_inside_a_list_is_placed(inner: str) -> None:
    """A duplicate key is found wherever its mapping stands."""
    assert any("k: this key was given before" in problem for problem in _problems(f"a: {inner}\n"))


def test_standard_tags_pass() -> None:
    """A standard tag changes nothing, but that text with it is never null."""
    assert _data("a: !!str null\nb: !!int 5\nc: ! ~\nd: !!map {}\n") == {
        "a": "null",
        "b": "5",
        "c": "~",
        "d": {},
    }


def test_aliases_repeat_their_anchor() -> None:
    """An alias stands for the scalar, list or mapping of its anchor."""
    text = "a: &s one\nb: *s\nc: &l [1, 2]\nd: *l\ne: &m {k: v}\nf: *m\ng: &s two\nh: *s\n"
    expected = {
        "a": "one",
        "b": "one",
        "c": ["1", "2"],
        "d": ["1", "2"],
        "e": {"k": "v"},
        "f": {"k": "v"},
        "g": "two",
        "h": "two",
    }
    assert _data(text) == expected


def test_merges_fill_in_what_is_not_given() -> None:
    """A key of the mapping itself wins over a merged one, and an earlier merged mapping over a later."""
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 0}\nw:\n  b: 9\n  <<: *y\n"
    data = _data(text)
    assert isinstance(data, dict)
    assert data["z"] == {"a": "0", "b": "1", "c": "2"}
    assert data["w"] == {"b": "9", "c": "2"}


def test_quoted_merge_key_is_a_key() -> None:
    """Only the plain << merges."""
    assert _data("a: {'<<': {b: 1}}\n") == {"a": {"<<": {"b": "1"}}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: *absent\n", "f:1:4: a: this alias has no anchor before it"),
        ("a: &a [*a]\n", "f:1:8: a[0]: this alias stands inside its own anchor"),
        ("a: &a {b: [*a]}\n", "f:1:12: a.b[0]: this alias stands inside its own anchor"),
    ],
    ids=["unknown", "list", "mapping"],
)
def test_alias_without_a_finished_anchor_is_refused(text: str, said: str) -> None:
    """An alias leads to nodes before it only."""
    assert said in _given_up(text)


def test_alias_bomb_is_refused() -> None:
    """Aliases of aliases are refused before they fill the memory."""
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12))
    assert "aliases repeat too much of the file" in _given_up(f"l0: &l0 [x, x]\n{levels}")


def test_merge_bomb_is_refused() -> None:
    """Merged mappings count as what they repeat."""
    base = "{" + ", ".join(f"k{n}: 1" for n in range(2000)) + "}"
    users = "".join(f"u{n}: {{<<: *base}}\n" for n in range(100))
    assert "aliases repeat too much of the file" in _given_up(f"b: &base {base}\n{users}")


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 60 + "]" * 60 + "\n",
        "".join(f"l{n}: &l{n} [{f'*l{n - 1}' if n else 1}]\n" for n in range(60)),
    ],
    ids=["brackets", "aliases"],
)
def test_deep_nesting_is_refused(text: str) -> None:
    """Depth has a bound, by brackets as by aliases."""
    assert "nested deeper than 50 levels" in _given_up(text)


def test_very_deep_nesting_ends_no_process() -> None:
    """Brackets by the hundred thousand are one problem."""
    assert "nested deeper than 50 levels" in _given_up("a: " + "[" * 100_000)
