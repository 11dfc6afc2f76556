"""Puts pieces of text into lines: painted, in columns, shortened and folded where a terminal ends.

Knows styles by name and widths in cells, nothing of what the pieces say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.color import ColorSystem
from rich.style import Style

WIDE = 100
_LEAST_TARGET = 16
_LEAST_COLUMN = 24
_MOST_COLUMN = 40
_COLUMN_LEAVES = 70
_UNBROKEN = 24
_LONGEST = 600
_NARROWEST = 40

_STYLES = {
    "": "none",
    "dim": "dim",
    "good": "green",
    "moved": "cyan",
    "refused": "yellow",
    "failed": "bold red",
    "slow": "yellow",
    "event": "bold",
    "route": "cyan",
    "principal": "magenta",
}

Piece = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How lines look; `width` is a terminal's, None has no end, and `full` shows all there is."""

    width: int | None = None
    colors: bool = False
    utc: bool = False
    full: bool = False

    @property
    def is_wide(self) -> bool:
        """Whether there is room for what is only nice to have."""
        return self.width is None or self.width >= WIDE


class Layout:
    """Makes lines of pieces, which are texts with the names of their styles."""

    def __init__(self, look: Look) -> None:
        self._width = None if look.width is None else max(look.width, _NARROWEST)
        self._full = look.full
        self._gap = "  " if look.is_wide else " "
        room = WIDE if self._width is None else self._width
        self._column = min(_MOST_COLUMN, max(_LEAST_COLUMN, room - _COLUMN_LEAVES))
        self._codes = {name: _codes(style, colors=look.colors) for name, style in _STYLES.items()}

    def line(self, start: list[Piece], target: str, details: list[Piece]) -> str:
        """Return a line with its end: `start` in the first columns, the target in one of its own, the rest.

        On a terminal the gaps give way first, then the middle of the target; else the rest is folded.
        """
        indent = _size(start) + 1
        least = indent + _cells(target) + _size(details)
        gap = self._gap if self._has_room(least + len(self._gap) * len(details)) else " "
        needed = indent + _size(details) + len(gap) * (len(details) - (not target))
        if target:
            details = [(self._fitted(target, indent, needed), ""), *details]
            needed += _cells(details[0][0])
        if self._has_room(needed):
            return self.painted([*start, (" ", ""), *_joined(details, gap)])
        return self._folded([*start, (" ", "")], indent, details)

    def painted(self, pieces: Iterable[Piece]) -> str:
        """Return a line of pieces as they are."""
        codes = self._codes
        shown = "".join(
            f"{codes[style][0]}{text}{codes[style][1]}" if style else text for text, style in pieces
        )
        return shown.rstrip(" ") + "\n"

    def capped(self, text: str) -> str:
        """Cut a text that would fill a terminal."""
        if self._width is None or self._full or len(text) <= _LONGEST:
            return text
        return text[:_LONGEST] + "…"

    def _has_room(self, size: int) -> bool:
        return self._width is None or size <= self._width

    def _fitted(self, target: str, indent: int, needed: int) -> str:
        """Return the target as wide as its column, or as there is room for beside the details."""
        size = _cells(target)
        if self._width is None:
            return target + " " * (self._column - size)
        room = self._width - needed
        if room < min(size, _LEAST_TARGET):  # then they are folded
            room = self._width - indent
        if size <= room or self._full:
            return target + " " * (min(self._column, room) - size)
        return _shortened(target, room)

    def _folded(self, start: list[Piece], indent: int, details: list[Piece]) -> str:
        """Break between short pieces and words, and within those that have no room on a line of their own."""
        assert self._width is not None
        lines, used = [start], indent
        for word, style in _words(details):
            size = _cells(word)
            if used > indent and used + 1 + size > self._width:
                lines.append([(" " * indent, "")])
                used = indent
            elif used > indent:
                lines[-1].append((" ", ""))
                used += 1
            first, *others = chop_cells(word, self._width - indent)
            lines[-1].append((first, style))
            lines += [[(" " * indent, ""), (part, style)] for part in others]
            used = indent + _cells(others[-1]) if others else used + size
        return "".join(map(self.painted, lines))


def _joined(details: list[Piece], gap: str) -> Iterator[Piece]:
    for number, piece in enumerate(details):
        if number:
            yield gap, ""
        yield piece


def _words(details: list[Piece]) -> Iterator[Piece]:
    for text, style in details:
        for word in text.split() if len(text) > _UNBROKEN else (text,):
            yield word, style


def _codes(style: str, *, colors: bool) -> tuple[str, str]:
    """Return what is written before and after a text of this style."""
    system = ColorSystem.STANDARD if colors else None
    before, _, after = Style.parse(style).render("|", color_system=system).partition("|")
    return before, after


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _size(pieces: Iterable[Piece]) -> int:
    return sum(_cells(text) for text, _ in pieces)


def _shortened(text: str, room: int) -> str:
    """Leave out the middle; a third of what is left is the end."""
    if _cells(text) <= room:
        return text
    if not text.isascii():
        return chop_cells(text, room - 1)[0] + "…"
    end = (room - 1) // 3
    return f"{text[: room - 1 - end]}…{text[-end:]}"
