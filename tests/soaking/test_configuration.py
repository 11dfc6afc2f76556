"""Tests of the file that a soak runs on: good in every state, another one after every edit."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from scripts.soaking.configuration import Plan, configuration, edit_file
from tentaculo.config.loader import load, load_text
from tentaculo.config.outline import changes, outline_of

PLAN = Plan(8000, 9100, 9000, "token-of-the-soak", "admin-token-of-the-soak")


def test_every_edit_is_good_and_changes_something() -> None:
    """Whatever its number, an edit loads, and differs from the one before in `edited` and `added` alone."""
    texts = [configuration(PLAN, edit) for edit in range(15)]
    outlines = [outline_of(load_text(text, source=Path("tentaculo.yaml"), environ={})) for text in texts]
    for before, after in pairwise(outlines):
        found = changes(before, after)
        routes = {*found.routes.added, *found.routes.removed, *found.routes.changed}
        assert routes
        assert routes <= {"edited", "added"}
        assert not found.principals


def test_edits_of_a_file(tmp_path: Path) -> None:
    """The file is whole after each edit, swapped or written in place."""
    file = tmp_path / "tentaculo.yaml"
    for edit in range(4):
        edit_file(file, PLAN, edit)
        assert file.read_text() == configuration(PLAN, edit)
        assert load(file).routes


def test_tokens_stay_out_of_sight() -> None:
    """A plan in a traceback shows no token."""
    assert "of-the-soak" not in repr(PLAN)
