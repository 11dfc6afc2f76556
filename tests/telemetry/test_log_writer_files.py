"""The log writer on real files: rotation under load, full disks, and lines that went out in part."""

from __future__ import annotations

import json
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tentaculo.telemetry.log_file import LogFile
from tentaculo.telemetry.log_writer import LogWriter
from tests.telemetry.test_log_writer import PATIENCE, Drops

ROOM = 200_000
LINE = b"x" * 999 + b"\n"

Make = Callable[..., LogWriter]


class Waiting:
    """Tells of the lines that are dropped and of files that can't be opened, and waits for them."""

    def __init__(self) -> None:
        self.drops = Drops()
        self.unopened = threading.Event()

    def note_unopened(self, reason: str) -> bytes:
        """Make the line that says so."""
        self.unopened.set()
        return b"unopened: %s\n" % reason.encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "gateway.log"


@pytest.fixture
def waiting() -> Waiting:
    """What the writer tells of."""
    return Waiting()


@pytest.fixture
def make(path: Path, waiting: Waiting) -> Iterator[Make]:
    """Make writers to the path, and close them after the test."""
    made: list[LogWriter] = []

    def writer(target: Path = path, **options: Any) -> LogWriter:
        options = {"flush_interval": 0, "notice": lambda count: b"lost %d\n" % count, **options}
        options |= {"on_dropped": waiting.drops, "unopened": waiting.note_unopened}
        made.append(LogWriter(LogFile(target), **options))
        return made[-1]

    yield writer
    for one in made:
        one.close(PATIENCE)


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Have files end at a size, as on a disk that is full: the part of a write that fits is written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def told(path: Path) -> tuple[list[bytes], int]:
    """Return the whole lines of a log, and how many it says were lost; when it says so is open."""
    *lines, rest = path.read_bytes().split(b"\n")
    assert rest == b""
    notices = [line for line in lines if line.startswith(b"lost ")]
    return [line for line in lines if line not in notices], sum(int(line[5:]) for line in notices)


