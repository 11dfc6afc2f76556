"""Where a decoded text holds secrets: each name, scheme or address of `SecretNames`, and what goes with it.

Finds the places; how far a value goes is `extents`' matter.  Touches no socket.
"""

from __future__ import annotations

import re

from tentaculo.wire import extents
from tentaculo.wire.decoded import Decoded
from tentaculo.wire.secret_names import SecretNames

Span = tuple[int, int]

# These values have several parts, so a header line of that name is masked to its end.
_WHOLE_LINE = ("authorization", "cookie")
_SCHEMES = frozenset({"apikey", "basic", "bearer", "digest", "hawk", "negotiate", "ntlm", "token"})
# What follows the word Bearer where people write about it.
_NO_CREDENTIAL = re.compile(r"(?:tokens?|auth\w*|credentials?|schemes?|realm\b.*)[.,:;]?\Z")
_PLAIN_WORD = re.compile(r"[a-z]{1,12}\Z")
_PROSE = re.compile(r"[A-Z]?[a-z]*[.,:;]?\Z")
_JWT_REST = re.compile(r"[\w.\-]*")
_GAP = re.compile(r"[ \t]*")
_ANY_GAP = re.compile(r"[\s+]*")  # a form writes a space as +
_SLASHES = re.compile(r"/*")
_BRACKET = re.compile(r"[\w.]*[\[({]")
_BAD_PORT = re.compile(r"[^@/?#\s\[\]:]*:(?!\d*(?:[/?#\s\"'<>`,)]|\Z))[^\s\"<>@]{0,128}@")
_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-.")
_MAX_NAME = 128
# What looking at a text may cost: a place that only begins like a name, and one that is one.
_MAX_COST = 3072
_MAX_COST_OF_URL = 768  # logged for every request, and written by anyone
_COST_OF_MATCH = 4


