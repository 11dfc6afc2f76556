"""What scripts/compile says of an interpreter that it can't compile for."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "compile"


def compile_for(python: str, folder: Path) -> tuple[int, str]:
    """Run the script in `folder`; return its exit code and what it says."""
    done = subprocess.run([SCRIPT, python], cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_interpreter_that_is_not_there(tmp_path: Path) -> None:
    """It is named."""
    assert compile_for("./python9", tmp_path) == (1, "scripts/compile: there is no ./python9.\n")


def test_interpreter_without_the_packages(tmp_path: Path) -> None:
    """One sentence names the interpreter, by its whole path, the lock file and what is missing of it."""
    venv.create(tmp_path / "bare", symlinks=True)
    said = compile_for("bare/bin/python", tmp_path)
    fault = "ModuleNotFoundError: No module named 'mypyc'"
    path = tmp_path / "bare" / "bin" / "python"
    sentence = f"scripts/compile: {path} lacks packages of requirements/compile.txt: {fault}.\n"
    assert said == (1, sentence)
