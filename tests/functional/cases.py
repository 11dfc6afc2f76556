"""Hostile requests as a table: reading `raw_requests.json`, filling in its variables, checking its rules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

TABLE = Path(__file__).parent.parent / "cases" / "raw_requests.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One hostile request and what may happen; the words are those of the table's `rules`."""

    id: str
    request: str
    allow: tuple[str, ...]
    upstream: Mapping[str, Any] = field(default_factory=dict)
    client: Mapping[str, Any] = field(default_factory=dict)
    log: Mapping[str, Any] = field(default_factory=dict)
    reply: str | None = None
    close: bool = False
    fin: bool = False
    max_seconds: float | None = None
    policy: str | None = None
    needs: str | None = None


def load_cases() -> list[Case]:
    """Read the table; what is only for its readers is left out."""
    known = Case.__dataclass_fields__
    rows = json.loads(TABLE.read_text())["cases"]
    return [_case({name: value for name, value in row.items() if name in known}) for row in rows]


def _case(row: dict[str, Any]) -> Case:
    row["allow"] = tuple(row["allow"])
    return Case(**row)


def expand(text: str, values: Mapping[str, str]) -> str:
    """Fill in the variables, then the repetitions and chunks, then the body's length."""
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    text = re.sub(r"\{\{CHUNK:(.*?)\}\}", _chunk, text, flags=re.DOTALL)
    text = re.sub(r"\{\{REPEAT:(.*?):(\d+)\}\}", lambda m: m[1] * int(m[2]), text, flags=re.DOTALL)
    body = text.partition("\r\n\r\n")[2]
    return text.replace("{{LEN}}", str(len(body)))


def _chunk(match: re.Match[str]) -> str:
    return f"{len(match[1]):x}\r\n{match[1]}\r\n"


def resolve(target: str) -> str:
    """Reduce a target to the path that the most lenient server could take it for."""
    path = target.partition("?")[0]
    while (decoded := unquote(path, "latin-1")) != path:
        path = decoded
    segments: list[str] = []
    for segment in path.replace("\\", "/").split("/"):
        bare = segment.partition(";")[0]
        if bare == "..":
            segments = segments[:-1]
        elif bare not in ("", "."):
            segments.append(bare)
    return "/" + "/".join(segments)
