"""YAML text to a tree."""

from __future__ import annotations

import pytest
import yaml

from tentaculo.config import reading
from tentaculo.config.problems import ConfigError
from tentaculo.config.reading import read_tree
from tentaculo.config.tree import to_data

SECRET = "hunter2-the-secret"

BAD_SYNTAX = {
    "tab": (f"a:\n\tb: {SECRET}\n", 2, 1, "tabs"),
    "special": (f"a: @{SECRET}\n", 1, 4, "special character"),
    "percent": (f"a: %{SECRET}\n", 1, 4, "special character"),
    "colon": (f"a: b: {SECRET}\n", 1, 5, '":" is not allowed'),
    "deeper": (f"a: 1\n b: {SECRET}\n", 2, 3, '":" is not allowed'),
    "bracket": (f"a: [{SECRET}\nb: 2\n", 2, 2, "closing bracket"),
    "quote": (f'a: 1\nb: "{SECRET}\n', 2, 4, "quote is not closed"),
    "list-in-mapping": (f"- {SECRET}\nb: 1\n", 2, 1, "indentation"),
    "missing-colon": (f"a: 1\n{SECRET}\nb: 2\n", 2, 1, '":" is missing'),
    "escape": (f'a: "\\q{SECRET}"\n', 1, None, "not valid YAML"),
    "alias-text": (f"a: *{SECRET} x\n", 1, 4, "has no anchor"),
    "directive": (f"%FOO {SECRET}\n", None, None, "not valid YAML"),
}


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of PyYAML's two parsers in turn."""
    name: str = request.param
    monkeypatch.setattr(reading, "_LOADER", getattr(yaml, name))
    return name


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("text", "line", "column", "said"), BAD_SYNTAX.values(), ids=BAD_SYNTAX)
def test_syntax_error_gives_the_place_and_not_the_text(
    text: str, line: int | None, column: int | None, said: str
) -> None:
    """A syntax error names line and column, says what to do, and never shows the line."""
    with pytest.raises(ConfigError) as caught:
        read_tree(text, "f.yaml")
    problem = caught.value.problems[-1]
    assert SECRET not in str(caught.value)
    assert line in (None, problem.line)
    assert column in (None, problem.column)
    assert said in problem.message
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "the file is empty"),
        ("# only a comment\n", 1, 1, "the file is empty"),
        ("---\n", 1, 1, "the file is empty"),
        ("~\n", 1, 1, "the file is empty"),
        ("\n- a\n", 2, 1, "the file must be a mapping of keys to values"),
        ("  text\n", 1, 3, "the file must be a mapping of keys to values"),
        ("''\n", 1, 1, "the file must be a mapping of keys to values"),
        ("a: 1\n---\nb: 2\n", 2, 1, "the file holds more than one YAML document"),
        ("a: 1\nbc: \x07\n", 2, 5, "the file holds a character that YAML does not allow"),
        ("a: \ud800\n", 1, 4, "the file holds a character that YAML does not allow"),
        ("a: \U0010fffc\n", 1, 4, "the file holds a character that YAML does not allow"),
    ],
    ids=[
        "empty",
        "comment",
        "marker",
        "null",
        "list",
        "scalar",
        "empty-text",
        "documents",
        "control",
        "surrogate",
        "reserved",
    ],
)
def test_what_is_no_mapping_is_refused(text: str, line: int, column: int, message: str) -> None:
    """A file without a mapping, or with two documents, is one problem at its place."""
    with pytest.raises(ConfigError) as caught:
        read_tree(text, "f.yaml")
    problem = caught.value.problems[-1]
    assert (problem.line, problem.column, problem.message) == (line, column, message)


@pytest.mark.usefixtures("parser")
def test_places_count_characters() -> None:
    """Columns count characters, also behind letters beyond ASCII."""
    document, problems = read_tree("ü: [é, ${A}, x]\n", "f.yaml")
    mark = document.locate(("ü", 2))
    assert (mark.line, mark.column) == (1, 14)
    assert problems == ()


def test_earlier_problems_are_kept_with_a_syntax_error() -> None:
    """What was found before the parser gave up is reported too."""
    with pytest.raises(ConfigError) as caught:
        read_tree("a: {b: 1, b: 2}\nc: [\n", "f.yaml")
    assert [problem.line for problem in caught.value.problems] == [1, 3]


def test_no_type_is_guessed() -> None:
    """Everything is text but null: numbers keep their digits, and no word is a truth value."""
    text = "a: 007\nb: no\nc: 1:30\nd: 2024-01-01\ne: null\nf: 1e3\n"
    expected = {"a": "007", "b": "no", "c": "1:30", "d": "2024-01-01", "e": None, "f": "1e3"}
    assert to_data(read_tree(text, "f.yaml")[0].root) == expected
