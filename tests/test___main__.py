"""`python -m tentaculo`."""

from __future__ import annotations

import subprocess
import sys

import tentaculo


def test_module_is_the_command() -> None:
    """The package can be run as a module, with the same commands."""
    command = [sys.executable, "-m", "tentaculo", "--version"]
    assert (
        subprocess.run(command, capture_output=True, check=True, text=True).stdout
        == f"tentaculo {tentaculo.__version__}\n"
    )


def test_importing_it_runs_nothing() -> None:
    """The module can be imported, by tools that look at all modules."""
    command = [sys.executable, "-c", "import tentaculo.__main__"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")
