"""Known vulnerabilities in what is locked, as far as the services that know them can be asked from here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.releasing.bills import LOCK, NPM_FILES, PANEL
from scripts.releasing.commands import Done, Tools, attempt
from scripts.releasing.outcomes import CheckFailed, CouldNotRun, hold


def audit_python(tools: Tools, tree: Path, folder: Path) -> str:
    """Ask pip-audit about the packages that the gateway runs with."""
    options = ("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json")
    return read_pip_audit(
        attempt(tools.builder, "-m", "pip_audit", *options, "--requirement", tree / LOCK, cwd=folder)
    )


def audit_npm(tools: Tools, tree: Path, folder: Path) -> str:
    """Ask npm about the packages that the panel is built of and with."""
    for name in NPM_FILES:
        shutil.copy(tree / PANEL / name, folder)
    return read_npm_audit(attempt(*tools.npm, "audit", "--package-lock-only", "--json", cwd=folder))


def read_pip_audit(done: Done) -> str:
    """Tell what pip-audit found; it calls what its service did not know skipped, and that a success."""
    try:
        packages: Sequence[Mapping[str, Any]] = json.loads(done.output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        raise CouldNotRun(f"pip-audit could not run: {_reason(done)}") from None
    hold([_vulnerable(package) for package in packages if package.get("vulns")])
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if skipped or not packages:
        raise CouldNotRun(
            f"pip-audit could not run: its service told nothing of {len(skipped)} of {len(packages)} packages"
        )
    return f"pip-audit knows of nothing in {len(packages)} Python packages"


def _vulnerable(package: Mapping[str, Any]) -> str:
    known = ", ".join(one["id"] for one in package["vulns"])
    return f"{package['name']} {package['version']} has {known}"


def read_npm_audit(done: Done) -> str:
    """Tell what npm found."""
    try:
        told: Mapping[str, Any] = json.loads(done.output)
        count = told["metadata"]["dependencies"]["total"]
        found: Mapping[str, Mapping[str, Any]] = told["vulnerabilities"]
    except (ValueError, KeyError, TypeError):
        raise CouldNotRun(f"npm audit could not run: {_reason(done)}") from None
    if found:
        raise CheckFailed(
            "\n".join(f"{name} is vulnerable: {one['severity']}" for name, one in found.items())
        )
    return f"npm audit knows of nothing in {count} npm packages"


def _reason(done: Done) -> str:
    """Return what npm says in its JSON, or the last line of anyone's errors."""
    try:
        return str(json.loads(done.output)["message"])
    except (ValueError, KeyError, TypeError):
        pass
    lines = [line.strip() for line in done.errors.splitlines() if "A complete log" not in line]
    return next((line for line in reversed(lines) if line), f"exit code {done.code}")
