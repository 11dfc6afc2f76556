"""The pages of docs/runbooks: their sections, and the blocks of commands in each.

It reads pages; tests/stack/monitored.py runs what they say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.observability.files import CONFIG

PAGES = CONFIG.parent / "docs" / "runbooks"
SECTIONS = ("Symptom", "Check", "Act", "Verify", "Roll back")
_BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Runbook:
    """A page: its blocks, by the title of their section, in the page's order."""

    name: str
    text: str
    blocks: Mapping[str, tuple[str, ...]]

    @property
    def check(self) -> str:
        """The block that prints something while things are bad, and nothing when they are good."""
        return self.blocks["Check"][0]


def names() -> list[str]:
    """Return the names of all pages but the index."""
    return sorted(page.stem for page in PAGES.glob("*.md") if page.stem != "index")


def runbook(name: str) -> Runbook:
    """Read a page."""
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)\n", text, flags=re.M)
    return Runbook(name, text, dict(zip(parts[1::2], map(blocks, parts[2::2]), strict=True)))


def blocks(text: str) -> tuple[str, ...]:
    """Return the commands of a text's blocks, without the indentation that a list gives them."""
    return tuple(re.sub(f"^{indent}", "", block, flags=re.M) for indent, block in _BLOCK.findall(text))
