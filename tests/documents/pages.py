"""Reads the pages of docs/: their blocks of code, and the commands that they name."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
# Where a page leaves out what each reader has of their own.
_PLACES = re.compile(r"\b(FILE|HOST|NAME|ROUTE|PRINCIPAL)\b")


def text_of(page: str) -> str:
    """Return the text of a page, by its name without an ending."""
    return (DOCS / f"{page}.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return a page's blocks in a language, those in lists without their margin."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text_of(page), re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{margin}", "", block, flags=re.MULTILINE) for margin, block in found]


def typed(page: str) -> list[str]:
    """Return the command lines of a page's blocks of a console."""
    joined = [block.replace("\\\n", " ") for block in blocks(page, "console")]
    return [line.removeprefix("$ ") for block in joined for line in block.splitlines() if line[:2] == "$ "]


def own_commands(text: str) -> list[list[str]]:
    """Return the arguments of each `tentaculo` command of a text, in a console's block or in one of prose."""
    text = text.replace("\\\n", " ")
    lines = [*re.findall(r"^ *\$ (.*)$", text, re.MULTILINE), *re.findall(r"`([^`\n]+)`", text)]
    found = (re.search(r"(?<![\w/-])(?:\.venv/bin/)?tentaculo +([a-z].*)", line) for line in lines)
    return [_arguments(match[1]) for match in found if match is not None]


def _arguments(line: str) -> list[str]:
    line = re.split(r"[<>|\\]|\)\"|  #| && ", line)[0]
    words = shlex.split(re.sub(r"[\[\]]", "", line))  # what may be left out stands in brackets
    return [_PLACES.sub("name", word) for word in words]