class Occurrences:
    """The spans of one text that have to be masked, in order and apart from each other."""

    __slots__ = ("_is_url", "_names", "_original", "_query", "_seen")

    def __init__(self, seen: Decoded, names: SecretNames, original: str, *, is_url: bool) -> None:
        self._seen = seen
        self._names = names
        self._original = original
        self._is_url = is_url
        query = re.search(r"[?#]", seen.text) if is_url else None
        self._query = query.start() if query else len(seen.text)

    def spans(self) -> list[Span]:
        """Find all of them; after very many, everything else is one."""
        found: list[Span] = []
        start, occurrence = self._names.start.search, self._names.occurrence.match
        left = _MAX_COST_OF_URL if self._is_url else _MAX_COST
        text, position = self._seen.text, 0
        while (begins := start(text, position)) is not None:
            match = occurrence(text, begins.start())
            left -= 1 if match is None else _COST_OF_MATCH
            if left < 0:
                return [*found, (begins.start(), len(text))]
            if match is None:
                position = begins.start() + 1
                continue
            span = self._span(match)
            position = match.end()
            if span is not None and span[1] > span[0]:
                found.append(span)
                position = max(position, span[1])
        return found

    def _span(self, match: re.Match[str]) -> Span | None:
        kind = match.lastgroup
        if kind == "named":
            return self._after_name(match)
        if kind == "authority":
            return self._userinfo(match)
        if kind == "scheme":
            return self._after_scheme(match)
        rest = _JWT_REST.match(self._seen.text, match.end())
        return match.start(), rest.end() if rest else match.end()

    # -- names -----------------------------------------------------------------

    def _after_name(self, match: re.Match[str]) -> Span | None:
        sep = match["sep_after_space"]
        if sep is not None:
            return self._after_separator(match, sep)
        if match["gap"] is not None:
            return self._option(match)
        if match["tail"] is not None or match["ending"] is None:
            return None
        if match["sep"] == ">":
            return self._until(match.end(), match, extents.IN_ELEMENT)
        return self._segment(match)

    def _after_separator(self, match: re.Match[str], sep: str) -> Span | None:
        seen, quoted_name = self._seen, match["tail"] is not None
        if sep == "," and not quoted_name:
            return None
        if sep == ":" and not quoted_name and self._is_prose(match):
            return None
        begin = _skip(_ANY_GAP if quoted_name else _GAP, seen.text, match.end())
        quoted = extents.opening(seen, begin) if quoted_name or not self._is_url else None
        if quoted is not None and quoted_name:
            return quoted.begin, extents.quoted_end(seen, quoted)
        if quoted is not None:
            # More may follow the closing mark, as in a shell's 'a'b.
            end = extents.quoted_end(seen, quoted)
            last = extents.value_end(seen, end, quoted.depth, extents.IN_TEXT)
            return (quoted.begin if last == end else begin), last
        if quoted_name:
            return None if sep == "," else (begin, extents.literal_end(seen, begin, member=True))
        if self._is_url:
            ends = extents.IN_PATH if begin <= self._query else extents.IN_QUERY
            return self._until(begin, match, ends)
        return self._in_text(match, begin, sep)

    def _in_text(self, match: re.Match[str], begin: int, sep: str) -> Span:
        """Take an unquoted value of free text: a header line, a literal or a word."""
        seen = self._seen
        depth = seen.depths[match.end() - 1]
        if sep == ":":
            before = self._before_name(match.start("named"))
            if before is not None or match["ending"] in _WHOLE_LINE:
                return begin, extents.line_end(seen, begin, depth, before or "")
        end = begin
        if seen.text.startswith("<", begin):
            end = extents.value_end(seen, begin, depth, extents.IN_ANGLES)
        elif _BRACKET.match(seen.text, begin):
            end = extents.literal_end(seen, begin, member=False)
        end = extents.value_end(seen, end, depth, extents.IN_TEXT)
        if seen.text[begin:end] in _SCHEMES:
            end = extents.value_end(seen, _skip(_GAP, seen.text, end), depth, extents.IN_TEXT)
        return begin, end

    def _until(self, begin: int, match: re.Match[str], ends: re.Pattern[str]) -> Span:
        return begin, extents.value_end(self._seen, begin, self._seen.depths[match.end() - 1], ends)

    def _segment(self, match: re.Match[str]) -> Span | None:
        """Take the path segment after one that is a name, as in `/token/…`."""
        if match["ending"] in _WHOLE_LINE or match["suffix"]:
            return None
        seen = self._seen
        begin = _skip(_SLASHES, seen.text, match.end())
        span = self._until(begin, match, extents.IN_PATH if self._is_url else extents.IN_TEXT_PATH)
        if span[0] < span[1] and match["ending"] != "token":
            # As it is spelled, for all letters are small ones in what was decoded.
            spelled = self._original[seen.starts[span[0]] : seen.ends[span[1] - 1]]
            return None if _PLAIN_WORD.match(spelled) else span
        return span

    def _option(self, match: re.Match[str]) -> Span | None:
        """Take the word after a command's option, as in `--token …`."""
        start = self._name_start(match.start("named"))
        if not self._seen.text.startswith("--", start):
            return None
        quoted = extents.opening(self._seen, match.end())
        if quoted is not None:
            return quoted.begin, extents.quoted_end(self._seen, quoted)
        return self._until(match.end(), match, extents.IN_QUERY if self._is_url else extents.IN_TEXT)

    def _is_prose(self, match: re.Match[str]) -> bool:
        """Say whether a short name is the last of some words, as in `status code: 503`."""
        before = self._seen.text[max(match.start("named") - 2, 0) : match.start("named")]
        return match["exact"] is not None and before[1:] == " " and before[0].isalpha()

    def _name_start(self, start: int) -> int:
        text, first = self._seen.text, max(start - _MAX_NAME, 0)
        while start > first and text[start - 1] in _NAME_CHARS:
            start -= 1
        return start

    def _before_name(self, start: int) -> str | None:
        """Return the quotation mark before a header's name, "" at the start of a line, else None."""
        text, start = self._seen.text, self._name_start(start)
        before = text[start - 1] if start else "\n"
        if before in "\"'`":
            return before
        if before in "\r\n" or (before == "\\" and text[start] in "rn"):
            return ""
        line = max(text.rfind("\n", max(start - 8, 0), start), 0 if start <= 8 else -1)
        return "" if line >= 0 and not text[line:start].strip(" \t\n<>*") else None

    # -- what needs no name ----------------------------------------------------

    def _after_scheme(self, match: re.Match[str]) -> Span | None:
        seen, begin = self._seen, match.end()
        ends = extents.IN_QUERY if self._is_url else extents.IN_TEXT
        end = extents.value_end(seen, begin, seen.depths[begin - 1], ends)
        value = seen.text[begin:end]
        if _NO_CREDENTIAL.match(value):
            return None
        if match["scheme"].startswith("basic") and end > begin:
            last = seen.ends[end - 1]
            if len(value) < 4 or _PROSE.match(self._original[seen.starts[begin] : last]):
                return None
        return begin, end

    def _userinfo(self, match: re.Match[str]) -> Span | None:
        """Take what stands between `//` and `@`, also where it breaks the grammar of an address."""
        seen, begin = self._seen, match.end()
        depth = seen.depths[begin - 1]
        end = extents.value_end(seen, begin, depth, extents.IN_AUTHORITY)
        at = seen.text.rfind("@", begin, end)
        while at >= 0 and seen.depths[at] > depth:
            at = seen.text.rfind("@", begin, at)
        if at < 0:
            broken = _BAD_PORT.match(seen.text, begin)
            return (begin, broken.end() - 1) if broken else None
        if seen.text[max(match.start() - 1, 0) : match.start()] != ":" and ":" not in seen.text[begin:at]:
            return None
        return begin, at


def _skip(pattern: re.Pattern[str], text: str, begin: int) -> int:
    match = pattern.match(text, begin)
    return match.end() if match else begin
