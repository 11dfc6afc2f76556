"""Finding one's way in the tree."""

from __future__ import annotations

import pytest

from tentaculo.config.problems import Mark, YamlPath
from tentaculo.config.tree import Document, Entry, MappingNode, ScalarNode, SequenceNode, to_data

_NAME = ScalarNode(Mark(2, 11), "one", plain=True)
_SECRET = ScalarNode(Mark(3, 11), "filled in", plain=True, substituted=True)
_ITEM = MappingNode(Mark(2, 5), {"name": Entry(Mark(2, 5), _NAME), "token": Entry(Mark(3, 5), _SECRET)})
_LIST = SequenceNode(Mark(2, 3), (_ITEM,))
DOCUMENT = Document(MappingNode(Mark(1, 1), {"items": Entry(Mark(1, 1), _LIST)}))


@pytest.mark.parametrize(
    ("path", "at_key", "mark"),
    [
        (("items", 0, "name"), False, Mark(2, 11)),
        (("items", 0, "name"), True, Mark(2, 5)),
        (("items", 0), False, Mark(2, 5)),
        (("items", 0, "absent"), False, Mark(2, 5)),
        (("items", 0, "absent"), True, Mark(2, 5)),
        (("items", 7), False, Mark(2, 3)),
        (("items", "key"), False, Mark(2, 3)),
        (("items", 0, "name", 0), False, Mark(2, 11)),
        ((), False, Mark(1, 1)),
    ],
    ids=[
        "value",
        "key",
        "item",
        "absent-key",
        "absent-at-key",
        "absent-item",
        "no-mapping",
        "short-form",
        "root",
    ],
)
def test_place_is_of_the_deepest_node_there_is(path: YamlPath, at_key: bool, mark: Mark) -> None:
    """What is not in the file is placed at what would hold it."""
    assert DOCUMENT.locate(path, at_key=at_key) == mark


@pytest.mark.parametrize(
    ("path", "shortened"),
    [
        (("items", 0, "name", 0), ("items", 0, "name")),
        (("items", 0, "absent"), ("items", 0, "absent")),
        (("items", 0), ("items", 0)),
    ],
    ids=["index-of-a-scalar", "absent-key", "there"],
)
def test_path_loses_indexes_that_the_file_lacks(path: YamlPath, shortened: YamlPath) -> None:
    """A scalar in a list's place has no index, a missing key keeps its name."""
    assert DOCUMENT.shorten(path) == shortened


def test_quote_never_shows_what_came_from_the_environment() -> None:
    """Text of the file is quoted, filled-in text and collections are not."""
    assert DOCUMENT.quote(("items", 0, "name")) == '"one"'
    assert "filled in" not in DOCUMENT.quote(("items", 0, "token"))
    assert DOCUMENT.quote(("items",)) == "(a value from the environment)"


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_only_unquoted_null_is_nothing(text: str) -> None:
    """The words for null are text when quoted."""
    assert ScalarNode(Mark(1, 1), text, plain=True).value is None
    assert ScalarNode(Mark(1, 1), text, plain=False).value == text


@pytest.mark.parametrize(
    ("text", "plain", "says"),
    [("null", True, True), ("~", True, True), ("", True, False), ("null", False, False), ("4h", True, False)],
    ids=["null", "tilde", "empty", "quoted", "value"],
)
def test_null_is_said_in_words(text: str, plain: bool, says: bool) -> None:
    """A key whose value is null was given, one without a value was not."""
    node = ScalarNode(Mark(1, 4), text, plain=plain)
    document = Document(MappingNode(Mark(1, 1), {"a": Entry(Mark(1, 1), node)}))
    assert document.says_null(("a",)) is says
    assert not document.says_null(("a", "b"))
    assert not document.says_null(("b",))


def test_data_shares_nothing() -> None:
    """A node that aliases repeat becomes as many copies."""
    data = to_data(SequenceNode(Mark(1, 1), (_ITEM, _ITEM)))
    assert data == [{"name": "one", "token": "filled in"}] * 2
    assert isinstance(data, list)
    assert data[0] is not data[1]
