"""Checks an SQLite database that may be in use, and writes nothing: `python3 database.py PATH` prints JSON.

It runs alone, in a container too, so it needs nothing but Python.  Exit code 0 where both checks are ok.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

# A larger copy in memory could take what the container's own work needs.
LARGEST_COPY = 32 * 1024 * 1024
MOST_FAULTS = 100


def check(path: Path, largest_copy: int = LARGEST_COPY) -> dict[str, Any]:
    """Return what both checks say, of a consistent copy, or in place where the database is too large for one.

    Raises sqlite3.Error where there is no database.
    """
    with closing(sqlite3.connect(_uri(path), uri=True, timeout=10, isolation_level=None)) as source:
        source.execute("PRAGMA query_only = on")
        pages, size = (source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        told = {"path": str(path), "bytes": pages * size, "sqlite": sqlite3.sqlite_version}
        if pages * size > largest_copy:
            return {**told, "checked": "in place", **_checks(source)}
        with closing(sqlite3.connect(":memory:")) as copy:
            source.backup(copy)
            return {**told, "checked": "a copy", **_checks(copy)}


def _uri(path: Path) -> str:
    """Return how to open it so that no file appears beside one that nobody uses."""
    in_use = path.with_name(path.name + "-wal").exists() or path.with_name(path.name + "-journal").exists()
    return f"{path.absolute().as_uri()}?mode=ro" + ("" if in_use else "&immutable=1")


def _checks(database: sqlite3.Connection) -> dict[str, Any]:
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {
        **{name: _said(database, name) for name in ("quick_check", "integrity_check")},
        "user_version": database.execute("PRAGMA user_version").fetchone()[0],
        "rows": {name: _rows(database, name) for name in sorted(tables)},
    }


def _said(database: sqlite3.Connection, name: str) -> list[str]:
    return [row[0] for row in database.execute(f"PRAGMA {name}({MOST_FAULTS})")]


def _rows(database: sqlite3.Connection, table: str) -> int:
    quoted = table.replace('"', '""')
    return int(database.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0])


def main(arguments: list[str]) -> int:
    """Check, print, and return the exit code."""
    try:
        told = check(Path(arguments[0]))
    except sqlite3.Error as fault:
        told = {"path": arguments[0], "fault": f"{type(fault).__name__}: {fault}"}
    print(json.dumps(told, indent=2, ensure_ascii=False))
    return 0 if told.get("quick_check") == told.get("integrity_check") == ["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
