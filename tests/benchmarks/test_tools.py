"""Tests of finding other programs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from scripts.benchmarks.tools import ToolMissing, find_debian, find_envoy, version


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is the whole search path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def make_program(path: Path) -> str:
    """Write an executable file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_found_on_the_path(programs: Path) -> None:
    """What is installed is used, and nothing is said."""
    expected = [make_program(programs / "wrk"), make_program(programs / "envoy")]
    said: list[str] = []
    assert [find_debian("wrk", said.append), find_envoy(said.append)] == expected
    assert said == []


@pytest.mark.usefixtures("programs")
def test_a_missing_program_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone who is not root is told in one sentence what to do."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        ToolMissing, match=r"no-such-program is missing: install it with `sudo apt-get install"
    ):
        find_debian("no-such-program", print)


def test_envoy_of_its_own_environment(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An Envoy that was installed before is used again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(programs / "cache"))
    place = programs / "cache/tentaculo-bench/envoy/lib/python3.11/site-packages/envoy/_bin/envoy"
    expected = make_program(place)
    assert find_envoy(print) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print('tool 1.2\\nmore')", "tool 1.2"),
        ("import sys; print('tool 1.3', file=sys.stderr)", "tool 1.3"),
    ],
    ids=["stdout", "stderr"],
)
def test_version(code: str, expected: str) -> None:
    """The first line counts, wherever it is printed."""
    assert version([sys.executable, "-c", code]) == expected


def test_version_of_a_silent_program() -> None:
    """A program that says nothing has an unknown version."""
    assert version([sys.executable, "-c", ""]) == "unknown"
