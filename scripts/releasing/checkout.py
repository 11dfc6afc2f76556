"""The checkout that a release is made of: what git knows of it, copied away from what was built before."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from scripts.releasing.outcomes import CheckFailed


def _git(project: Path, *arguments: str) -> str:
    ran = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise CheckFailed(f"a release is made of a git checkout: {ran.stderr.strip()}")
    return ran.stdout


def tags_of(project: Path) -> list[str]:
    """Return the tags of the commit that is checked out."""
    return _git(project, "tag", "--points-at", "HEAD").split()


def copy_checkout(project: Path, to: Path) -> None:
    """Copy every file that git keeps or would keep, as it is now."""
    listed = _git(project, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, listed):
        source, target = project / name, to / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
