"""Files and streams as `tentaculo tail` shows them: last lines, what comes later, and only what is wanted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tentaculo.admin.tail_filters import Filters
from tentaculo.admin.tail_layout import Look
from tentaculo.admin.tail_lines import TailLines
from tentaculo.admin.tailing import Tail, TailFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "gateway.log"


def tail(**filters: Any) -> Tail:
    """Return a tail of lines without colours."""
    return Tail(TailLines(Look(utc=True)), Filters(**filters))


def log(*names: str, **fields: Any) -> str:
    """Return a line for each event."""
    return "".join(json.dumps({"event": name, **fields}) + "\n" for name in names)


def names(texts: Iterator[str]) -> list[str]:
    """Return the words that are shown, one for each line."""
    return "".join(texts).split()


def reader(*pieces: bytes) -> Callable[[int], bytes]:
    """Return what a stream's reads return."""
    left = [*pieces, b""]
    return lambda size: left.pop(0)


def no_words(words: str) -> None:
    """Take words for the user, of which there are to be none."""
    raise AssertionError(words)


def test_stream() -> None:
    """All lines of a stream are shown as they come, those that are no events too, but not empty ones."""
    texts = tail().stream(reader(log("a").encode(), b'plain\n\n  \n{"event"', b':"b"}\nrest'))
    assert [text.split() for text in texts] == [["a"], ["plain"], ["b"], ["rest"]]


def test_stream_with_filters() -> None:
    """What is not asked for is left out, and with it all that is no event."""
    stream = (log("a", level="info") + "plain\n\n" + log("b", "c", level="error") + "rest").encode()
    assert names(tail(events=("a", "b")).stream(reader(stream))) == ["a", "error", "b"]
    assert names(tail(level="error").stream(reader(stream))) == ["error", "b", "error", "c"]


@pytest.mark.parametrize(
    ("filters", "lines", "expected"),
    [
        ({}, 2, ["a", "b"]),
        ({}, 0, []),
        ({}, 9, ["b", "a", "plain", "b", "a", "b"]),
        ({"events": ("a",)}, 1, ["a"]),
        ({"events": ("a",)}, 9, ["a", "a"]),
        ({"events": ("none",)}, 9, []),
    ],
)
def test_last_lines(filters: dict[str, Any], lines: int, expected: list[str], path: Path) -> None:
    """So many of the last lines are shown, of those that are wanted and not empty."""
    path.write_text(log("b", "a") + "plain\n\n" + log("b", "a", "b"))
    texts = tail(**filters).file(TailFile(path, lines, follows=False), no_words)
    assert names(texts) == expected


def test_follows(path: Path) -> None:
    """After the last lines those are shown that are added."""
    path.write_text(log("a", "b", "c"))
    texts = tail().file(TailFile(path, 1, follows=True), no_words)
    assert next(texts).split() == ["c"]
    with path.open("a") as file:
        file.write(log("d"))
    assert next(texts).split() == ["d"]


def test_follows_from_the_beginning_what_comes_later(path: Path) -> None:
    """It is said that a file is not there; once it is, all of it is shown."""
    told: list[str] = []

    def tell(words: str) -> None:
        told.append(words)
        path.write_text(log("a", "b"))

    texts = tail().file(TailFile(path, 1, follows=True), tell)
    assert next(texts).split() == ["a", "b"]
    assert told == ["is not there yet"]


def test_pipes_are_streams(path: Path) -> None:
    """A path that is a pipe has no last lines: all is shown, and it ends."""
    os.mkfifo(path)
    keeper = os.open(path, os.O_RDWR)
    os.write(keeper, log("a", "b", "c").encode())
    texts = tail().file(TailFile(path, 1, follows=True), no_words)
    assert next(texts).split() == ["a", "b", "c"]
    os.close(keeper)
    assert not [*texts]


@pytest.mark.parametrize("below", ["missing", "file/below"])
def test_files_that_can_not_be_read(below: str, tmp_path: Path) -> None:
    """A file that isn't there and isn't waited for is an error, as is one that never can be."""
    (tmp_path / "file").touch()
    texts = tail().file(TailFile(tmp_path / below, 1, follows="/" in below), no_words)
    with pytest.raises(OSError, match=r"No such file|Not a directory"):
        next(texts)
