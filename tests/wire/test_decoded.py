"""Decoding as the most lenient reader would, and finding back."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.wire.decoded import MAX_ESCAPES, MAX_ROUNDS, decode, fold_character, is_plain

DECODED = {
    "plain": ("/Path?A=b", "/path?a=b"),
    "percent": ("%41%62c", "abc"),
    "twice": ("%2541", "a"),
    "escape of an escape": ("%25%34%31", "a"),
    "UTF-8": ("%C3%96", "\xf6"),
    "not UTF-8": ("a%FFb", "ab"),
    "percent-u": ("%u0041", "a"),
    "JSON": (r"\u0041\/", "a/"),
    "JSON in JSON": (r"\\u0041", "a"),
    "repr": (r"\x41\xff", "a\xff"),
    "other escapes": (r"\t\"\d", r"\t\"\d"),
    "broken": ("%4%zz%", "%4%zz%"),
    "escaped line ends": (r"a%0d%0ab\u000ac\x09d", "abcd"),
    "line ends": ("a\r\n\tb", "a\r\n\tb"),
    "ignorable": ("a\0\u200b\xad\ufe0f\ud800b", "ab"),
    "folded": ("\uff34\u212a\u0130\ufb01", "tkifi"),
    "look-alikes of marks": ("\uff06\uff03\uff1d\uff1a", "\uff06\uff03=:"),
    "letters": ("\xe4\u65e5", "\xe4\u65e5"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "expected"), DECODED.values(), ids=DECODED)
def test_decoded_text(text: str, expected: str) -> None:
    """Escapes of each kind are undone, letters folded and ignorable characters left out."""
    assert decode(text).text == expected


def test_positions_lead_back() -> None:
    """Each character knows where it came from and how often it was percent-encoded."""
    seen = decode("a%2541\u200b%C3%96\\u0026\ufb01\\x41")
    parts = "a%2541\u200b%C3%96\\u0026\ufb01\\x41"
    assert seen.text == "aa\xf6&fia"
    assert [parts[a:b] for a, b in zip(seen.starts, seen.ends, strict=True)] == [
        *("a", "%2541", "%C3%96", "\\u0026", "\ufb01", "\ufb01", "\\x41")
    ]
    assert list(seen.depths) == [0, 2, 1, 0, 0, 0, 1]


def test_depth_is_limited() -> None:
    """What is encoded more often than anyone decodes it ends the text."""
    deepest = "%" + "25" * (MAX_ROUNDS - 1) + "41"
    assert decode(f"x={deepest}&y").text == "x=a&y"
    seen = decode(f"x={deepest.replace('%', '%25')}&y")
    assert (seen.text, seen.limit) == ("x=", 2)


@pytest.mark.parametrize("unit", ["%41b", "%C3%96", "%FF", "\ufb01", "a\u200b", r"\x41b"])
def test_number_of_escapes_is_limited(unit: str) -> None:
    """What is escaped more often than a request line can hold ends the text at some escape."""
    text = "x=" + unit * (MAX_ESCAPES + 1)
    seen = decode(text)
    assert 2 <= seen.limit < len(text)
    assert decode("x=" + unit * (MAX_ESCAPES - 1)).limit == 2 + len(unit) * (MAX_ESCAPES - 1)


def test_number_of_letters_is_limited() -> None:
    """A text with more letters to fold than anyone writes is not looked at."""
    text = "".join(char for char in map(chr, range(0x300, 0x20000)) if fold_character(char) not in ("", char))
    assert len(text) > MAX_ESCAPES
    assert decode(text).limit == 0
    assert decode(text[:MAX_ESCAPES]).limit == MAX_ESCAPES


def test_folding_keeps_positions() -> None:
    """Lower-casing what was folded never changes a length, or positions would be off."""
    for code in range(sys.maxunicode + 1):
        folded = fold_character(chr(code))
        assert len(folded.lower()) == len(folded)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text(text: str) -> None:
    """Whatever the text, positions are in order and within it, and plain means lower-cased."""
    seen = decode(text)
    assert len(seen.text) == len(seen.starts) == len(seen.ends) == len(seen.depths)
    assert list(seen.starts) == sorted(seen.starts)
    assert all(0 <= a < b <= len(text) for a, b in zip(seen.starts, seen.ends, strict=True))
    if is_plain(text):
        assert seen.text == text.lower()
