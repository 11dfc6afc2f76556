"""Events of lines, with what is in front of them, and texts that no terminal obeys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tentaculo.admin.tail_events import read_event, text_of, visible

STAMP = "2026-11-22T05:12:03.412345678Z"


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b'{"event":"a"}', {"event": "a"}),
        (b'{"event":"a"} \r', {"event": "a"}),
        (b"{}", {}),
        (f'{STAMP} {{"event":"a"}}'.encode(), {"event": "a", "timestamp": STAMP}),
        (f'{STAMP} {{"event":"a","timestamp":"b"}}'.encode(), {"event": "a", "timestamp": "b"}),
        (b'2026-11-22T05:12:03+01:00 {"a":1}', {"a": 1, "timestamp": "2026-11-22T05:12:03+01:00"}),
        (b'gateway-1  | {"event":"a"}', {"event": "a"}),
        (f'gateway-1  | {STAMP} {{"event":"a"}}'.encode(), {"event": "a", "timestamp": STAMP}),
        (b'{"url":"/\xff"}', {"url": "/�"}),
        (b'{"url":"\\ud800"}', {"url": "\ud800"}),
        (b'{"size":1e999}', {"size": float("inf")}),
    ],
    ids=[
        "line", "spaces", "empty", "docker", "docker with its own time", "offset", "compose",
        "compose with time", "invalid UTF-8", "half a character", "no number",
    ],
)  # fmt: skip
def test_events(line: bytes, event: dict[str, Any]) -> None:
    """A line's event is read whatever `docker` put before it, and though it is not quite JSON."""
    assert read_event(line) == event


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"  ",
        b"Traceback (most recent call last):",
        b"[1, 2]",
        b'"text"',
        b"42",
        b'{"event":"cut',
        b"{not json}",
        b'words {"event":"a"}',
        b'2026-11-22 {"event":"a"}',
        b'2026-11-22T05:12:03Z words {"event":"a"}',
        b"\xff\xfe",
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"a":' + b"9" * 10_000 + b"NaN}",
    ],
    ids=lambda line: line[:20].decode("latin-1"),
)
def test_no_events(line: bytes) -> None:
    """What is no JSON object is no event, and never an error."""
    assert read_event(line) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("word", "word"),
        ("ünïcode→", "ünïcode→"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('a"b', '"a\\"b"'),
        ("a\x1b[2Jb", '"a␛[2Jb"'),
        (5, "5"),
        (0.25, "0.25"),
        (True, "true"),
        (None, "null"),
        (["a", {"b": 1}], '["a",{"b":1}]'),
        (["\x1b\x9b\u202e"], '["\\u001b��"]'),
        (10**30, "1" + "0" * 30),
        (["\ud800"], '["�"]'),
    ],
    ids=repr,
)
def test_values(value: Any, text: str) -> None:
    """A value is short and can be told from its neighbours, and holds nothing that can't be seen."""
    assert text_of(value) == text
    assert text_of(value).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 日本", "plain ünïcode 日本"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("a\nb\r\tc\x00", "a␊b␍␉c␀"),
        ("\x7f\x9b31m", "␡�31m"),
        ("\u202egnp.exe\u200b\u2028", "�gnp.exe��"),
        ("\udcff", "�"),
    ],
    ids=["plain", "title", "lines", "C1", "bidi", "half"],
)
def test_visible(text: str, shown: str) -> None:
    """Control characters, old and new, become pictures."""
    assert visible(text) == shown
    assert shown.isprintable()


def test_every_control_character_is_shown() -> None:
    """None of the first 256 that a terminal could obey gets through."""
    text = "".join(map(chr, range(256)))
    assert visible(text).isprintable()
    assert visible(json.loads(json.dumps(text))).isprintable()
