"""How far a secret goes, once its name was seen: the end of a value in a URL, a header, a literal.

In doubt it goes further.  Positions are those of a `Decoded` text; nothing here touches a socket.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from tentaculo.wire.decoded import Decoded

_QUOTE = r"""["'`]"""
# A run of backslashes is taken whole and tried at its first one only, so that long ones cost no more.
_SLASHES = r"\\(?<!\\\\)\\*+"
# A quote ends an unquoted value only where nothing of a value can follow it.
_CLOSES = r"""(?=[\s,;:|&\]})>"'`\\]|\Z)"""
_CLOSING = rf"{_SLASHES}{_QUOTE}{_CLOSES}|{_QUOTE}{_CLOSES}"
IN_QUERY = re.compile(r"[&#]")
IN_PATH = re.compile(r"[&#?/]")
IN_TEXT = re.compile(rf"[&\s]|{_CLOSING}")
IN_TEXT_PATH = re.compile(rf"[&#?/\s]|{_CLOSING}")
IN_AUTHORITY = re.compile(r"""[/?#\s"<>`]""")
IN_ELEMENT = re.compile(r"<")
IN_ANGLES = re.compile(r"[>\n]")
_OUTER = re.compile(r"[&\s]")
# Line ends as they are, and as a repr writes them before the next field.
_LINE = rf"[\r\n]|{_SLASHES}(?:r\\++n|n(?=[\w\-]+:|\\|\Z))"
IN_LINE = re.compile(_LINE)
_IN_QUOTED_LINE = {quote: re.compile(rf"{_LINE}|{_SLASHES}{quote}|{quote}") for quote in "\"'`"}

_OPENING = re.compile(r"""[bruf]{0,2}(?P<slashes>\\*+)(?P<mark>["'`]|&quot;|&\#3[49];)""", re.VERBOSE)
_MARKS = ('"', "'", "`", "&quot;", "&#34;", "&#39;")
_UNTIL_MARK = {mark: re.compile(f"{_SLASHES}{mark}|{mark}") for mark in _MARKS}
_LITERAL = re.compile(rf"[\[({{\])}},\n]|{_SLASHES}{_QUOTE}|{_QUOTE}")
# A value that holds more marks and brackets than this goes to the end of the text.
_MAX_TOKENS = 4096


def value_end(seen: Decoded, begin: int, depth: int, ends: re.Pattern[str]) -> int:
    """Find what ends a value whose separator was percent-encoded `depth` times.

    What was encoded more often than the separator is content, and so is an encoded space.
    """
    depths = seen.depths
    for match in ends.finditer(seen.text, begin):
        at = match.start()
        if depths[at] <= (0 if seen.text[at].isspace() else depth):
            return at
    return len(seen.text)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quoted value opens: its first position, its quotation mark and the backslashes before that."""

    begin: int
    mark: str
    slashes: int
    depth: int


def opening(seen: Decoded, begin: int) -> Quoted | None:
    """Read the quotation mark that a value begins with, as `"`, `b'` or `&quot;`, escaped or not."""
    match = _OPENING.match(seen.text, begin)
    if match is None:
        return None
    return Quoted(match.end(), match["mark"], len(match["slashes"]), seen.depths[match.end() - 1])


def quoted_end(seen: Decoded, quoted: Quoted) -> int:
    """Find the mark that closes a quoted value: one that is not escaped more than the opening one."""
    # What was encoded less often surrounds the quoted value, so it ends that too.
    end = value_end(seen, quoted.begin, quoted.depth - 1, _OUTER) if quoted.depth else len(seen.text)
    marks = _UNTIL_MARK[quoted.mark].finditer(seen.text, quoted.begin, end)
    for match in islice(marks, _MAX_TOKENS):
        slashes = len(match[0]) - len(quoted.mark)
        if slashes <= quoted.slashes and seen.depths[match.end() - 1] <= quoted.depth:
            return match.start()
    return end


def line_end(seen: Decoded, begin: int, depth: int, quote: str) -> int:
    """Find where a header line ends, or the quotation mark that it was opened with."""
    return value_end(seen, begin, depth, _IN_QUOTED_LINE.get(quote, IN_LINE))


def literal_end(seen: Decoded, begin: int, *, member: bool) -> int:
    """Find where a number, list, object or call ends, however nested.

    A `member` of something else goes on to the comma or bracket after it.
    """
    level, opened = 0, ""
    for match in islice(_LITERAL.finditer(seen.text, begin), _MAX_TOKENS):
        token = match[0]
        if opened:
            # One that is escaped more often is content.
            opened = "" if token[-1] == opened[-1] and len(token) <= len(opened) else opened
        elif token[-1] in "\"'`":
            opened = token
        elif token in "[({":
            level += 1
        elif token in "])}":
            level -= 1
            if level < 0 or (level == 0 and not member):
                return match.start() if level < 0 else match.end()
        elif level == 0:
            return match.start()
    return len(seen.text)
