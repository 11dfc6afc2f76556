"""Open streams as a table for people: short on a terminal, whole and plain where it has no width.

Trusts no value: what a terminal would obey is shown as a picture.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tentaculo.admin.stream_calls import Row
from tentaculo.admin.tail_events import text_of, visible
from tentaculo.admin.tail_lines import SHORT_ID, duration_text

WIDE = 100
_ENDLESS = 100_000
_MOST = 1024**5
_UNITS = ("KiB", "MiB", "GiB", "TiB")
_NUMBERS = ("AGE", "EVENTS", "BYTES")
_HEADINGS = ("ID", *_NUMBERS, "ROUTE", "PRINCIPAL", "CLIENT", "STATE")


def stream_table(rows: Iterable[Row], *, width: int | None = None, colors: bool = False) -> str:
    """Return the lines of a table, a heading first; `width` is a terminal's, None has no end."""
    is_wide = width is None or width >= WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2 if is_wide else 1, 0, 0), header_style="bold")
    for name in (*_HEADINGS, *(("OPENED BY",) if is_wide else ())):
        right = name in _NUMBERS
        table.add_column(
            name, justify="right" if right else "left", no_wrap=right or name == "ID", overflow="fold"
        )
    for row in rows:
        cells = [*_cells(row, whole=width is None), *([_word(row, "opened_by")] if is_wide else [])]
        table.add_row(*map(Text, cells))
    console = Console(
        file=io.StringIO(),
        width=width or _ENDLESS,
        color_system="standard" if colors else None,
        force_terminal=colors,
    )
    with console.capture() as capture:
        console.print(table)
    return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


def _cells(row: Row, *, whole: bool) -> list[str]:
    request_id = _word(row, "id")
    state = [word for word in ("shared", "lagging") if row.get(word) is True]
    return [
        request_id if whole else request_id[:SHORT_ID],
        _number(row, "age", _age_text),
        _word(row, "events"),
        _number(row, "bytes", size_text),
        *(_word(row, key) for key in ("route", "principal", "client")),
        " ".join(state),
    ]


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
