"""Open streams as a table: readable on a terminal, plain in a pipe, safe whatever is in them."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from tentaculo.admin.stream_table import size_text, stream_table

ROW: dict[str, Any] = {
    "id": "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4",
    "route": "operator-events",
    "principal": "operator-ui",
    "client": "127.0.0.1",
    "age": 312.5,
    "events": 1200,
    "bytes": 1_300_000,
    "opened_by": "ephemeral_token",
    "shared": True,
    "lagging": False,
}
OTHER = {**ROW, "principal": None, "opened_by": None, "shared": False, "lagging": True, "events": 0}


def words(text: str) -> list[list[str]]:
    """Return the words of each line."""
    return [line.split() for line in text.splitlines()]


def test_in_a_pipe() -> None:
    """Nothing is shortened, folded or coloured, and each stream is one line below the headings."""
    row = {**ROW, "route": "r" * 300, "principal": "ops", "client": "2001:db8::1"}
    text = stream_table([row, OTHER])
    assert words(text) == [
        ["ID", "AGE", "EVENTS", "BYTES", "ROUTE", "PRINCIPAL", "CLIENT", "STATE", "OPENED", "BY"],
        [ROW["id"], "5m12s", "1200", "1.2MiB", "r" * 300, "ops", "2001:db8::1", "shared", "ephemeral_token"],
        [ROW["id"], "5m12s", "0", "1.2MiB", "operator-events", "-", "127.0.0.1", "lags", "-"],
    ]
    assert "\x1b" not in text
    assert text.endswith("-\n")
    assert " \n" not in text


@pytest.mark.parametrize("width", [80, 99, 100, 120])
def test_on_a_terminal(width: int) -> None:
    """Usual streams take a line each; ids are short, and there is more where there is room."""
    lines = stream_table([ROW, OTHER], width=width).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    assert lines[1].split()[:6] == ["a1b2c3d4", "5m12s", "1200", "1.2MiB", "operator-events", "operator-ui"]
    assert ("OPENED BY" in lines[0]) == (width >= 100)


@pytest.mark.parametrize("width", [66, 80, 120])
@pytest.mark.parametrize("text", ["x" * 500, "\u65e5\u672c" * 40], ids=["letters", "wide"])
@pytest.mark.parametrize("key", ["route", "principal", "client"])
def test_long_values_give_way(key: str, text: str, width: int) -> None:
    """A long value is shortened until its line fits, and numbers and ids never are."""
    lines = stream_table([{**ROW, key: text}, ROW], width=width).splitlines()
    assert len(lines) == 3
    assert max(map(cell_len, lines)) <= width
    assert "\u2026" in lines[1]
    assert lines[1].split()[:4] == ["a1b2c3d4", "5m12s", "1200", "1.2MiB"]


def test_the_end_of_a_long_value_is_kept() -> None:
    """What differs is often the end; the middle is left out."""
    client = "2001:db8:1111:2222:3333:4444:5555:6666"
    assert "2001:db8:1\u2026:6666" in stream_table([{**ROW, "client": client}], width=80)


def test_a_terminal_without_room() -> None:
    """Where not even the least has room, lines are as long as that."""
    lines = stream_table([ROW], width=20).splitlines()
    assert lines[1] == "a1b2c3d4 5m12s   1200 1.2MiB operat…ts operat…ui 127.0.0.1 shared"


def test_colours() -> None:
    """Only the headings are painted, and nothing where there are to be no colours."""
    first, *others = stream_table([ROW], width=80, colors=True).splitlines()
    assert "\x1b[1m" in first
    assert "\x1b" not in "".join(others)
    assert "\x1b" not in stream_table([ROW], width=80)


@pytest.mark.parametrize("key", ROW)
@pytest.mark.parametrize("width", [None, 80, 120])
@pytest.mark.parametrize("colors", [True, False])
def test_no_escape_reaches_the_terminal(key: str, width: int | None, colors: bool) -> None:
    """Whatever value an escape sequence or markup is in, it is shown and not obeyed."""
    row = {**ROW, key: "\x1b]0;x\x07\x9b2J\r\n\x00\u202e[red]"}
    _, *lines = stream_table([row], width=width, colors=colors).split("\n")
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 2


@pytest.mark.parametrize("key", ROW)
@pytest.mark.parametrize("wrong", [None, True, [], {"a": 1}, -1, 10**30, float("nan"), "text"], ids=repr)
def test_any_value_anywhere(key: str, wrong: Any) -> None:
    """Another kind of value is shown somehow, and is no error."""
    assert stream_table([{**ROW, key: wrong}, {}]).count("\n") == 3


def test_markup_is_text() -> None:
    """Brackets are shown as they are."""
    assert "[bold]a[/bold]" in stream_table([{**ROW, "route": "[bold]a[/bold]"}])


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0"),
        (1023, "1023"),
        (1024, "1.0KiB"),
        (102_300, "99.9KiB"),
        (102_400, "100KiB"),
        (1_023_900, "1000KiB"),
        (1_024_000, "1.0MiB"),
        (5 * 1024**3, "5.0GiB"),
        (1024**5 - 1, "1024TiB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    """A size is as exact as seven characters allow."""
    assert size_text(size) == text
    assert len(text) <= 7
