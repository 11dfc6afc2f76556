"""A text as the most lenient reader would decode it, with the way back to its own characters.

Percent and backslash escapes are undone round after round, letters folded (NFKC, case), ignorable
characters left out.  Linear in time, whatever the text.  It decides nothing and touches no socket.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

MAX_ROUNDS = 5
MAX_ESCAPES = 2048

_ESCAPE = re.compile(
    r"%u([0-9a-f]{4})|((?:%[0-9a-f]{2})+)|(?<!\\)\\++(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(/))", re.IGNORECASE
)
_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e]")
_GONE, _LONGER = "\0", "\1"
_FEW = 8
_MARKED = re.compile(f"{_GONE}+|{_LONGER}")
# Seen in a name: nothing. Line ends that were escaped end no line, so they count as ignorable too.
_BLANK = bytes.maketrans(b"\t\n\r", b"\0\0\0")
# Not of category Cf, yet shown as nothing (Unicode's Default_Ignorable_Code_Point).
_IGNORABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
_NAME_PART = re.compile(r"[\w=:.\-\[\]]+")
# An escaped one of these separates like a plain one; any other escaped mark is content.
_SEPARATORS = "&#/?=:;,"


@dataclass(frozen=True, slots=True)
class Decoded:
    """`text[i]` comes from the original's characters `starts[i]` to `ends[i]`.

    `depths[i]` says how often it was percent-encoded.  Past `limit` the original is too deeply or
    too often escaped to be looked through, and `text` does not tell of it.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    depths: bytes
    limit: int


def is_plain(text: str) -> bool:
    """Say whether decoding would change no more than the case of letters."""
    if not text.isascii() or "%" in text or "\\" in text:
        return False
    return text.isprintable() or _CONTROL.search(text) is None


def decode(text: str) -> Decoded:
    """Decode a text as far as anything might."""
    if is_plain(text):
        return _identity(text.lower())
    builder = _Builder(_identity(text), MAX_ESCAPES)
    for depth in range(1, MAX_ROUNDS + 1):
        if not builder.unescape(depth):
            break
    else:
        builder.cut_at_escape()
    builder.fold()
    return builder.seen


def _identity(text: str) -> Decoded:
    size = len(text)
    return Decoded(text, range(size), range(1, size + 1), bytes(size), size)


class _Builder:
    """Rewrites a decoded text piece by piece; `budget` bounds the pieces, and so the time."""

    __slots__ = ("_budget", "_depths", "_ends", "_pieces", "_starts", "seen")

    def __init__(self, seen: Decoded, budget: int) -> None:
        self.seen = seen
        self._budget = budget
        self._begin()

    def _begin(self) -> None:
        self._pieces: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._depths = bytearray()

    def _finish(self, limit: int) -> None:
        self.seen = Decoded("".join(self._pieces), self._starts, self._ends, bytes(self._depths), limit)
        self._begin()

    def _keep(self, begin: int, end: int) -> None:
        seen = self.seen
        self._pieces.append(seen.text[begin:end])
        self._starts += seen.starts[begin:end]
        self._ends += seen.ends[begin:end]
        self._depths += seen.depths[begin:end]

    def _put(self, text: str, begin: int, end: int, depth: int) -> None:
        """Let every character of `text` stand for the whole of `begin` to `end`."""
        self._pieces.append(text)
        first, last = self.seen.starts[begin], self.seen.ends[end - 1]
        for _ in text:
            self._starts.append(first)
            self._ends.append(last)
            self._depths.append(depth)

    def unescape(self, depth: int) -> bool:
        """Undo one round of escapes; say whether there were any."""
        position, limit, found = 0, self.seen.limit, False
        for match in _ESCAPE.finditer(self.seen.text):
            found = True
            begin = match.start()
            self._keep(position, begin)
            position = match.end()
            if not self._undo(match, depth):
                position, limit = len(self.seen.text), self.seen.starts[begin]
                break
        if found:
            self._keep(position, len(self.seen.text))
            self._finish(limit)
        return found

    def _undo(self, match: re.Match[str], depth: int) -> bool:
        """Undo one run of escapes, if the budget allows."""
        begin, end = match.span()
        run = match[2]
        raw = bytes.fromhex(run.replace("%", "")).translate(_BLANK) if run else b""
        # Bytes that are not UTF-8 become lone surrogates, which folding leaves out.
        chars = raw.decode("utf-8", "surrogateescape")
        self._budget -= 1 if raw.isascii() else len(chars)
        if self._budget < 0:
            return False
        if not run:
            code = match[1] or match[3] or match[4]
            char = chr(int(code, 16)) if code else "/"
            plain = match[1] is None and char in _SEPARATORS
            char = "\0" if char in "\t\n\r" else char
            self._put(char, begin, end, self.seen.depths[begin] if plain else depth)
        elif raw.isascii():
            self._put_ascii(chars, begin, depth)
        else:
            for char in chars:
                size = 3 * len(char.encode("utf-8", "surrogateescape"))
                self._put(char, begin, begin + size, depth)
                begin += size
        return True

    def _put_ascii(self, chars: str, begin: int, depth: int) -> None:
        end = begin + 3 * len(chars)
        self._pieces.append(chars)
        self._starts += self.seen.starts[begin:end:3]
        self._ends += self.seen.ends[begin + 2 : end : 3]
        self._depths += bytes((depth,)) * len(chars)

    def cut_at_escape(self) -> None:
        """End the text where it is escaped more deeply than anyone would decode it."""
        match = _ESCAPE.search(self.seen.text)
        if match is not None:
            self._keep(0, match.start())
            self._finish(self.seen.starts[match.start()])

    def fold(self) -> None:
        """Fold letters to the form in which names are compared, and leave out what no one sees."""
        original = self.seen
        folds = _folds(original.text)
        if len(folds) > MAX_ESCAPES:
            self.seen = _identity("")
            return
        marked = _replaced(original.text, folds).lower()
        self.seen = Decoded(marked, original.starts, original.ends, original.depths, original.limit)
        position, limit = 0, original.limit
        for match in _MARKED.finditer(marked):
            begin, end = match.span()
            self._keep(position, begin)
            position = end
            self._budget -= 1
            if self._budget < 0:
                position, limit = len(marked), original.starts[begin]
                break
            if marked[begin] == _LONGER:
                self._put(fold_character(original.text[begin]), begin, end, original.depths[begin])
        if position:
            self._keep(position, len(marked))
            self._finish(limit)


def _folds(text: str) -> dict[str, str]:
    """Say what becomes of the characters that do not stay: one other, or a mark for none and for several."""
    folds: dict[str, str] = {}
    for char in set(text):
        if (char < " " and char not in "\t\n\r") or char > "~":
            folded = fold_character(char)
            if folded != char:
                folds[char] = folded if len(folded) == 1 else _LONGER if folded else _GONE
    return folds


def _replaced(text: str, folds: dict[str, str]) -> str:
    if len(folds) > _FEW:
        return text.translate({ord(char): folded for char, folded in folds.items()})
    for char, folded in folds.items():
        text = text.replace(char, folded)
    return text


@lru_cache(maxsize=1024)
def fold_character(char: str) -> str:
    """Return the characters that a lenient reader may take this one for; none if it is ignorable."""
    if unicodedata.category(char) in ("Cf", "Cc", "Cs") or _IGNORABLE.match(char):
        return ""
    folded = unicodedata.normalize("NFKC", char).casefold().replace("\u0307", "")
    # A look-alike of a mark that ends values ends none: only what names are made of is folded.
    return folded if _NAME_PART.fullmatch(folded) else char
