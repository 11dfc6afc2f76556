"""Lines of streams, and of files that grow, move, are emptied or come late; each wait is a step."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tentaculo.admin.following import (
    BLOCK,
    MAX_LINE,
    FollowedFile,
    LineSplitter,
    lines_backwards,
    stream_lines,
)

Part = Callable[[], object]
Step = Part | tuple[Part, ...]


class Over(Exception):
    """There are no more steps."""


class Steps:
    """What happens to the file while the reader waits, one step a time; then it is over."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)

    def __call__(self) -> None:
        """Take the next step, which may have parts."""
        if not self._steps:
            raise Over
        step = self._steps.pop(0)
        for part in step if isinstance(step, tuple) else (step,):
            part()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "gateway.log"


def add(path: Path, text: str) -> None:
    """Append to a file."""
    with path.open("a") as file:
        file.write(text)


def followed(path: Path, *steps: Step, last: int | None = None) -> list[bytes]:
    """Return the lines that are read while the steps are taken."""
    file = FollowedFile(path, wait=Steps(*steps))
    lines: list[bytes] = []
    if last is not None:
        assert file.open()
        lines += file.last(last, bool, follows=True)
    with suppress(Over):
        for batch in file.follow():
            lines += batch
    file.close()
    return lines


@pytest.mark.parametrize(
    ("pieces", "lines", "rest"),
    [
        ([b"a\n"], [b"a"], []),
        ([b"a\nb\nc"], [b"a", b"b"], [b"c"]),
        ([b"a", b"b", b"\n", b"\n"], [b"ab", b""], []),
        ([b"x" * MAX_LINE, b"y", b"y\nz\n"], [b"x" * MAX_LINE, b"z"], []),
        (
            [b"x" * (MAX_LINE + 1) + b"\n" + b"y" * (MAX_LINE + 1) + b"\nz\n"],
            [b"x" * MAX_LINE, b"y" * MAX_LINE, b"z"],
            [],
        ),
        ([b"a\n" + b"x" * (MAX_LINE + 1)], [b"a"], [b"x" * MAX_LINE]),
    ],
    ids=["whole", "several", "in pieces", "cut", "cut in one piece", "cut without end"],
)
def test_splitter(pieces: list[bytes], lines: list[bytes], rest: list[bytes]) -> None:
    """Pieces become lines, of at most so many bytes, and the last one may lack its end."""
    splitter = LineSplitter()
    assert [line for piece in pieces for line in splitter.feed(piece)] == lines
    assert splitter.rest() == rest
    assert splitter.rest() == []


def test_stream_yields_what_is_there() -> None:
    """Lines of a pipe come when they were written, and at the end also one without an end."""
    source, sink = os.pipe()
    batches = stream_lines(lambda size: os.read(source, size))
    os.write(sink, b"a\nb")
    assert next(batches) == [b"a"]
    os.write(sink, b"b\nc")
    assert next(batches) == [b"bb"]
    os.close(sink)
    assert list(batches) == [[b"c"]]
    os.close(source)


LONG = b"\n".join(b"%d " % number + b"x" * (number * 7 % 5000) for number in range(400))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n", id="end"),
        pytest.param(b"a", id="begun"),
        pytest.param(b"a\n", id="whole"),
        pytest.param(b"a\nb", id="two"),
        pytest.param(b"\n\na\n\n", id="empty lines"),
        pytest.param(LONG, id="long"),
        pytest.param(LONG + b"\n", id="long whole"),
        pytest.param(b"a" * BLOCK, id="block"),
        pytest.param(b"a" * BLOCK + b"\n", id="block whole"),
        pytest.param(b"a\n" * BLOCK, id="many"),
    ],
)
def test_backwards(data: bytes, path: Path) -> None:
    """From the end to the beginning, every line is found with its place."""
    path.write_bytes(data)
    with path.open("rb") as file:
        found = [*lines_backwards(file.fileno(), len(data))][::-1]
    assert [line for _, line in found] == data.split(b"\n")
    assert all(data[start : start + len(line)] == line for start, line in found)
    assert found[0][0] == 0


def test_backwards_cuts_long_lines(path: Path) -> None:
    """Of a line that is too long, the beginning is kept."""
    path.write_bytes(b"a\n" + b"b" + b"x" * (MAX_LINE + BLOCK) + b"\nc\n")
    with path.open("rb") as file:
        found = list(lines_backwards(file.fileno(), path.stat().st_size))
    assert [line for _, line in found] == [b"", b"c", b"b" + b"x" * (MAX_LINE - 1), b"a"]


