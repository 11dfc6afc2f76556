"""What form of the gateway is measured: the compiled one, as the image holds it, or the sources as they are.

Chooses the interpreter and the folder to run in; the compiling is that of scripts/compile.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.tools import ToolMissing

PROJECT = Path(__file__).parents[2]
COMPILE = str(PROJECT / "scripts" / "compile")
UNEQUIPPED = "There is no Python to measure with; `--python FILE` names one that has the packages."
UNCOMPILED = "The gateway was not compiled; `--pure` measures its sources."


@dataclass(frozen=True, slots=True)
class Form:
    """The interpreter of all that is Python, and the folder whose gateway it runs."""

    python: str
    folder: Path = PROJECT


def choose_form(python: str | None, *, pure: bool, compiler: Sequence[str] = (COMPILE,)) -> Form:
    """Return the form to measure, compiled first where it must be; raise ToolMissing.

    Without `python` it is the interpreter that `compiler` keeps for this.
    """
    chosen = _printed([*compiler, "--tools"], UNEQUIPPED) if python is None else python
    if pure:
        return Form(chosen)
    named = [] if python is None else [python]
    return Form(chosen, Path(_printed([*compiler, *named], UNCOMPILED)))


def find_python(name: str, origin: Path) -> str:
    """Return the path of an interpreter that was named in `origin`; raise ToolMissing.

    It is absolute, for each peer has a folder of its own, and no link is followed: that is how a
    virtual environment's Python knows its packages.
    """
    found = shutil.which(str(origin / name) if os.sep in name else name)
    if found is None:
        raise ToolMissing(f"{name} is no program: name a Python with `--python FILE`.")
    return os.path.abspath(found)


def _printed(command: Sequence[str], otherwise: str) -> str:
    # What it says on the way, and why it failed, goes to stderr and so to the user.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        raise ToolMissing(otherwise)
    return done.stdout.strip()
