"""Open streams as a table for people: a line each, fitted to a terminal, whole and plain without one.

Trusts no value: what a terminal would obey is shown as a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.color import ColorSystem
from rich.style import Style

from tentaculo.admin.stream_calls import Row
from tentaculo.admin.tail_events import text_of, visible
from tentaculo.admin.tail_lines import SHORT_ID, duration_text

WIDE = 100
_LEAST = len("PRINCIPAL")
_MOST = 1024**5
_UNITS = ("KiB", "MiB", "GiB", "TiB")
_HEADINGS = ("ID", "AGE", "EVENTS", "BYTES", "ROUTE", "PRINCIPAL", "CLIENT", "STATE", "OPENED BY")
_NUMBERS = range(1, 4)
_NAMES = range(4, 7)  # what gives way where there is no room


def stream_table(rows: Iterable[Row], *, width: int | None = None, colors: bool = False) -> str:
    """Return the lines of a table, the headings first; `width` is a terminal's, None has no end."""
    is_wide = width is None or width >= WIDE
    count = len(_HEADINGS) if is_wide else len(_HEADINGS) - 1
    table = [_HEADINGS, *(_cells(row, whole=width is None) for row in rows)]
    widths = [max(map(cell_len, column)) for column in list(zip(*table, strict=True))[:count]]
    gap = "  " if is_wide else " "
    if width is not None:
        _fit(widths, width - len(gap) * (count - 1))
    lines = [gap.join(map(_padded, range(count), cells, widths)).rstrip() + "\n" for cells in table]
    if colors:
        lines[0] = Style(bold=True).render(lines[0].rstrip(), color_system=ColorSystem.STANDARD) + "\n"
    return "".join(lines)


def _fit(widths: list[int], room: int) -> None:
    """Narrow the columns of names, the widest first, until all of them have room."""
    while sum(widths) > room:
        widest = max(_NAMES, key=widths.__getitem__)
        if widths[widest] <= _LEAST:
            return
        widths[widest] -= 1


def _padded(column: int, text: str, width: int) -> str:
    size = cell_len(text)
    if size > width:
        return _shortened(text, width)
    space = " " * (width - size)
    return space + text if column in _NUMBERS else text + space


def _shortened(text: str, width: int) -> str:
    """Leave out the middle; a third of what is left is the end."""
    if not text.isascii():
        return set_cell_size(text, width - 1) + "…"
    end = (width - 1) // 3
    return f"{text[: width - 1 - end]}…{text[-end:]}"


def _cells(row: Row, *, whole: bool) -> tuple[str, ...]:
    request_id = _word(row, "id")
    state = [word for key, word in (("shared", "shared"), ("lagging", "lags")) if row.get(key) is True]
    return (
        request_id if whole else request_id[:SHORT_ID],
        _number(row, "age", _age_text),
        _word(row, "events"),
        _number(row, "bytes", size_text),
        *(_word(row, key) for key in ("route", "principal", "client")),
        " ".join(state),
        _word(row, "opened_by"),
    )


def _word(row: Row, key: str) -> str:
    value = row.get(key)
    if value is None:
        return "-"
    return visible(value) if isinstance(value, str) else text_of(value)


def _number(row: Row, key: str, text: Callable[[float], str]) -> str:
    value: Any = row.get(key)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return text(value) if is_number and 0 <= value < _MOST else _word(row, key)


def _age_text(seconds: float) -> str:
    return duration_text(seconds * 1000)


def size_text(size: float) -> str:
    """Return a size in bytes in at most seven characters."""
    if size < 1024:
        return f"{size:.0f}"
    for unit in _UNITS:
        size /= 1024
        if size < 1000 or unit == _UNITS[-1]:
            break
    return f"{size:.0f}{unit}" if size >= 99.95 else f"{size:.1f}{unit}"
