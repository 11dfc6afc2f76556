"""Marks of real files."""

from __future__ import annotations

from pathlib import Path

from tentaculo.config.file_marks import FileMark, first_marks, mark_of


def test_mark_changes_with_the_file(tmp_path: Path) -> None:
    """It is the same until the file is written or swapped for another."""
    file = tmp_path / "file"
    file.write_text("one")
    before = mark_of(file)
    assert mark_of(file) == before
    file.write_text("longer")
    written = mark_of(file)
    (tmp_path / "new").write_text("longer")
    (tmp_path / "new").rename(file)
    assert len({before, written, mark_of(file)}) == 3


def test_missing_file_has_a_mark(tmp_path: Path) -> None:
    """It names the file, and is another one once the file is there."""
    file = tmp_path / "file"
    before = mark_of(file)
    assert before == FileMark(file, 0, 0, 0)
    file.write_text("")
    assert mark_of(file) != before


def test_links_are_followed(tmp_path: Path) -> None:
    """What a link leads to counts, and the path stays that of the link."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("one")
    link.symlink_to(target)
    before = mark_of(link)
    assert before.path == link
    target.write_text("other")
    assert mark_of(link) != before


def test_first_marks() -> None:
    """Of several marks of a file the one from before it was read is kept, in the order of the files."""
    one, other = Path("/one"), Path("/other")
    early, late = FileMark(one, 1, 1, 1), FileMark(one, 1, 2, 1)
    assert first_marks([early, FileMark(other), late]) == (early, FileMark(other))
