"""What is built of this project, file by file, and that a wrong file is told."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import tentaculo
from scripts.releasing.contents import (
    ALONE,
    FOLDERS,
    differences,
    extensions,
    files_under,
    package_files,
    sdist_faults,
    tar_names,
    wheel_faults,
)

PROJECT = Path(__file__).parents[3]
VERSION = tentaculo.__version__
BUILD = "import sys, setuptools.build_meta as backend; getattr(backend, sys.argv[1])(sys.argv[2])"
NEVER = shutil.ignore_patterns("__pycache__", "*.so")  # the compiled form is beside its sources
TEST = Path("tests") / "test_cli.py"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all that goes into what is published, and of a test, which does not."""
    folder = tmp_path_factory.mktemp("release") / "tree"
    for name in FOLDERS:
        shutil.copytree(PROJECT / name, folder / name, ignore=NEVER)
    for name in (*ALONE, str(TEST)):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, folder / name)
    return folder


def build(tree: Path, what: str) -> Path:
    """Build with the packages that are installed here."""
    out = tree.parent / what
    out.mkdir()
    subprocess.run((sys.executable, "-c", BUILD, what, out), cwd=tree, check=True, capture_output=True)
    (found,) = out.iterdir()
    return found


def test_sdist(tree: Path) -> None:
    """It holds the package, its configuration, its locks and its changes, and no tests."""
    assert sdist_faults(build(tree, "build_sdist"), tree, VERSION) == []


def test_wheel(tree: Path) -> None:
    """It holds every file of the package: whoever adds one of a new kind adds it to setup.cfg."""
    assert wheel_faults(build(tree, "build_wheel"), tree, VERSION) == []


def test_differences() -> None:
    """Each file that is missing or too many has its sentence."""
    assert differences("wheel", {"b", "c"}, {"a", "b"}) == [
        "the wheel lacks a",
        "the wheel holds c, which does not belong there",
    ]


def write_tar(file: Path, names: set[str]) -> Path:
    """Write an archive of empty files."""
    with tarfile.open(file, "w:gz") as archive:
        for name in sorted(names):
            archive.addfile(tarfile.TarInfo(name))
    return file


def test_sdist_with_faults(tree: Path, tmp_path: Path) -> None:
    """What a tool adds is passed over; what lies outside the version's folder is not."""
    names = {*files_under(tree, *FOLDERS), *ALONE, "PKG-INFO", "tentaculo.egg-info/SOURCES.txt"}
    below = {f"tentaculo-{VERSION}/{name}" for name in names}
    sdist = write_tar(tmp_path / "sdist", (below - {f"tentaculo-{VERSION}/setup.py"}) | {"setup.py.orig"})
    assert sdist_faults(sdist, tree, VERSION) == [
        "the sdist lacks setup.py",
        "the sdist holds setup.py.orig, which does not belong there",
    ]


def test_compiled_wheel(tree: Path, tmp_path: Path) -> None:
    """It holds an extension for each compiled module, whatever the interpreter, and no C."""
    tagged = {name.replace(".so", ".cpython-311-x86_64-linux-gnu.so") for name in extensions(tree)}
    names = {*files_under(tree, "tentaculo"), *tagged, f"tentaculo-{VERSION}.dist-info/RECORD"}
    with zipfile.ZipFile(tmp_path / "wheel", "w") as archive:
        for name in (names | {"build/__native.c"}) - {
            "tentaculo/relay/relay.cpython-311-x86_64-linux-gnu.so"
        }:
            archive.writestr(name, "")
    assert wheel_faults(tmp_path / "wheel", tree, VERSION, compiled=True) == [
        "the compiled wheel lacks tentaculo/relay/relay.so",
        "the compiled wheel holds build/__native.c, which does not belong there",
    ]


def test_npm_package(tree: Path, tmp_path: Path) -> None:
    """It is to hold what its package.json lists."""
    package = write_tar(tmp_path / "package", {"package/event-source.js"})
    faults = differences("npm package", tar_names(package), package_files(tree))
    assert "the npm package lacks package/react.d.ts" in faults
    assert not any("event-source.js" in fault for fault in faults)
