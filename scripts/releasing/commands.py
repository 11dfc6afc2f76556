"""Starts the tools of a release away from this machine's own settings of the gateway."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.releasing.outcomes import CheckFailed

MINUTES = 60
SHOWN = 20
_OWN = "PYTHON", "TENTACULO", "VX11", "VIRTUAL_ENV"


@dataclass(frozen=True, slots=True)
class Tools:
    """`builder` is a Python with requirements/release.txt, `compiler` one with requirements/compile.txt."""

    builder: Path
    compiler: Path
    node: Path

    @property
    def npm(self) -> tuple[Path, Path]:
        """The command that is npm."""
        return self.node, self.node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a command."""

    code: int
    output: str
    errors: str


def environment(first: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without what would change the gateway; commands beside `first` come first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    return {**kept, "PATH": f"{first.parent}{os.pathsep}{kept.get('PATH', os.defpath)}", **(extra or {})}


def attempt(*command: str | Path, cwd: Path, extra: Mapping[str, str] | None = None) -> Done:
    """Run a command to its end, whatever its exit code.  Raises CheckFailed where there is no end."""
    try:
        ran = subprocess.run(
            command,
            cwd=cwd,
            env=environment(Path(command[0]), extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20 * MINUTES,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise CheckFailed(f"{command[0]} could not run: {fault}") from None
    return Done(ran.returncode, ran.stdout, ran.stderr)


def run(*command: str | Path, cwd: Path, extra: Mapping[str, str] | None = None) -> str:
    """Run a command and return what it printed.  Raises CheckFailed with its last lines where it fails."""
    done = attempt(*command, cwd=cwd, extra=extra)
    if done.code != 0:
        said = "\n".join((done.output + done.errors).strip().splitlines()[-SHOWN:])
        raise CheckFailed(f"{' '.join(map(str, command))} ended with exit code {done.code}:\n{said}")
    return done.output
