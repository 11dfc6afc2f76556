"""Bills of materials in CycloneDX JSON: the Python packages of the gateway, the npm packages of the panel."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from scripts.releasing.commands import Tools, run
from scripts.releasing.outcomes import hold

LOCK = Path("requirements") / "run.txt"
PANEL = Path("examples") / "vx11" / "frontend"
NPM_FILES = ".npmrc", "package.json", "package-lock.json"
_PINNED = re.compile(r"^([\w.-]+)==([\w.+!-]+)", re.MULTILINE)


def write_bills(tools: Tools, tree: Path, version: str, to: Path) -> tuple[Path, Path]:
    """Write both bills.  Raises CheckFailed where one is not exactly what its lock file pins."""
    python, npm = to / f"tentaculo-{version}.cdx.json", to / f"events-panel-{version}.cdx.json"
    _write_python(tools, tree, version, python)
    _write_npm(tools, tree, npm)
    hold(
        [
            *faults(python, "tentaculo", version, pinned_python((tree / LOCK).read_text())),
            *faults(
                npm, "events-panel", version, pinned_npm((tree / PANEL / "package-lock.json").read_text())
            ),
        ]
    )
    return python, npm


def _write_python(tools: Tools, tree: Path, version: str, file: Path) -> None:
    # The tool reads what the bill is about from here, and knows nothing of setup.cfg.
    project = file.with_suffix(".toml")
    project.write_text(f'[project]\nname = "tentaculo"\nversion = "{version}"\n')
    options = "--pyproject", project, "--output-format", "JSON", "--output-file", file
    run(tools.builder, "-m", "cyclonedx_py", "requirements", *options, tree / LOCK, cwd=file.parent)
    project.unlink()


def _write_npm(tools: Tools, tree: Path, file: Path) -> None:
    # npm takes the folder's name for the package's.
    folder = file.parent / "events-panel"
    folder.mkdir()
    for name in NPM_FILES:
        shutil.copy(tree / PANEL / name, folder)
    told = run(*tools.npm, "sbom", "--package-lock-only", "--sbom-format", "cyclonedx", cwd=folder)
    file.write_text(told)
    shutil.rmtree(folder)


def pinned_python(lock: str) -> set[tuple[str, str]]:
    """Return names and versions of a lock file of pip."""
    return set(_PINNED.findall(lock))


def pinned_npm(lock: str) -> set[tuple[str, str]]:
    """Return names and versions of a package-lock.json, without the package that it belongs to."""
    packages: dict[str, dict[str, Any]] = json.loads(lock)["packages"]
    return {(path.rpartition("node_modules/")[2], one["version"]) for path, one in packages.items() if path}


def faults(file: Path, name: str, version: str, pinned: set[tuple[str, str]]) -> list[str]:
    """Return what is wrong with a bill of this package that holds these others."""
    bill = json.loads(file.read_text())
    if bill.get("bomFormat") != "CycloneDX":
        return [f"{file.name} is not CycloneDX"]
    about = bill["metadata"]["component"]
    listed = {(one["name"], one["version"]) for one in bill["components"]}
    found = (
        []
        if (about["name"], about["version"]) == (name, version)
        else [f"{file.name} is not about {name} {version}"]
    )
    found += [f"{file.name} lacks {one} {number}" for one, number in sorted(pinned - listed)]
    return found + [f"{file.name} holds {one} {number}" for one, number in sorted(listed - pinned)]