def fill(writer: LogWriter, drops: Drops) -> None:
    """Write more than there is room for, the last line in part; return once the writer has given up."""
    for _ in range(2 + ROOM // len(LINE)):
        writer.write(LINE)
    drops.wait_for(1)
    while not writer._idle:  # it tries to say so as well, and nothing else reports that it has
        time.sleep(0.001)


def test_lines_are_appended_in_order(path: Path, make: Make) -> None:
    """Lines come out whole and in order, after what the file held."""
    path.write_bytes(b"before\n")
    lines = [b"line %d\n" % number for number in range(5000)]
    writer = make()
    for line in lines:
        writer.write(line)
    writer.close(PATIENCE)
    assert path.read_bytes() == b"before\n" + b"".join(lines)


def test_rotation_under_load_loses_nothing(path: Path, make: Make) -> None:
    """Files that are moved away and reopened while lines pour in hold every line once, in order."""
    writer = make()
    lines = [b"line %d\n" % number for number in range(20_000)]
    files = [path]
    for number, line in enumerate(lines):
        writer.write(line)
        if number % 500 == 0:
            files.append(path.rename(path.with_suffix(f".{number}")))
            writer.reopen()
            while not path.exists():  # the writer makes it soon, and nothing else reports it
                time.sleep(0.001)
    writer.close(PATIENCE)
    parts = [file.read_bytes() for file in (*files[1:], path)]
    assert b"".join(parts) == b"".join(lines)
    assert all(part.endswith(b"\n") for part in parts if part)
    assert sum(1 for part in parts if part) > 10
    assert writer.dropped == 0


def test_an_idle_writer_reopens(path: Path, make: Make, waiting: Waiting) -> None:
    """Nothing has to be written for the file to be made anew, and without a folder a line says so."""
    writer = make()
    folder = path.parent / "moved"
    path.parent.joinpath("logs").mkdir()
    other = make(path.parent / "logs" / "gateway.log")
    path.parent.joinpath("logs").rename(folder)
    other.reopen()
    assert waiting.unopened.wait(PATIENCE)
    other.write(b"still\n")
    other.close(PATIENCE)
    assert (folder / "gateway.log").read_bytes() == b"unopened: No such file or directory\nstill\n"
    path.unlink()
    writer.reopen()
    writer.close(PATIENCE)
    assert path.read_bytes() == b""


def test_a_descriptor_is_not_reopened() -> None:
    """Where lines go to a descriptor, reopening changes nothing."""
    source, sink = os.pipe()
    writer = LogWriter(sink, flush_interval=0)
    writer.reopen()
    writer.write(b"a\n")
    writer.close(PATIENCE)
    os.close(sink)
    assert os.read(source, 100) == b"a\n"
    os.close(source)


def test_full_disk_drops_and_counts(make: Make, waiting: Waiting) -> None:
    """On a disk that says so itself every line is dropped and counted, and nothing raises."""
    writer = make(Path("/dev/full"))
    for number in range(3):
        writer.write(LINE)
        waiting.drops.wait_for(number + 1)
    writer.close(PATIENCE)
    assert writer.dropped == waiting.drops.count == 3


def test_goes_on_when_there_is_room(path: Path, make: Make, waiting: Waiting) -> None:
    """The line that went out in part is completed, the dropped ones are told of, and no line is torn."""
    size = ROOM + len(LINE) // 2
    writer = make()
    with disk_of(size):
        fill(writer, waiting.drops)
        full = path.read_bytes()
        assert (len(full), full[-1:]) == (size, b"x")
    writer.write(b"after\n")
    writer.close(PATIENCE)
    assert told(path) == ([LINE[:-1]] * (ROOM // len(LINE) + 1) + [b"after"], 1)
    assert writer.dropped == 1


def test_completes_its_last_line_at_the_end(path: Path, make: Make, waiting: Waiting) -> None:
    """A line that went out in part is completed on closing, though nothing was written since."""
    writer = make()
    with disk_of(ROOM + 1):
        fill(writer, waiting.drops)
    writer.close(PATIENCE)
    assert told(path) == ([LINE[:-1]] * (ROOM // len(LINE) + 1), 1)
    assert writer.dropped == 1


def test_completes_a_torn_line_though_none_was_dropped(path: Path, make: Make) -> None:
    """Where the torn line was the last one, it is all that is written on closing."""
    writer = make()
    with disk_of(ROOM + 1):
        for _ in range(1 + ROOM // len(LINE)):
            writer.write(LINE)
        while path.stat().st_size <= ROOM:  # nothing else reports it
            time.sleep(0.001)
    writer.close(PATIENCE)
    assert told(path) == ([LINE[:-1]] * (ROOM // len(LINE) + 1), 0)
    assert writer.dropped == 0


def test_a_last_line_that_stays_torn_is_counted(path: Path, make: Make, waiting: Waiting) -> None:
    """Where there is no room up to the end, the torn line counts as dropped as well."""
    writer = make()
    with disk_of(ROOM + 1):
        fill(writer, waiting.drops)
        writer.close(PATIENCE)
    assert path.stat().st_size == ROOM + 1
    assert writer.dropped == waiting.drops.count == 2


def test_emptying_the_file_makes_room(path: Path, make: Make, waiting: Waiting) -> None:
    """In a file that was emptied meanwhile, the first line is a whole one."""
    writer = make()
    with disk_of(ROOM + 1):
        fill(writer, waiting.drops)
        os.truncate(path, 0)
        writer.write(b"after\n")
        writer.close(PATIENCE)
    assert told(path) == ([b"after"], 2)
    assert writer.dropped == 2


def test_a_moved_file_keeps_its_torn_line(path: Path, make: Make, waiting: Waiting) -> None:
    """The rest of a line never goes into another file; the line counts as dropped."""
    writer = make()
    with disk_of(ROOM + 1):
        fill(writer, waiting.drops)
        path.rename(path.with_suffix(".1"))
        writer.reopen()
        writer.write(b"after\n")
        writer.close(PATIENCE)
    assert told(path) == ([b"after"], 2)


def test_someone_else_wrote_after_a_torn_line(path: Path, make: Make, waiting: Waiting) -> None:
    """Lines begin on lines of their own where another writer came between."""
    writer = make()
    with disk_of(ROOM + 1):
        fill(writer, waiting.drops)
    with path.open("ab") as other:
        other.write(b"other")
    writer.write(b"after\n")
    writer.close(PATIENCE)
    lines, lost = told(path)
    assert (lines[-2:], lost) == ([b"xother", b"after"], 2)
    assert writer.dropped == 2


def test_the_rest_may_need_several_attempts(path: Path, make: Make, waiting: Waiting) -> None:
    """A line can be completed bit by bit, as room comes."""
    writer = make()
    for extra in (1, 400, 500):
        with disk_of(ROOM + extra):
            if extra == 1:
                fill(writer, waiting.drops)
            else:
                count = waiting.drops.count
                writer.write(b"after\n")
                waiting.drops.wait_for(count + 1)
            assert path.stat().st_size == ROOM + extra
    writer.close(PATIENCE)
    assert told(path) == ([LINE[:-1]] * (ROOM // len(LINE) + 1), 3)
    assert writer.dropped == 3


def test_says_what_happened_without_being_told_how(path: Path) -> None:
    """Without lines of the caller's own, its own are JSON with event and level."""
    folder = path.parent / "logs"
    folder.mkdir()
    writer = LogWriter(LogFile(folder / "gateway.log"), max_bytes=10, flush_interval=0)
    moved = folder.rename(path.parent / "moved")
    writer.write(LINE)
    writer.reopen()
    writer.close(PATIENCE)
    events = [json.loads(line) for line in (moved / "gateway.log").read_text().splitlines()]
    assert sorted(events, key=lambda event: str(event["event"])) == [
        {"event": "log.dropped", "level": "warning", "dropped": 1},
        {"event": "log.reopen_failed", "level": "error", "reason": "No such file or directory"},
    ]
