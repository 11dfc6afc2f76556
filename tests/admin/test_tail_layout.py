"""Lines of pieces: columns, what gives way on a terminal, folding, and colours."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from tentaculo.admin.tail_layout import Layout, Look, Piece

START: list[Piece] = [("05:12:03", "dim"), (" 200", "good"), ("  1.5ms", "dim")]
DETAILS: list[Piece] = [("operator-api", "route"), ("operator-ui", "principal"), ("a1b2c3d4", "dim")]
TARGET = "GET /operator/api/a/very/long/path/that/has/an/end"


def line(width: int | None, target: str, details: list[Piece], *, full: bool = False) -> str:
    """Return the text of a line without colours."""
    return Layout(Look(width=width, full=full)).line(START, target, details)


@pytest.mark.parametrize(
    ("width", "target", "expected"),
    [
        (80, "GET /a", "GET /a                   operator-api operator-ui a1b2c3d4"),
        (60, "GET /a", "GET /a operator-api operator-ui a1b2c3d4"),
        (100, "GET /a", "GET /a                                operator-api  operator-ui  a1b2c3d4"),
        (None, "GET /a", "GET /a                                operator-api  operator-ui  a1b2c3d4"),
        (None, TARGET, f"{TARGET}  operator-api  operator-ui  a1b2c3d4"),
        (120, TARGET, f"{TARGET}  operator-api  operator-ui  a1b2c3d4"),
        (80, TARGET, "GET /operator/api…s/an/end operator-api operator-ui a1b2c3d4"),
    ],
)
def test_columns(width: int | None, target: str, expected: str) -> None:
    """The target has a column, which gives way, then it is shortened in its middle; a pipe has no end."""
    text = line(width, target, DETAILS)
    assert re.sub(" +", " ", text) == re.sub(" +", " ", f"05:12:03 200  1.5ms {expected}\n")
    assert width is None or cell_len(text) - 1 <= width


@pytest.mark.parametrize("width", [None, 80, 100, 120, 200])
def test_details_begin_in_the_same_column(width: int | None) -> None:
    """Lines whose targets fit their column look like a table."""
    texts = [line(width, target, DETAILS[:1]) for target in ("GET /", "DELETE /some/path", "GET /ünïcode")]
    assert len({text.index("operator-api") for text in texts}) == 1


def test_full_shortens_nothing() -> None:
    """Where all is to be shown the target is folded instead, even within a word."""
    text = line(80, TARGET, DETAILS, full=True)
    assert "".join(text.split()) == "".join(
        f"05:12:03 200 1.5ms {TARGET} operator-api operator-ui a1b2c3d4".split()
    )
    assert all(cell_len(part) <= 80 for part in text.splitlines())


SENTENCE = "the server closed the connection before it had answered, as servers do that are going away"


@pytest.mark.parametrize("width", [10, 40, 80, 100, 120])
@pytest.mark.parametrize(
    "details",
    [[(SENTENCE, "failed")], [*DETAILS, (SENTENCE, "failed"), ("x" * 300, "")], [("日本" * 60, "")]],
    ids=["sentence", "many", "wide"],
)
def test_folding(width: int, details: list[Piece]) -> None:
    """What has no room goes on below, indented, and nothing is lost or wider than the terminal."""
    text = line(width, TARGET, details)
    first, *others = text.splitlines()
    assert others
    assert all(cell_len(part) <= max(width, 40) for part in (first, *others))
    assert all(part.startswith(" " * 20) for part in others)
    words = "".join("".join(text.split()) for text, _ in details)
    assert "".join(text.split()).endswith(words)


def test_words_stay_whole() -> None:
    """Lines are folded between words."""
    text = line(80, "GET /", [(SENTENCE, "")])
    assert set(SENTENCE.split()) <= set(text.split())


@pytest.mark.parametrize(
    ("size", "target", "shown"),
    [
        (43, "GET /" + "a" * 60, "GET /aaaaa…aaaaa x"),
        (44, "GET /" + "a" * 60, "GET /" + "a" * 35 + "…" + "a" * 19 + "\n"),
        (44, "GET /" + "a" * 20, "GET /" + "a" * 20 + "\n"),
        (43, "GET /日本" + "語" * 40, "GET /日本語語語… x"),
        (44, "GET /日本" + "語" * 40, "GET /日本" + "語" * 25 + "…\n"),
    ],
    ids=["shortened", "folded", "folded and whole", "wide", "wide and folded"],
)
def test_a_target_is_shortened_where_that_helps(size: int, target: str, shown: str) -> None:
    """It gives way as long as something is left of it; where the details are folded anyway it need not."""
    assert shown in line(80, target, [("x" * size, "")])


def test_short_pieces_stay_whole() -> None:
    """Words that belong together are not torn apart by folding."""
    lines = line(80, "GET /", [("x" * 52, ""), ("12 events", ""), ("a1b2c3d4", "")]).splitlines()
    assert [part.strip() for part in lines[2:]] == ["12 events a1b2c3d4"]


def test_capped() -> None:
    """One value does not fill a terminal, but a pipe and a reader who wants all get it whole."""
    text = "x" * 5000
    assert Layout(Look(width=80)).capped(text) == "x" * 600 + "…"
    assert Layout(Look(width=80, full=True)).capped(text) == text
    assert Layout(Look()).capped(text) == text
    assert Layout(Look(width=80)).capped("short") == "short"


def test_colours() -> None:
    """Pieces are painted one by one where colours are on, and not at all where they are off."""
    painted = Layout(Look(colors=True)).line(START, "GET /", [("502", "failed"), ("bare", "")])
    assert painted.startswith("\x1b[2m05:12:03\x1b[0m\x1b[32m 200\x1b[0m")
    assert "\x1b[1;31m502\x1b[0m  bare\n" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == line(None, "GET /", [("502", ""), ("bare", "")])
    assert "\x1b" not in line(None, "GET /", DETAILS)


def test_no_spaces_at_the_end() -> None:
    """Columns leave nothing behind."""
    assert line(None, "GET /", []) == "05:12:03 200  1.5ms GET /\n"
    assert Layout(Look()).painted([("", ""), (" ", "")]) == "\n"
