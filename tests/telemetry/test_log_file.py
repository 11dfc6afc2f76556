"""The file that lines are appended to: its mode, its end, and what follows a move."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tentaculo.telemetry.log_file import LogFile, place_of


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Have files made with this mask."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LogFile]:
    """A file that is open, and closed after the test."""
    file = LogFile(tmp_path / "gateway.log")
    yield file
    file.close()


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o640), (0o002, 0o640), (0o077, 0o600)])
def test_others_can_not_read(mask: int, mode: int, tmp_path: Path) -> None:
    """A file is made for its owner and group, and for fewer where the umask says so."""
    with umask(mask):
        file = LogFile(tmp_path / "gateway.log")
    file.close()
    assert stat.S_IMODE(file.path.stat().st_mode) == mode


def test_an_existing_file_is_appended_to(tmp_path: Path) -> None:
    """What a file holds stays, and so does its mode."""
    path = tmp_path / "gateway.log"
    path.write_text("before\n")
    path.chmod(0o600)
    file = LogFile(path)
    os.write(file.fd, b"after\n")
    file.close()
    assert path.read_text() == "before\nafter\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_programs_that_are_started_do_not_get_it(file: LogFile) -> None:
    """The descriptor is closed on exec."""
    assert not os.get_inheritable(file.fd)


def test_goes_on_in_the_file_that_has_the_path(file: LogFile) -> None:
    """After a move the path is made anew, and the old file gets nothing more."""
    os.write(file.fd, b"old\n")
    old = file.path.rename(file.path.with_suffix(".1"))
    file.reopen()
    os.write(file.fd, b"new\n")
    assert (old.read_text(), file.path.read_text()) == ("old\n", "new\n")


def test_keeps_the_old_file_where_there_can_be_no_new_one(tmp_path: Path) -> None:
    """A folder that is gone is an error, and the file that is open stays so."""
    folder = tmp_path / "logs"
    folder.mkdir()
    file = LogFile(folder / "gateway.log")
    moved = folder.rename(tmp_path / "old-logs") / "gateway.log"
    with pytest.raises(FileNotFoundError):
        file.reopen()
    os.write(file.fd, b"still\n")
    file.close()
    assert moved.read_text() == "still\n"


def test_the_place_is_the_file_and_its_end(file: LogFile) -> None:
    """A place changes with the size and with the file, and is known of open regular files alone."""
    first = place_of(file.fd)
    os.write(file.fd, b"a\n")
    second = place_of(file.fd)
    assert first is not None
    assert second == (*first[:2], 2)
    source, sink = os.pipe()
    assert place_of(sink) is None
    os.close(source)
    os.close(sink)
    assert place_of(sink) is None
