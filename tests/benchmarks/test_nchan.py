"""Tests of finding nchan."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scripts.benchmarks.nchan import PACKAGE, find_nchan, nchan_version
from scripts.benchmarks.tools import ToolMissing


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Note what would be run as root on Debian."""
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/x/{name}")
    monkeypatch.setattr(subprocess, "run", lambda command, **given: seen.append(command))
    return seen


def test_what_is_there_is_not_installed(tmp_path: Path, commands: list[list[str]]) -> None:
    """The module's path is returned."""
    module = tmp_path / "it.so"
    module.touch()
    assert find_nchan(print, module) == module
    assert commands == []


def test_root_installs_it(tmp_path: Path, commands: list[list[str]]) -> None:
    """That is said; where it fails, the command to try by hand is."""
    said: list[str] = []
    with pytest.raises(ToolMissing, match=f"sudo apt-get install {PACKAGE}"):
        find_nchan(said.append, tmp_path / "it.so")
    assert commands[-1][:2] == ["apt-get", "install"]
    assert commands[-1][-1] == PACKAGE
    assert said == [f"installing {PACKAGE} by apt-get"]


def test_others_are_told(tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not root installs nothing."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolMissing):
        find_nchan(print, tmp_path / "it.so")
    assert commands == []


def test_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of the package."""
    monkeypatch.setattr("scripts.benchmarks.nchan.version", lambda command: command[-1])
    assert nchan_version() == f"nchan {PACKAGE}"
