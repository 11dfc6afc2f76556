"""The items of a baseline: what the script collected of each, and what the index says of it."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.forensics.redaction import Kind, Redactor


class State(enum.StrEnum):
    """What became of an item; `failed` is what should have worked."""

    THERE = "there"
    MISSING = "not there"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Item:
    """One item: the name of its file, what it is, how it is read, and what there is to say of it."""

    name: str
    title: str
    kind: Kind
    state: State
    note: str = ""
    sha256: str | None = None


def read_items(listed: Path) -> list[Item]:
    """Read the script's list: name, kind, state, title and note of an item a line, between tabs."""
    items: dict[str, Item] = {}
    for line in listed.read_text(encoding="utf-8").splitlines():
        name, kind, state, title, note = line.split("\t")
        items[name] = Item(name, title, Kind(kind), State(state), note)
    return list(items.values())


def keep(item: Item, raw: Path, folder: Path, redactor: Redactor) -> Item:
    """Write an item's text redacted, and return the item as it is now.

    What still holds a known secret, or is not what it should be, is not written, and the item failed.
    """
    item = _with(item, note=redactor.value(item.note))
    collected = raw / item.name
    if item.state is State.MISSING or not collected.is_file():
        return item
    try:
        text = redactor.redacted(collected.read_text(encoding="utf-8", errors="replace"), item.kind)
    except ValueError:
        return _with(item, state=State.FAILED, note=f"what came is no {item.kind}")
    if redactor.holds_secret(text):
        return _with(item, state=State.FAILED, note="not written: a secret was still in it")
    return _with(item, sha256=write(folder / item.name, text))


def write(path: Path, text: str) -> str:
    """Write a new file, and return its SHA-256."""
    data = text.encode("utf-8", "replace")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
    return hashlib.sha256(data).hexdigest()


def manifest(items: Iterable[Item]) -> list[dict[str, str | None]]:
    """Return the list of items as JSON data."""
    return [
        {key: None if value is None else str(value) for key, value in asdict(item).items()} for item in items
    ]


def index(items: Iterable[Item], heading: str) -> str:
    """Return the list of items for people, in Markdown."""
    lines = [f"# {heading}", "", "| item | file | state | SHA-256 |", "|---|---|---|---|"]
    for item in items:
        state = f"{item.state}: {item.note}" if item.note else str(item.state)
        file, digest = (f"`{item.name}`", f"`{item.sha256}`") if item.sha256 else ("", "")
        cells = (cell.replace("|", "/") for cell in (item.title, file, state, digest))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join((*lines, ""))


def _with(
    item: Item, *, state: State | None = None, note: str | None = None, sha256: str | None = None
) -> Item:
    return Item(
        item.name,
        item.title,
        item.kind,
        item.state if state is None else state,
        item.note if note is None else note,
        sha256,
    )
