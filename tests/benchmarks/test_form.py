"""Tests of choosing what is measured, with a compiler that only says what it was asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.benchmarks.form import PROJECT, Form, choose_form, find_python
from scripts.benchmarks.tools import ToolMissing

COMPILER = ("sh", "-c", 'if [ "$1" = --tools ]; then echo /own/python; else echo "/tree/${1:-own}"; fi', "sh")
CHOICES = {
    "compiled": (None, False, Form("/own/python", Path("/tree/own"))),
    "pure": (None, True, Form("/own/python", PROJECT)),
    "compiled for one": ("one", False, Form("one", Path("/tree/one"))),
    "pure with one": ("one", True, Form("one", PROJECT)),
}


@pytest.mark.parametrize(("python", "pure", "expected"), CHOICES.values(), ids=CHOICES)
def test_choice(python: str | None, pure: bool, expected: Form) -> None:
    """The compiler's own Python and folder are taken, unless the user wants others."""
    assert choose_form(python, pure=pure, compiler=COMPILER) == expected


def test_sources_with_one_s_own_python_need_no_compiler() -> None:
    """Where nothing is to be compiled, nothing is asked of the compiler."""
    assert choose_form("one", pure=True, compiler=["false"]) == Form("one", PROJECT)


@pytest.mark.parametrize("compiler", ["false", "true"], ids=["fails", "says nothing"])
@pytest.mark.parametrize(
    ("pure", "said"), [(True, "--python FILE"), (False, "--pure")], ids=["pure", "compiled"]
)
def test_what_else_to_do(compiler: str, pure: bool, said: str) -> None:
    """Where the compiler fails, the sentence names the way without it."""
    with pytest.raises(ToolMissing, match=said):
        choose_form(None if pure else "one", pure=pure, compiler=[compiler])


def test_python_of_an_environment(tmp_path: Path) -> None:
    """A path counts from where the user is, becomes absolute, and a link stays one."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("/bin/sh")
    assert find_python("./bin/python", tmp_path) == str(tmp_path / "bin" / "python")
    relative = Path(os.path.relpath(tmp_path))
    assert find_python("bin/python", relative) == str(tmp_path / "bin" / "python")


def test_python_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name is looked up as a shell does."""
    (tmp_path / "python9").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_python("python9", Path("/")) == str(tmp_path / "python9")
