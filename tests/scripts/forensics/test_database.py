"""The checks of a database: in use or not, small or large, whole or damaged, and nothing is left behind."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scripts.forensics.database import LARGEST_COPY, check

SCRIPT = Path(__file__).parents[3] / "scripts" / "forensics" / "database.py"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database that nobody uses any more."""
    with closing(sqlite3.connect(tmp_path / "vx11.db")) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute('CREATE TABLE "odd ""name" (x)')
        database.executemany(
            'INSERT INTO "odd ""name" VALUES (?)', [(str(number) * 99,) for number in range(999)]
        )
        database.commit()
    return tmp_path / "vx11.db"


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    """Has it open, with a row that is only in its log, and is about to write another."""
    with closing(sqlite3.connect(path)) as database:
        database.execute('INSERT INTO "odd ""name" VALUES (1)')
        database.commit()
        database.execute('INSERT INTO "odd ""name" VALUES (2)')
        yield database


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(("largest", "how"), [(LARGEST_COPY, "a copy"), (1, "in place")])
def test_not_in_use(largest: int, how: str, path: Path) -> None:
    """Both checks are ok, rows are counted, and the folder is as it was."""
    before = _contents(path.parent)
    told = check(path, largest)
    assert told["quick_check"] == told["integrity_check"] == ["ok"]
    assert (told["checked"], told["rows"]) == (how, {'odd "name': 999})
    assert _contents(path.parent) == before


@pytest.mark.parametrize("largest", [LARGEST_COPY, 1])
def test_in_use(largest: int, path: Path, writer: sqlite3.Connection) -> None:
    """What was committed counts, what was not does not, and whoever writes goes on."""
    before = _contents(path.parent).keys()
    told = check(path, largest)
    assert told["quick_check"] == ["ok"]
    assert told["rows"] == {'odd "name': 1000}
    assert _contents(path.parent).keys() == before
    writer.commit()


def test_damaged(path: Path) -> None:
    """It is told as JSON, with exit code 1."""
    data = bytearray(path.read_bytes())
    data[2 * 4096 : 3 * 4096] = bytes(4096)
    path.write_bytes(data)
    done = subprocess.run([sys.executable, "-IS", SCRIPT, path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert "fault" in told or told["integrity_check"] != ["ok"]


def test_alone(path: Path) -> None:
    """It runs without the project, as in a container, and a missing database is a fault in one line."""
    command = [sys.executable, "-IS", "-", str(path)]
    done = subprocess.run(command, input=SCRIPT.read_bytes(), capture_output=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["quick_check"]) == (0, ["ok"])
    command[-1] = str(path.with_name("gone.db"))
    done = subprocess.run(command, input=SCRIPT.read_bytes(), capture_output=True, check=False)
    assert (done.returncode, "unable to open" in json.loads(done.stdout)["fault"]) == (1, True)
    assert not path.with_name("gone.db").exists()
