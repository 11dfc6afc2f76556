"""The shape check finds what it is there for, in trees made for the purpose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.check_shape import expected_test, faults

SHORT = "def one():\n    return 1\n"
CLASS = "class One:\n    pass\n"
LONG_FUNCTION = "def long():\n" + "    x = 1\n" * 50
LONG_FILE = "x = 1\n" * 351


def make_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Write the files under `root`."""
    for place, text in files.items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("source", "test"),
    [
        pytest.param("tentaculo/errors.py", "tests/test_errors.py", id="top floor"),
        pytest.param("tentaculo/wire/target.py", "tests/wire/test_target.py", id="folder"),
        pytest.param("tentaculo/a/b/c.py", "tests/a/b/test_c.py", id="folder in a folder"),
    ],
)
def test_expected_test(source: str, test: str) -> None:
    """Tests stand where their source file stands."""
    assert expected_test(Path(source)) == Path(test)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"tentaculo/a.py": SHORT, "tests/test_a.py": SHORT}, id="function with its tests"),
        pytest.param({"tentaculo/__init__.py": SHORT}, id="package file"),
        pytest.param({"tentaculo/a.py": "LIMIT = 1\n"}, id="file without code"),
        pytest.param({"examples/a.py": SHORT}, id="outside the package"),
        pytest.param({"scripts/a.py": LONG_FUNCTION.removesuffix("    x = 1\n")}, id="function at the limit"),
        pytest.param({"tests/a.py": LONG_FILE.removesuffix("x = 1\n")}, id="file at the limit"),
    ],
)
def test_good_tree(tmp_path: Path, files: Mapping[str, str]) -> None:
    """A tree in good shape has no fault."""
    assert faults(make_tree(tmp_path, files)) == []


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        pytest.param(
            {"tentaculo/a.py": SHORT, "tests/test_b.py": SHORT},
            "tentaculo/a.py: no test file tests/test_a.py",
            id="function without tests",
        ),
        pytest.param(
            {"tentaculo/wire/a.py": CLASS, "tests/test_a.py": SHORT},
            "tentaculo/wire/a.py: no test file tests/wire/test_a.py",
            id="class with tests elsewhere",
        ),
        pytest.param(
            {"examples/a.py": "\n" + LONG_FUNCTION},
            "examples/a.py:2: long has 51 lines, more than 50",
            id="long function",
        ),
        pytest.param(
            {"tests/a.py": "class A:\n    async " + LONG_FUNCTION.replace("\n    ", "\n        ").lstrip()},
            "tests/a.py:2: long has 51 lines, more than 50",
            id="long async method",
        ),
        pytest.param({"scripts/a.py": LONG_FILE}, "scripts/a.py: 351 lines, more than 350", id="long file"),
        pytest.param(
            {"tentaculo/__init__.py": ("def nine():\n" + "    x = 1\n" * 8) * 3},
            "tentaculo: functions have 9 lines in the median (at most 8), "
            "9 at the 90th percentile (at most 30)",
            id="long median",
        ),
        pytest.param(
            {"tentaculo/__init__.py": SHORT * 5 + ("def long():\n" + "    x = 1\n" * 30) * 5},
            "tentaculo: functions have 16.5 lines in the median (at most 8), "
            "31 at the 90th percentile (at most 30)",
            id="long as a rule",
        ),
    ],
)
def test_fault(tmp_path: Path, files: Mapping[str, str], fault: str) -> None:
    """Each fault is told in one line that names the place."""
    assert faults(make_tree(tmp_path, files)) == [fault]
