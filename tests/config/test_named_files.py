"""The files that a configuration names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.files import config, error_of, settings_of
from tests.config.pem import make_pair
from tests.config.rules.test_upstreams import AUTHORITY

NAMING = config(
    principals="- {name: a, token_file: [one, two]}\n  - {name: b, token_file: secrets/three}",
    upstreams="backend: {servers: ['https://h'], tls: {ca: ca.pem}}",
    top="listen: {address: '127.0.0.1:0', tls: [{certificate: a.pem, key: a.key}]}\nlog: {file: a.log}\n",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Hold what the configuration names."""
    make_pair(tmp_path, "a")
    (tmp_path / "ca.pem").write_text(AUTHORITY)
    (tmp_path / "real").mkdir()
    (tmp_path / "secrets").symlink_to("real")
    for name in ("one", "two", "secrets/three"):
        (tmp_path / name).write_text(f"token-in-the-file-{name}")
    return tmp_path


def test_files_that_have_a_meaning_are_known(folder: Path) -> None:
    """The file itself is the first; links stay links, and the log is only written."""
    found = settings_of(NAMING, source=folder / "t.yaml").files
    names = ("t.yaml", "a.pem", "a.key", "one", "two", "secrets/three", "ca.pem")
    assert [mark.path for mark in found] == [folder / name for name in names]


def test_problems_name_them_too(folder: Path) -> None:
    """One that is missing is what is wrong, so its coming must be seen; what can't be read has no names."""
    (folder / "two").unlink()
    error = error_of(f"{NAMING}nonsense: 1\n", source=folder / "t.yaml")
    marks = {mark.path.name: mark for mark in error.files}
    assert list(marks) == ["t.yaml", "a.pem", "a.key", "one", "two", "three", "ca.pem"]
    assert {name for name, mark in marks.items() if not mark.inode} == {"t.yaml", "two"}
    assert error_of("a: [", source=folder / "t.yaml").files == ()


def test_paths_are_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the gateway was started from does not matter later."""
    monkeypatch.chdir(folder)
    found = settings_of(NAMING, source=Path("t.yaml")).files
    assert found == settings_of(NAMING, source=folder / "t.yaml").files


def test_file_that_is_named_twice_is_known_once(folder: Path) -> None:
    """One file may hold a certificate and its key."""
    (folder / "both").write_text((folder / "a.key").read_text() + (folder / "a.pem").read_text())
    text = config(top="listen: {address: '127.0.0.1:0', tls: [{certificate: both, key: both}]}\n")
    found = settings_of(text, source=folder / "t.yaml").files
    assert [mark.path for mark in found] == [folder / "t.yaml", folder / "both"]
