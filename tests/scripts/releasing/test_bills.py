"""Bills of materials are held to the lock files, package by package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.releasing.bills import LOCK, PANEL, faults, pinned_npm, pinned_python

PROJECT = Path(__file__).parents[3]
PINNED = {("click", "8.1.0"), ("yarl", "1.0")}


def bill(**changed: object) -> dict[str, Any]:
    """A good bill, but for what is changed."""
    components = [{"name": name, "version": version} for name, version in PINNED]
    about = {"component": {"name": "tentaculo", "version": "1.2.3"}}
    return {"bomFormat": "CycloneDX", "metadata": about, "components": components, **changed}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        pytest.param({}, [], id="good"),
        pytest.param({"bomFormat": "other"}, ["bill is not CycloneDX"], id="format"),
        pytest.param(
            {"metadata": {"component": {"name": "tentaculo", "version": "1.2.2"}}},
            ["bill is not about tentaculo 1.2.3"],
            id="version",
        ),
        pytest.param(
            {"components": [{"name": "click", "version": "8.1.0"}, {"name": "yarl", "version": "2.0"}]},
            ["bill lacks yarl 1.0", "bill holds yarl 2.0"],
            id="packages",
        ),
    ],
)
def test_faults(changed: dict[str, Any], found: list[str], tmp_path: Path) -> None:
    """A bill is about the version and holds what is pinned, and nothing else."""
    (tmp_path / "bill").write_text(json.dumps(bill(**changed)))
    assert faults(tmp_path / "bill", "tentaculo", "1.2.3", PINNED) == found


def test_pinned_python() -> None:
    """Names and versions are read with and without a marker; hashes are not."""
    lock = "# yarl==9\nclick==8.1.0 \\\n    --hash=sha256:ab==12\nyarl==1.0 ; os_name == 'nt' \\\n"
    assert pinned_python(lock) == PINNED
    assert {"aiohttp", "uvloop"} < {name for name, _ in pinned_python((PROJECT / LOCK).read_text())}


def test_pinned_npm() -> None:
    """Packages are named by the last folder of their path; the one that the lock is of is left out."""
    packages = {"": {"version": "1"}, "node_modules/@a/b": {"version": "2"}}
    packages["node_modules/@a/b/node_modules/c"] = {"version": "3"}
    assert pinned_npm(json.dumps({"packages": packages})) == {("@a/b", "2"), ("c", "3")}
    real = pinned_npm((PROJECT / PANEL / "package-lock.json").read_text())
    assert {"react", "vite"} < {name for name, _ in real}
