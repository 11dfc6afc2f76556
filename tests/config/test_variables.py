"""Variables of the environment, and those whose text is in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tentaculo.config.file_marks import FileMark, mark_of
from tentaculo.config.tokens import LARGEST_FILE
from tentaculo.config.variables import Variables

SECRET = "Hunter2-9f8e7d6c5b4a"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a secret."""
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return path


@pytest.mark.parametrize(
    ("environ", "with_default", "without"),
    [
        ({}, None, None),
        ({"NAME": "own"}, "own", "own"),
        ({"NAME": ""}, None, ""),
        ({"NAME": "own", "NAME_FILE": ""}, "own", "own"),
        ({"NAME_FILE": ""}, None, None),
    ],
    ids=["absent", "set", "empty", "with-an-empty-file", "empty-file-alone"],
)
def test_environment_is_asked(environ: dict[str, str], with_default: str | None, without: str | None) -> None:
    """An empty name of a file is none, and an empty text is one unless there is a default."""
    variables = Variables(environ)
    assert variables.text_of("NAME", empty_is_unset=True) == with_default
    assert variables.text_of("NAME", empty_is_unset=False) == without
    assert variables.files == ()


@pytest.mark.parametrize("empty_is_unset", [True, False], ids=["default", "none"])
def test_file_stands_in_for_a_variable(file: Path, empty_is_unset: bool) -> None:
    """Its text counts, without the newline at its end."""
    variables = Variables({"NAME_FILE": str(file)})
    assert variables.text_of("NAME", empty_is_unset=empty_is_unset) == SECRET
    assert variables.files == (mark_of(file),)


def test_empty_variable_gives_way_where_there_is_a_default(file: Path) -> None:
    """There it counts as unset; elsewhere it is a text like any other."""
    variables = Variables({"NAME": "", "NAME_FILE": str(file)})
    assert variables.text_of("NAME", empty_is_unset=True) == SECRET
    with pytest.raises(ValueError, match="both set"):
        variables.text_of("NAME", empty_is_unset=False)


def test_variable_and_its_file_are_not_chosen_from(file: Path) -> None:
    """Who sets both is told so, and the file is not read."""
    variables = Variables({"NAME": SECRET, "NAME_FILE": str(file)})
    with pytest.raises(
        ValueError, match="the environment variables NAME and NAME_FILE are both set"
    ) as caught:
        variables.text_of("NAME", empty_is_unset=True)
    assert SECRET not in str(caught.value)
    assert variables.files == ()


def test_relative_name_starts_in_the_working_directory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does for every other program that takes a file from the environment."""
    monkeypatch.chdir(file.parent)
    variables = Variables({"NAME_FILE": file.name})
    assert variables.text_of("NAME", empty_is_unset=False) == SECRET
    assert [mark.path for mark in variables.files] == [file]


UNUSABLE = {
    "missing": (None, "names a file that can't be read: No such file or directory"),
    "binary": (b"\xff" + SECRET.encode(), "names a file that is not UTF-8 text"),
    "large": (SECRET.encode() * LARGEST_FILE, "names a file that is too large to hold a token"),
    "empty": (b"", "names a file that is empty"),
    "newline": (b"\r\n", "names a file that is empty"),
}


@pytest.mark.parametrize("empty_is_unset", [True, False], ids=["default", "none"])
@pytest.mark.parametrize(("content", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_file_is_refused(file: Path, content: bytes | None, said: str, empty_is_unset: bool) -> None:
    """Its variable is named and no default taken; the file is known, for it may be mended."""
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    variables = Variables({"NAME_FILE": str(file)})
    with pytest.raises(ValueError, match="NAME_FILE") as caught:
        variables.text_of("NAME", empty_is_unset=empty_is_unset)
    assert str(caught.value) == f"the environment variable NAME_FILE {said}"
    assert variables.files == (mark_of(file),)


def test_folder_is_no_file(tmp_path: Path) -> None:
    """Nor is anything else that can't be read."""
    with pytest.raises(ValueError, match="NAME_FILE names a file that can't be read: Is a directory"):
        Variables({"NAME_FILE": str(tmp_path)}).text_of("NAME", empty_is_unset=False)


def test_file_is_read_once(file: Path) -> None:
    """Every reference gets the same text, whoever writes meanwhile, and the mark is that of before."""
    variables = Variables({"ONE_FILE": str(file), "TWO_FILE": str(file)})
    before = mark_of(file)
    texts = [variables.text_of("ONE", empty_is_unset=False)]
    file.write_text("another secret")
    texts += [variables.text_of(name, empty_is_unset=False) for name in ("ONE", "TWO")]
    assert texts == [SECRET] * 3
    assert variables.files == (before,)


def test_first_mark_of_a_file_that_comes_late_is_kept(file: Path) -> None:
    """That it was missing at first is not forgotten, or its coming would be missed."""
    text = file.read_text()
    file.unlink()
    variables = Variables({"NAME_FILE": str(file)})
    with pytest.raises(ValueError, match="No such file"):
        variables.text_of("NAME", empty_is_unset=False)
    file.write_text(text)
    assert variables.text_of("NAME", empty_is_unset=False) == SECRET
    assert variables.files == (FileMark(file),)


def test_nothing_shows(file: Path) -> None:
    """Printing them tells no text, whether of a file or not."""
    variables = Variables({"NAME_FILE": str(file), "OTHER": SECRET})
    assert variables.text_of("NAME", empty_is_unset=False) == SECRET
    assert SECRET not in repr(variables)
