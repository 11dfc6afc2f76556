"""References to the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tentaculo.config.environment import protect_references, restore_references, substitute
from tentaculo.config.file_marks import FileMark, mark_of
from tentaculo.config.reading import read_tree
from tentaculo.config.tree import Data, Document, to_data

ENVIRON = {"NAME": "value", "EMPTY": "", "ODD": "a: [b] # {c} ${NAME}", "NULL": "null"}


def _document(text: str) -> Document:
    return read_tree(text, "f.yaml")[0]


def _filled(text: str) -> Data:
    filled = substitute(_document(text), ENVIRON)
    assert (filled.findings, filled.files) == ([], ())
    return to_data(filled.document.root)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${NAME}", "value"),
        ("before-${NAME}-after", "before-value-after"),
        ("${NAME}${NAME}", "valuevalue"),
        ("${ABSENT:-default}", "default"),
        ("${ABSENT:-}", None),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", None),
        ("${NULL}", None),
        ("'${NULL}'", "null"),
        ("'${ABSENT:-null}'", "null"),
        ("127.0.0.1:${PORT:-8000}", "127.0.0.1:8000"),
        ("$${NAME}", "${NAME}"),
        ("$${NAME}-${NAME}", "${NAME}-value"),
        ("$NAME", "$NAME"),
        ("${ODD}", ENVIRON["ODD"]),
        ("${ABSENT:-http://x:1/?a=b}", "http://x:1/?a=b"),
    ],
)
def test_reference_is_filled_in(text: str, value: str | None) -> None:
    """References give the variable's text, their default, or themselves when escaped."""
    assert _filled(f"key: {text}\n") == {"key": value}


def test_references_work_inside_flow_collections() -> None:
    """The braces of a reference do not end a scalar in a flow mapping or list."""
    assert _filled("a: {b: ${NAME}, c: [${NAME}, x-${ABSENT:-1}]}\n") == {
        "a": {"b": "value", "c": ["value", "x-1"]}
    }


def test_value_cannot_change_the_structure() -> None:
    """A value that looks like YAML stays text, and references in it are not followed."""
    assert _filled("key: ${ODD}\nlist: ['${ODD}']\n") == {"key": ENVIRON["ODD"], "list": [ENVIRON["ODD"]]}


def test_keys_hold_no_references() -> None:
    """A reference in a key is text."""
    assert _filled("${NAME}: x\n") == {"${NAME}": "x"}


@pytest.mark.parametrize("text", ["${ABSENT}", "x${ABSENT}y"])
def test_missing_variable_is_found_at_its_scalar(text: str) -> None:
    """A variable that is not set is named, and the scalar becomes nothing."""
    filled = substitute(_document(f"a:\n  - {text}\n"), ENVIRON)
    (finding,) = filled.findings
    assert finding.path == ("a", 0)
    assert "ABSENT is not set; set it or ABSENT_FILE, or give a default" in finding.message
    assert to_data(filled.document.root) == {"a": [None]}


@pytest.mark.parametrize("text", ["${1BAD}", "${}", "${NAME", "${NAME-x}", "${ NAME }"])
def test_broken_reference_is_found(text: str) -> None:
    """A reference that is not written as one is a problem, not text."""
    findings = substitute(_document(f"a: '{text}'\n"), ENVIRON).findings
    assert [finding.message for finding in findings] == [
        "a reference is written ${NAME} or ${NAME:-default}, and a literal ${ as $${"
    ]


def test_filled_scalars_are_marked() -> None:
    """A scalar knows whether it holds text of the environment, so that no problem shows it."""
    document = substitute(_document("a: ${NAME}\nb: ${ABSENT:-x}\nc: own\n"), ENVIRON).document
    shown = [document.quote((key,)) for key in "abc"]
    assert shown == ["(a value from the environment)", "(a value from the environment)", '"own"']


def test_shared_nodes_are_filled_once() -> None:
    """An aliased node with a missing variable is one problem, at its first place."""
    findings = substitute(_document("a: &x [${ABSENT}]\nb: *x\n"), ENVIRON).findings
    assert [finding.path for finding in findings] == [("a", 0)]


def test_file_fills_a_reference_in(tmp_path: Path) -> None:
    """The text of a file that the environment names stays text as well, and no problem shows it."""
    file = tmp_path / "odd"
    file.write_text(f"{ENVIRON['ODD']}\n")
    text = "a: ${FROM_FILE}\nb: x-${FROM_FILE:-default}\nc: $${FROM_FILE}\n"
    filled = substitute(_document(text), {"FROM_FILE_FILE": str(file)})
    odd = ENVIRON["ODD"]
    assert to_data(filled.document.root) == {"a": odd, "b": f"x-{odd}", "c": "${FROM_FILE}"}
    assert (filled.findings, filled.files) == ([], (mark_of(file),))
    assert filled.document.quote(("a",)) == "(a value from the environment)"


def test_unusable_file_is_found_at_its_scalars(tmp_path: Path) -> None:
    """Each place that needs it is told, nothing is filled in there, and a default is no way out."""
    file = tmp_path / "missing"
    text = "a: x-${NAME}\nb: [own, '${NAME:-default}']\n"
    filled = substitute(_document(text), {"NAME_FILE": str(file)})
    assert [finding.path for finding in filled.findings] == [("a",), ("b", 1)]
    assert {finding.message for finding in filled.findings} == {
        "the environment variable NAME_FILE names a file that can't be read: No such file or directory"
    }
    assert to_data(filled.document.root) == {"a": None, "b": ["own", ""]}
    assert filled.files == (FileMark(file),)


def test_protecting_keeps_every_place() -> None:
    """Protected text has the same length and comes back unchanged."""
    text = "a: {b: ${NAME:-x}} # $${NAME} ${"
    protected = protect_references(text)
    assert len(protected) == len(text)
    assert protected != text
    assert restore_references(protected) == text
