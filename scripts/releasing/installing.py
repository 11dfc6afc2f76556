"""Fresh virtual environments with the locked dependencies and one built form of the gateway each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.releasing.building import Built
from scripts.releasing.commands import run
from scripts.releasing.outcomes import CheckFailed

WHERE = "import tentaculo.relay.exchange as it; print(it.__file__)"
INSTALL = "-m", "pip", "--disable-pip-version-check", "--quiet", "install"


@dataclass(frozen=True, slots=True)
class Form:
    """What is installed, and whether that is the compiled form."""

    name: str
    file: Path
    compiled: bool = False


def forms(built: Built) -> Mapping[str, Form]:
    """Return the forms by name."""
    found = (
        Form("wheel", built.wheel),
        Form("sdist", built.sdist),
        Form("compiled wheel", built.compiled, compiled=True),
    )
    return {form.name: form for form in found}


def install(form: Form, base: Path, lock: Path, folder: Path) -> Path:
    """Make an environment of the Python `base` in `folder`; return its Python."""
    run(base, "-m", "venv", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    run(python, *INSTALL, "--require-hashes", "--only-binary", ":all:", "-r", lock, cwd=folder)
    run(python, *INSTALL, "--no-index", "--no-deps", "--no-build-isolation", form.file, cwd=folder)
    run(python, "-m", "pip", "check", cwd=folder)
    _check_form(form, python, folder)
    return python


def _check_form(form: Form, python: Path, folder: Path) -> None:
    """What runs is what was installed, and compiled where that is said."""
    where = Path(run(python, "-c", WHERE, cwd=folder).strip())
    if folder not in where.parents or where.suffix != (".so" if form.compiled else ".py"):
        raise CheckFailed(f"the {form.name} runs {where}")
