"""The panel's own checks: its units, its types, its build, and what its lock says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.browser.panel_stack import FRONTEND, build, run_node

MOST_LINES = 200
MOST_CHARACTERS = 110


@pytest.mark.slow
def test_units() -> None:
    """Vitest passes, with every file of tests run."""
    told = run_node("vitest/vitest.mjs", "run")
    files = list(FRONTEND.glob("src/**/*.test.ts*"))
    assert f"{len(files)} passed ({len(files)})" in told


def test_types() -> None:
    """The compiler finds nothing, in its strict mode."""
    run_node("typescript/bin/tsc", "--noEmit")
    settings = json.loads((FRONTEND / "tsconfig.json").read_text())["compilerOptions"]
    assert settings["strict"]


def test_build(tmp_path: Path) -> None:
    """The page refers to files of its own only, the assets named by their content, and nothing is inline."""
    page = (build(tmp_path) / "index.html").read_text()
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sorted(re.sub(r"-[\w-]{8}\.", "-#.", link) for link in links) == [
        "./assets/index-#.css",
        "./assets/index-#.js",
        "./icon.svg",
    ]
    assert all((tmp_path / link).is_file() for link in links)
    assert not re.search(r"<style|style=|<script[^>]*>[^<]| on\w+=", page)


def test_lock() -> None:
    """Versions are exact, and no registry is named: hashes tell that a package is the same."""
    package = json.loads((FRONTEND / "package.json").read_text())
    versions = [*package["dependencies"].values(), *package["devDependencies"].values()]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)
    lock = json.loads((FRONTEND / "package-lock.json").read_text())
    locked = [one for name, one in lock["packages"].items() if name]
    assert all("integrity" in one and "resolved" not in one for one in locked)


@pytest.mark.parametrize("kind", ["ts", "tsx", "css"])
def test_sizes(kind: str) -> None:
    """Components and hooks stay small, styles a page or two, and markup never comes from strings."""
    for file in FRONTEND.glob(f"src/**/*.{kind}"):
        lines = file.read_text(encoding="utf-8").splitlines()
        assert len(lines) < (MOST_LINES if kind != "css" else 2 * MOST_LINES), file
        assert max(map(len, lines)) <= MOST_CHARACTERS, file
        assert not any("dangerouslySetInnerHTML" in line or "innerHTML" in line for line in lines), file
