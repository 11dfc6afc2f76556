"""The list of compiled modules in setup.py, and what runs where `scripts/test-compiled` has compiled them."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SETUP = Path(__file__).parents[2] / "setup.py"
COMPILED = os.environ.get("TENTACULO_COMPILED") == "1"  # scripts/test-compiled says so
SUFFIX = ".so" if COMPILED else ".py"


def compiled_names() -> list[str]:
    """Read the list without running setup.py, which would build."""
    for statement in ast.parse(SETUP.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "COMPILED":
            paths: tuple[str, ...] = ast.literal_eval(statement.value)
            return [f"tentaculo.{path.replace('/', '.')}" for path in paths]
    raise AssertionError("setup.py lists nothing")


@pytest.fixture(params=compiled_names())
def module(request: pytest.FixtureRequest) -> ModuleType:
    """Return each module of the list."""
    return importlib.import_module(request.param)


def test_form_of_a_module(module: ModuleType) -> None:
    """It is an extension where that is said and nowhere else, and one of the tree that is tested."""
    assert module.__file__ is not None
    assert module.__file__.endswith(SUFFIX)
    assert SETUP.parent in Path(module.__file__).parents


def test_processes_run_it_too(tmp_path: Path) -> None:
    """A Python that a test starts elsewhere finds the same form."""
    code = "import tentaculo.relay.exchange as it; print(it.__file__)"
    found = Path(subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True).strip())
    assert found.suffix == SUFFIX
    assert SETUP.parent in found.parents


def test_bases_are_the_projects_own(module: ModuleType) -> None:
    """A compiled class with a foreign base would leave dangling whoever refers to it weakly."""
    for kind in own_classes(module):
        foreign = {base.__module__ for base in kind.__mro__} - {"builtins", "enum", "typing", "abc"}
        assert foreign <= set(compiled_names()), kind


def own_classes(module: ModuleType) -> list[type]:
    """Return the classes that a module defines."""
    found = (value for _, value in inspect.getmembers(module, inspect.isclass))
    return [kind for kind in found if kind.__module__ == module.__name__]
