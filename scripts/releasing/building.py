"""Builds what is published: the sdist, the wheel, the compiled wheel and the npm package."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from scripts.releasing.commands import Tools, run
from scripts.releasing.outcomes import CheckFailed

BROWSER = Path("tentaculo") / "browser"


@dataclass(frozen=True, slots=True)
class Built:
    """Where the files are."""

    sdist: Path
    wheel: Path
    compiled: Path
    package: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return self.sdist, self.wheel, self.compiled, self.package


def build(tools: Tools, tree: Path, to: Path) -> Built:
    """Build everything from the copy of a checkout; both wheels are built from the sdist."""
    python, npm, compiled = to / "python", to / "npm", to / "compiled"
    for folder in (python, npm, compiled):
        folder.mkdir(parents=True)
    run(tools.builder, "-m", "build", "--no-isolation", "--outdir", python, tree, cwd=to)
    sdist = _only(python, "*.tar.gz")
    pip_wheel = (tools.compiler, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index")
    run(*pip_wheel, "--wheel-dir", compiled, sdist, cwd=to, extra={"TENTACULO_COMPILE": "1"})
    told = run(*tools.npm, "pack", tree / BROWSER, "--json", "--offline", "--pack-destination", npm, cwd=to)
    (packed,) = json.loads(told)
    return Built(sdist, _only(python, "*.whl"), _only(compiled, "*.whl"), npm / packed["filename"])


def _only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise CheckFailed(f"{len(found)} files {pattern} were built, not one")
    return found[0]