@pytest.mark.parametrize(
    ("count", "follows", "lines"),
    [
        (0, False, []),
        (1, False, [b"d"]),
        (2, False, [b"c", b"d"]),
        (9, False, [b"a", b"b", b"c", b"d"]),
        (2, True, [b"b", b"c"]),
    ],
)
def test_last_lines(count: int, follows: bool, lines: list[bytes], path: Path) -> None:
    """The last lines come in their order; one without an end is left for later where more may come."""
    path.write_bytes(b"a\nb\n\nc\nd")
    file = FollowedFile(path)
    assert file.open()
    assert file.last(count, bool, follows=follows) == lines
    file.close()


def test_last_counts_what_is_wanted(path: Path) -> None:
    """Lines that are not wanted do not count."""
    path.write_bytes(b"b1\na1\nb2\na2\na3\n")
    file = FollowedFile(path)
    assert file.open()
    assert file.last(2, lambda line: line.startswith(b"b"), follows=False) == [b"b1", b"b2"]
    file.close()


def test_follows_a_file_that_grows(path: Path) -> None:
    """After the last lines come those that are added, whole, with the one that was begun before."""
    path.write_text("a\nb\nc")
    steps = [lambda: add(path, "c"), lambda: add(path, "\nd\n"), lambda: add(path, "e\n")]
    assert followed(path, *steps, last=1) == [b"b", b"cc", b"d", b"e"]


def test_waits_for_a_file(path: Path) -> None:
    """A file that comes later is read from its beginning, and it is said once that it is not there."""
    words: list[str] = []
    steps = Steps(lambda: None, lambda: add(path, "a\nb\n"))
    file = FollowedFile(path, wait=steps, tell=words.append)
    assert next(file.follow()) == [b"a", b"b"]
    file.close()
    assert words == ["is not there yet"]


def test_a_closed_file_may_be_closed_again(path: Path) -> None:
    """Closing what was never there does nothing."""
    file = FollowedFile(path)
    assert not file.open()
    file.close()


def test_rotation_by_rename(path: Path) -> None:
    """The moved file is read to its end, the new one from its beginning, whatever comes between."""
    old = path.with_suffix(".1")
    add(path, "a\n")
    steps: list[Step] = [
        lambda: path.rename(old),
        lambda: add(old, "b\n"),  # the writer did not reopen yet
        path.touch,
        lambda: add(old, "c\n"),
        (lambda: add(old, "d\nend"), lambda: add(path, "e\n")),
        lambda: add(path, "f\n"),
    ]
    assert followed(path, *steps) == [b"a", b"b", b"c", b"d", b"end", b"e", b"f"]


def test_rotation_loses_nothing_under_load(path: Path) -> None:
    """Many rotations, each seen in the middle of the old file, keep every line once and in order."""

    steps: list[Step] = []
    expected: list[bytes] = []
    for number in range(50):
        old = path.with_suffix(f".{number}")
        parts = [f"{number} {part}\n" for part in "abc"]
        steps.append((partial(add, path, parts[0] * 100),))
        steps.append(
            (partial(path.rename, old), partial(add, old, parts[1] * 100), partial(add, path, parts[2]))
        )
        expected += "".join([parts[0] * 100, parts[1] * 100, parts[2]]).encode().splitlines()
    assert followed(path, *steps) == expected


def test_an_emptied_file_is_read_anew(path: Path) -> None:
    """After a truncation, reading goes on at the beginning; what was begun is shown."""
    add(path, "a\nlonger\nbeg")
    steps = [lambda: os.truncate(path, 0), lambda: add(path, "b\n")]
    assert followed(path, *steps) == [b"a", b"longer", b"beg", b"b"]


def test_a_file_that_can_not_be_opened(path: Path) -> None:
    """A folder of files that is none is an error at first."""
    path.touch()
    file = FollowedFile(path / "below")
    with pytest.raises(NotADirectoryError):
        file.open()


def test_a_successor_that_can_not_be_opened_is_waited_for(path: Path) -> None:
    """While the new file can't be read the old one is; a link that leads nowhere stands for it."""
    add(path, "a\n")
    old = path.with_suffix(".1")
    loop = path.with_suffix(".loop")
    steps: list[Step] = [
        (lambda: path.rename(old), lambda: path.symlink_to(loop), lambda: loop.symlink_to(path)),
        lambda: add(old, "b\n"),
        (path.unlink, lambda: add(path, "c\n")),
    ]
    assert followed(path, *steps) == [b"a", b"b", b"c"]
