"""Where values end."""

from __future__ import annotations

import re

import pytest

from tentaculo.wire import extents
from tentaculo.wire.decoded import decode

PLAIN = {
    "query": (extents.IN_QUERY, 0, "a=b;c/d?&x", "a=b;c/d?"),
    "query, encoded mark": (extents.IN_QUERY, 0, "a%26b&x", "a&b"),
    "query, nested": (extents.IN_QUERY, 1, "a%26b&x", "a"),
    "path": (extents.IN_PATH, 0, "a;b/c", "a;b"),
    "text": (extents.IN_TEXT, 0, "a,b c", "a,b"),
    "text, encoded space": (extents.IN_TEXT, 1, "a%20b c", "a b"),
    "text, closing quote": (extents.IN_TEXT, 0, "a'b', c", "a'b"),
    "text, escaped quote": (extents.IN_TEXT, 0, r"a\"b\" c", r"a\"b"),
    "to the end": (extents.IN_TEXT, 0, "abc", "abc"),
}
QUOTED = {
    "double": ('"a b", c', "a b"),
    "single": ("'a\"b' c", 'a"b'),
    "backtick": ("`a b` c", "a b"),
    "bytes": ("b'a b' c", "a b"),
    "escaped mark": (r'"a\"b" c', r"a\"b"),
    "escaped": (r"\"a\\\"b\" c", r"a\\\"b"),
    "entity": ("&quot;a b&quot; c", "a b"),
    "encoded": ("%22a b%22 c", "a"),
    "encoded within": ('"a%22b" c', 'a"b'),
    "encoded, cut by the outer": ("%22a&b", "a"),
    "open": ('"a b', "a b"),
}
LITERALS = {
    "number": ("12, b", False, "12"),
    "member": ("[1, (2)] + 3, b", True, "[1, (2)] + 3"),
    "alone": ("[1, (2)] + 3, b", False, "[1, (2)]"),
    "closed by the outer": ("12}, b", True, "12"),
    "quotes": ("['a]', \"b')\"], c", False, "['a]', \"b')\"]"),
    "escaped quote": (r"['a\']', 1], c", False, r"['a\']', 1]"),
    "line": ("12\n3", True, "12"),
    "open": ("[1, 2", False, "[1, 2"),
}
LINES = {
    "line end": ("a b\r\nc", "", "a b"),
    "written line end": (r"a b\r\nc", "", "a b"),
    "written line end before a field": (r"a\nb\nhost: c", "", r"a\nb"),
    "quote": ('a b" c', '"', "a b"),
    "other quote": ("a b' c", '"', "a b' c"),
}


@pytest.mark.parametrize(("ends", "depth", "text", "value"), PLAIN.values(), ids=PLAIN)
def test_value_end(ends: re.Pattern[str], depth: int, text: str, value: str) -> None:
    """A value ends at what is encoded no more often than its separator."""
    seen = decode(text)
    assert seen.text[: extents.value_end(seen, 0, depth, ends)] == value


@pytest.mark.parametrize(("text", "value"), QUOTED.values(), ids=QUOTED)
def test_quoted_end(text: str, value: str) -> None:
    """A quoted value ends at the same mark, escaped no more than the opening one."""
    seen = decode(text)
    quoted = extents.opening(seen, 0)
    assert quoted is not None
    assert seen.text[quoted.begin : extents.quoted_end(seen, quoted)] == value


def test_no_opening() -> None:
    """A value without a quotation mark is not quoted."""
    assert extents.opening(decode("abc"), 0) is None


@pytest.mark.parametrize(("text", "member", "value"), LITERALS.values(), ids=LITERALS)
def test_literal_end(text: str, member: bool, value: str) -> None:
    """A literal ends with its last bracket, or as a member at the comma after it."""
    seen = decode(text)
    assert seen.text[: extents.literal_end(seen, 0, member=member)] == value


@pytest.mark.parametrize(("text", "quote", "value"), LINES.values(), ids=LINES)
def test_line_end(text: str, quote: str, value: str) -> None:
    """A header line ends with the line, or at the quotation mark that it began after."""
    seen = decode(text)
    assert seen.text[: extents.line_end(seen, 0, 0, quote)] == value


@pytest.mark.parametrize("text", ["[" * 10_000, '"' * 10_000 + ",x"])
def test_literal_of_many_tokens(text: str) -> None:
    """A literal of more marks than are looked at goes to the end of the text."""
    assert extents.literal_end(decode(text), 0, member=True) == len(text)
