"""Unit tests of the browser's side, run by Vitest under the Node that is among the Python packages."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.pages import CLIENT
from tests.clients.node import NODE, PACKAGES

UNITS = Path(__file__).parent / "units"
NEEDED = ("jsdom", "react", "react-dom", "vitest")
FILES = sorted(file.name for file in UNITS.glob("*.test.js"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of the browser's side and its tests as they lie in the tree, and what packages they need."""
    if not (PACKAGES / "node_modules").is_dir():
        pytest.fail(f"no npm packages in {PACKAGES}: scripts/setup could not install them", pytrace=False)
    shutil.copytree(UNITS, tmp_path / "tests" / "browser" / "units")
    shutil.copytree(CLIENT.parent, tmp_path / "tentaculo" / "browser")
    # A folder of its own, as Vitest writes into it.
    (tmp_path / "node_modules").mkdir()
    for name in NEEDED:
        (tmp_path / "node_modules" / name).symlink_to(PACKAGES / "node_modules" / name)
    return tmp_path


def test_units(project: Path) -> None:
    """Every unit test passes; what Vitest says is what this test fails with."""
    vitest = project / "node_modules" / "vitest" / "vitest.mjs"
    ran = subprocess.run(
        [NODE, vitest, "run", "--root", project, "--reporter", "dot", *FILES],
        cwd=project,
        env={"HOME": str(project), "PATH": str(NODE.parent), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if ran.returncode != 0:
        pytest.fail(ran.stdout + ran.stderr, pytrace=False)
    assert f"{len(FILES)} passed" in ran.stdout
