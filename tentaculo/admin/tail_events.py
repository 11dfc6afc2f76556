"""Makes events of log lines, whatever is in front of them, and text that a terminal can be given.

Never raises on what a line holds: what is no event is text.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

Event = dict[str, Any]

# What `docker compose logs` and `docker logs -t` put before a line.
_PREFIX = re.compile(
    rb"(?:[\w.-]{1,128} +\| )?(?:(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) )?(?=\{)"
)
_DELETE = "\x7f"


def read_event(line: bytes) -> Event | None:
    """Return the event of a line, None where it holds none; a prefix's time is its own if it has none."""
    if line.startswith(b"{"):
        return _read_object(line)
    prefix = _PREFIX.match(line)
    event = None if prefix is None else _read_object(line[prefix.end() :])
    if prefix is not None and prefix[1] is not None and event is not None:
        event.setdefault("timestamp", prefix[1].decode())
    return event


def _read_object(text: bytes) -> Event | None:
    try:
        event: Event = orjson.loads(text)
    except ValueError:
        return _read_leniently(text)
    return event


def _read_leniently(text: bytes) -> Event | None:
    """Read what is JSON but for invalid UTF-8, halves of characters and NaN."""
    if not text.rstrip().endswith(b"}"):
        return None
    try:
        event: Event = json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return event


def text_of(value: Any) -> str:
    """Return a value as a reader wants it: plain words as they are, other texts in quotes."""
    if isinstance(value, str):
        bare = bool(value) and value.isprintable() and not any(char in " =\"'" for char in value)
        return value if bare else json.dumps(visible(value), ensure_ascii=False)
    try:
        return visible(orjson.dumps(value).decode())
    except TypeError:  # a whole number too large for it, or half a character
        return visible(json.dumps(value, ensure_ascii=False))


def visible(text: str) -> str:
    """Show control characters as pictures, so that none reaches a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _picture(char) for char in text)


def _picture(char: str) -> str:
    if char < " ":
        return chr(0x2400 + ord(char))
    return "\N{SYMBOL FOR DELETE}" if char == _DELETE else "\N{REPLACEMENT CHARACTER}"
