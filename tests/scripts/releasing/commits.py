"""Git in the folders of tests, as nobody in particular and whatever this machine's settings."""

from __future__ import annotations

import subprocess
from pathlib import Path

NOBODY = "-c", "user.name=nobody", "-c", "user.email=nobody@example.test", "-c", "commit.gpgsign=false"


def git(folder: Path, *arguments: str) -> None:
    """Run a command of git."""
    subprocess.run(("git", *NOBODY, *arguments), cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    """Commit everything that is in the folder, which becomes a checkout."""
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "first")
