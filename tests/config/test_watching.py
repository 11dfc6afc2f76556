"""Changes of files, however they are made, against the real file system."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path

import pytest
import watchfiles

from tentaculo.config import watching
from tentaculo.config.file_marks import FileMark, mark_of
from tentaculo.config.watching import QUIET_SECONDS, Watch, folders_of
from tests.fakes.gates import soon

LOOK = 0.05


def write(path: Path, text: str) -> None:
    """Write in place, as some editors do."""
    path.write_text(text)


def swap(path: Path, text: str) -> None:
    """Write another file and put it in the place, as other editors do."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.rename(path)


def remove(path: Path) -> None:
    """Delete."""
    path.unlink()


def read(path: Path) -> str:
    """Read."""
    return path.read_text()


class Pauses:
    """Stands in for sleeping: says how long was asked for, and does between what the test wants."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.meanwhile: list[tuple[Path, str]] = []

    async def __call__(self, seconds: float) -> None:
        """Return at once."""
        self.asked.append(seconds)
        if self.meanwhile:
            write(*self.meanwhile.pop(0))
        await asyncio.sleep(0)


class Watched:
    """A watch at work; `loaded` are the files as they were read last."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.loaded: list[FileMark] = []
        self.load(files)
        self.pauses = Pauses()
        self._watch = Watch(lambda: self.loaded, pause=self.pauses, look_seconds=LOOK)
        self._changes = self._watch.changes()
        self._next: asyncio.Task[None] | None = None

    def load(self, files: Iterable[Path]) -> None:
        """Read files, as a reload does."""
        self.loaded = [mark_of(file) for file in files]

    async def begin(self) -> None:
        """Watch, until what is there now was looked at."""
        self._next = asyncio.ensure_future(self._step())
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _step(self) -> None:
        await anext(self._changes)

    async def change(self) -> None:
        """Wait for the next change."""
        if self._next is None:
            await self.begin()
        assert self._next is not None
        await soon(self._next)
        self._next = None

    async def nothing(self) -> bool:
        """Whether the files were looked at several times, and no change was seen."""
        assert self._next is not None
        done, _ = await asyncio.wait([self._next], timeout=5 * LOOK)
        return not done

    async def aclose(self) -> None:
        """Stop."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait([self._next])
        async with aclosing(self._changes):  # type: ignore[type-var]
            pass


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with something in it."""
    path = tmp_path / "tentaculo.yaml"
    path.write_text("one")
    return path


@pytest.fixture
async def watched(file: Path) -> AsyncIterator[Watched]:
    """A watch of that file."""
    found = Watched([file])
    await found.begin()
    yield found
    await found.aclose()


@pytest.mark.parametrize("how", [write, swap])
async def test_written(how: object, watched: Watched, file: Path) -> None:
    """Written in place or swapped, once and again, each is a change."""
    for text in ("two", "other"):
        assert callable(how)
        how(file, text)
        await watched.change()
        await watched.begin()
    assert await watched.nothing()


async def test_deleted_and_written_again(watched: Watched, file: Path) -> None:
    """A file that is gone is a change, and so is its return."""
    remove(file)
    await watched.change()
    await watched.begin()
    write(file, "two")
    await watched.change()


async def test_folder_of_a_mounted_configuration(tmp_path: Path) -> None:
    """A link to a link to a folder, which is swapped as Kubernetes does it."""
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "tentaculo.yaml", name)
    data, file = tmp_path / "..data", tmp_path / "tentaculo.yaml"
    data.symlink_to("first")
    file.symlink_to("..data/tentaculo.yaml")
    watched = Watched([file])
    await watched.begin()
    for name in ("second", "third"):
        (tmp_path / "..new").symlink_to(name)
        os.replace(tmp_path / "..new", data)
        await watched.change()
        assert read(file) == name
        await watched.begin()
    assert await watched.nothing()
    await watched.aclose()


async def test_write_behind_a_link(tmp_path: Path) -> None:
    """What a link leads to is watched where it is."""
    (tmp_path / "far").mkdir()
    target, file = tmp_path / "far" / "real.yaml", tmp_path / "tentaculo.yaml"
    write(target, "one")
    file.symlink_to(target)
    assert folders_of([file]) == {tmp_path, tmp_path / "far"}
    watched = Watched([file])
    await watched.begin()
    write(target, "two")
    await watched.change()
    await watched.aclose()


async def test_other_files_do_not_count(watched: Watched, file: Path) -> None:
    """What else happens in the folder is no change, and reading the file neither."""
    write(file.with_name("other"), "x")
    assert read(file) == "one"
    assert await watched.nothing()


async def test_every_file_counts(tmp_path: Path) -> None:
    """A file of a secret is one like the others; one that is missing may come."""
    files = [tmp_path / "a", tmp_path / "folder" / "b"]
    write(files[0], "one")
    watched = Watched(files)
    await watched.begin()
    files[1].parent.mkdir()
    write(files[1], "two")
    await watched.change()
    await watched.aclose()


async def test_change_is_told_once_writing_has_ended(watched: Watched, file: Path) -> None:
    """Whoever writes slowly is waited for, each time for as long."""
    watched.pauses.meanwhile = [(file, "more"), (file, "and more"), (file, "and even more")]
    write(file, "two")
    await watched.change()
    assert watched.pauses.asked == [QUIET_SECONDS] * 4
    await watched.begin()
    assert await watched.nothing()


async def test_write_while_the_last_one_is_read(watched: Watched, file: Path, tmp_path: Path) -> None:
    """It is a change of its own, also where other files are watched from then on."""
    write(file, "two")
    await watched.change()
    write(file, "three")
    watched.load([file, tmp_path / "secret"])
    await watched.change()


async def test_edit_before_the_first_look(file: Path) -> None:
    """What was written since the files were read is a change, though nobody watched then."""
    watched = Watched([file])
    write(file, "longer")
    await watched.change()
    await watched.begin()
    assert await watched.nothing()
    await watched.aclose()


async def test_edit_of_a_new_file_before_it_is_watched(watched: Watched, file: Path, tmp_path: Path) -> None:
    """The same goes for a file that is named anew, one that was missing too; each is told once."""
    secret, missing = tmp_path / "secret", tmp_path / "missing"
    write(secret, "one")
    write(file, "two")
    await watched.change()
    watched.load([file, secret, missing])
    write(secret, "longer")
    write(missing, "there now")
    await watched.change()
    await watched.begin()
    assert await watched.nothing()


async def test_other_files_from_then_on(watched: Watched, file: Path, tmp_path: Path) -> None:
    """What the file names now is watched, and nothing that it named before."""
    secret = tmp_path / "secret"
    write(file, "two")
    await watched.change()
    watched.load([secret])
    await watched.begin()
    write(file, "three")
    assert await watched.nothing()
    write(secret, "s")
    await watched.change()


@pytest.mark.parametrize(
    "fault", [OSError("no space left"), RuntimeError("too many")], ids=["system", "library"]
)
async def test_without_the_systems_help(
    fault: Exception, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing more can be watched, the files are looked at from time to time."""

    def refuse(*folders: Path, **options: object) -> None:
        raise fault

    monkeypatch.setattr(watching, "awatch", refuse)
    watched = Watched([file])
    await watched.begin()
    write(file, "two")
    await watched.change()
    assert watched.pauses.asked[0] == LOOK
    await watched.aclose()


def test_library_is_silent() -> None:
    """Its own word on each change would be one line in the log more."""
    assert not watchfiles.main.logger.isEnabledFor(20)
