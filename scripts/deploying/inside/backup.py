"""Runs in hermes' container: writes a copy of the event database, whole at one moment, to standard output."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path


def main() -> None:
    """Copy it beside itself first: in memory it could be more than the container may have."""
    database = Path(os.environ["HERMES_DB"])
    copy = database.with_name(f".{database.name}.backup")
    try:
        source = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
        target = sqlite3.connect(copy)
        with closing(source), closing(target):
            source.backup(target)
        with copy.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    finally:
        copy.unlink(missing_ok=True)


main()
