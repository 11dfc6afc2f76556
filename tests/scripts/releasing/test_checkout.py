"""What a release is made of: the files that git keeps or would keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.releasing.checkout import copy_checkout, tags_of
from scripts.releasing.contents import files_under
from scripts.releasing.outcomes import CheckFailed
from tests.scripts.releasing.commits import commit, git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a file of every kind."""
    folder = tmp_path / "checkout"
    (folder / "deep").mkdir(parents=True)
    for name in ("kept", "deep/kept", "deleted"):
        (folder / name).write_text(name)
    (folder / ".gitignore").write_text("ignored\n")
    commit(folder)
    (folder / "deleted").unlink()
    (folder / "kept").write_text("changed")
    (folder / "new").touch()
    (folder / "deep" / "ignored").touch()
    return folder


def test_copy(checkout: Path, tmp_path: Path) -> None:
    """Files are copied as they are now, those that git does not know yet too, ignored ones not."""
    copy_checkout(checkout, tmp_path / "copy")
    names = {".gitignore", "deep/kept", "kept", "new"}
    assert files_under(tmp_path, "copy") == {f"copy/{name}" for name in names}
    assert (tmp_path / "copy" / "kept").read_text() == "changed"


def test_tags(checkout: Path) -> None:
    """Those of the commit that is checked out are told."""
    git(checkout, "tag", "v1")
    git(checkout, "commit", "--quiet", "--all", "--message", "second")
    assert tags_of(checkout) == []
    git(checkout, "tag", "v2")
    git(checkout, "tag", "two")
    assert tags_of(checkout) == ["two", "v2"]


def test_no_checkout(tmp_path: Path) -> None:
    """Where there is no git, there is no release."""
    with pytest.raises(CheckFailed, match=r"^a release is made of a git checkout: "):
        tags_of(tmp_path)
