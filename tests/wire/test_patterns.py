"""What regular expressions of the package may hold, so that every supported Python reads them alike."""

from __future__ import annotations

import re
from pathlib import Path

import tentaculo

POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{\d*,?\d*\}|\{\{\d*,?\d*\}\})\+|\(\?>")
SOURCES = Path(tentaculo.__file__).parent


def test_no_group_is_possessive() -> None:
    """Before Python 3.11.5 a possessive group swallows what it only began to match (cpython issue 106052)."""
    sources = list(SOURCES.rglob("*.py"))
    found = [source.name for source in sources if POSSESSIVE_GROUP.search(source.read_text("utf-8"))]
    assert sources
    assert found == []
