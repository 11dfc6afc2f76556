"""What is in the built files: everything that belongs there, under the right version, and nothing else."""

from __future__ import annotations

import ast
import json
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from scripts.releasing.building import BROWSER, Built
from scripts.releasing.outcomes import hold

# What an sdist holds besides the package: to build it, to lock what it needs, to configure it.
FOLDERS = "tentaculo", "config"
ALONE = (
    *("CHANGELOG.md", "MANIFEST.in", "README.md", "pyproject.toml", "setup.cfg", "setup.py"),
    *("requirements/compile.txt", "requirements/run.txt"),
)
GENERATED = "PKG-INFO", "tentaculo.egg-info/"


def check_contents(built: Built, tree: Path, version: str) -> str:
    """Compare the four files with the copy of the checkout that they were built from."""
    hold(
        [
            *sdist_faults(built.sdist, tree, version),
            *wheel_faults(built.wheel, tree, version),
            *wheel_faults(built.compiled, tree, version, compiled=True),
            *differences("npm package", tar_names(built.package), package_files(tree)),
        ]
    )
    sizes = ", ".join(f"{file.name} {file.stat().st_size // 1024} KiB" for file in built.files)
    return f"everything that belongs there and nothing else; {sizes}"


def sdist_faults(sdist: Path, tree: Path, version: str) -> list[str]:
    """Return what an sdist lacks, and what it should not hold."""
    root = f"tentaculo-{version}/"
    found = without(tar_names(sdist), root, GENERATED)
    return differences("sdist", found, {*files_under(tree, *FOLDERS), *ALONE})


def wheel_faults(wheel: Path, tree: Path, version: str, *, compiled: bool = False) -> list[str]:
    """Return what a wheel lacks, and what it should not hold."""
    found = {_plain(name) for name in without(wheel_names(wheel), "", (f"tentaculo-{version}.dist-info/",))}
    expected = {*files_under(tree, "tentaculo"), *(extensions(tree) if compiled else ())}
    return differences("compiled wheel" if compiled else "wheel", found, expected)


def differences(what: str, found: Iterable[str], expected: Iterable[str]) -> list[str]:
    """Return a sentence for each name that is only in one of them."""
    found, expected = set(found), set(expected)
    lacking = [f"the {what} lacks {name}" for name in sorted(expected - found)]
    return lacking + [
        f"the {what} holds {name}, which does not belong there" for name in sorted(found - expected)
    ]


def without(names: Iterable[str], root: str, generated: tuple[str, ...]) -> set[str]:
    """Return the names below `root` that no tool added; names elsewhere stay as they are."""
    below = (name.removeprefix(root) for name in names)
    return {name for name in below if not name.startswith(generated)}


def files_under(tree: Path, *folders: str) -> set[str]:
    """Return the files in these folders of a tree."""
    found = (path for folder in folders for path in (tree / folder).rglob("*") if path.is_file())
    return {path.relative_to(tree).as_posix() for path in found}


def extensions(tree: Path) -> set[str]:
    """Return the compiled modules that setup.py lists, with the library that they share."""
    for statement in ast.parse((tree / "setup.py").read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "COMPILED":
            listed = ast.literal_eval(statement.value)
            return {"tentaculo__mypyc.so", *(f"tentaculo/{module}.so" for module in listed)}
    raise AssertionError("setup.py lists nothing")


def _plain(name: str) -> str:
    """Drop the interpreter and the machine from an extension's name."""
    return f"{name.partition('.')[0]}.so" if name.endswith(".so") else name


def package_files(tree: Path) -> set[str]:
    """Return what package.json lists, and what npm always adds."""
    listed = json.loads((tree / BROWSER / "package.json").read_text())["files"]
    return {f"package/{name}" for name in (*listed, "package.json", "README.md")}


def tar_names(path: Path) -> set[str]:
    """Return the files of an sdist or an npm package."""
    with tarfile.open(path) as archive:
        return {member.name for member in archive.getmembers() if not member.isdir()}


def wheel_names(path: Path) -> set[str]:
    """Return the files of a wheel."""
    with zipfile.ZipFile(path) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}
