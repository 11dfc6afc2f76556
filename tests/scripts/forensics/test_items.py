"""What is kept of an item, what of it is not written, and what the index says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from scripts.forensics.items import Item, State, index, keep, manifest, read_items, write
from scripts.forensics.redaction import Kind, Redactor

SECRET = "planted-secret"


class _Blind(Redactor):
    """Finds secrets, and takes none out."""

    def redacted(self, text: str, kind: Kind) -> str:
        """Return it as it is."""
        return text


def _item(name: str = "logs/a.log", state: State = State.THERE, note: str = "") -> Item:
    return Item(name, "Log | tail", Kind.LOG, state, note)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """What was collected."""
    (tmp_path / "raw" / "logs").mkdir(parents=True)
    (tmp_path / "raw" / "logs" / "a.log").write_bytes(b"one\n" + SECRET.encode() + b"\xff\n")
    return tmp_path / "raw"


def test_list_of_the_script(tmp_path: Path) -> None:
    """A line is an item; a later one of its name stands for it."""
    listed = tmp_path / "items.tsv"
    listed.write_text(
        "a\ttext\tthere\tFirst\t\nb\tjson\tnot there\tSecond\tgone\na\tlog\tfailed\tAgain\twhy\n"
    )
    assert read_items(listed) == [
        Item("a", "Again", Kind.LOG, State.FAILED, "why"),
        Item("b", "Second", Kind.JSON, State.MISSING, "gone"),
    ]


def test_kept(raw: Path, tmp_path: Path) -> None:
    """It is written redacted, with the digest of what was written; its note is redacted too."""
    kept = keep(_item(note=f"by {SECRET}"), raw, tmp_path / "out", Redactor([SECRET]))
    data = (tmp_path / "out" / "logs" / "a.log").read_bytes()
    assert data == "one\n***\ufffd\n".encode()
    assert (kept.state, kept.note, kept.sha256) == (State.THERE, "by ***", hashlib.sha256(data).hexdigest())


def test_secret_that_is_left(raw: Path, tmp_path: Path) -> None:
    """Such a file is not written, and the item failed."""
    kept = keep(_item(), raw, tmp_path / "out", _Blind([SECRET]))
    assert (kept.state, kept.sha256, "secret was still" in kept.note) == (State.FAILED, None, True)
    assert not (tmp_path / "out").exists()


def test_not_of_its_kind(raw: Path, tmp_path: Path) -> None:
    """What should be JSON and is not is a failure, and is not written."""
    item = Item("logs/a.log", "A", Kind.JSON, State.THERE)
    kept = keep(item, raw, tmp_path / "out", Redactor([]))
    assert (kept.state, kept.note) == (State.FAILED, "what came is no json")
    assert not (tmp_path / "out").exists()


def test_nothing_to_write(raw: Path, tmp_path: Path) -> None:
    """An item that is not there, or is a sentence alone, has no file; a failed one keeps what came."""
    redactor = Redactor([])
    for item in (_item(state=State.MISSING, note="gone"), _item("stack", note="running")):
        assert keep(item, raw, tmp_path / "out", redactor) == item
    assert keep(_item(state=State.FAILED), raw, tmp_path / "out", redactor).sha256


def test_never_over_another(tmp_path: Path) -> None:
    """A file that is there stays."""
    write(tmp_path / "a", "one")
    with pytest.raises(FileExistsError):
        write(tmp_path / "a", "two")


def test_index() -> None:
    """Each item has a line with its state, why, and its digest; a bar in a note does no harm."""
    items = [
        Item("a.txt", "A", Kind.TEXT, State.THERE, sha256="12ab"),
        _item(state=State.FAILED, note="x | y"),
    ]
    lines = index(items, "Baseline").splitlines()
    assert lines[0] == "# Baseline"
    assert lines[-2:] == ["| A | `a.txt` | there | `12ab` |", "| Log / tail |  | failed: x / y |  |"]
    assert manifest(items)[0] == {
        "name": "a.txt",
        "title": "A",
        "kind": "text",
        "state": "there",
        "note": "",
        "sha256": "12ab",
    }
