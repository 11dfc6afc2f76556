"""VARS.env: what was found and under which names, for other scripts to source.

Each value is quoted, so that sourcing the file runs nothing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from scripts.forensics.redaction import Redactor

_NAME = re.compile(r"[A-Z][A-Z0-9_]*\Z")


def read_variables(found: Path) -> dict[str, str]:
    """Read the script's list, NAME=value between NUL bytes.  Raises ValueError at what is no name."""
    text = found.read_text(encoding="utf-8", errors="replace")
    pairs = [entry.partition("=") for entry in text.split("\0") if entry]
    if wrong := [name for name, _, _ in pairs if not _NAME.match(name)]:
        raise ValueError(f"{wrong[0]!r} is no name of a variable")
    return {name: value for name, _, value in pairs}


def shell_lines(variables: Mapping[str, str], redactor: Redactor) -> str:
    """Return the file's text."""
    lines = (f"{name}={shlex.quote(redactor.value(value))}\n" for name, value in variables.items())
    return "".join(("# What the baseline found. Safe to source; no secret is in here.\n", *lines))
