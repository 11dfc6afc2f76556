"""Files of the listener's certificates and of the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.files import config, error_of, problems_of, settings_of
from tests.config.pem import make_pair


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold two certificates with their keys."""
    made = tmp_path_factory.mktemp("files")
    make_pair(made, "a")
    make_pair(made, "b")
    (made / "text").write_text("hunter2")
    return made


def _listen(*pairs: str) -> str:
    return config(top=f"listen: {{address: '127.0.0.1:0', tls: [{', '.join(pairs)}]}}\n")


@pytest.mark.parametrize(
    ("pairs", "problems"),
    [
        (["{certificate: a.pem, key: a.key}", "{certificate: b.pem, key: b.key}"], []),
        (
            ["{certificate: a.pem, key: a.key}", "{certificate: a.pem, key: b.key}"],
            ["[1].key: names a file whose key does not fit the certificate"],
        ),
        (
            ["{certificate: none, key: none}", "{certificate: text, key: a.key}"],
            [
                "[0].certificate: names a file that can't be read: No such file or directory",
                "[1].certificate: names a file that holds no certificate in PEM form",
            ],
        ),
        (
            ["{certificate: a.pem, key: text}"],
            ["[0].key: names a file that holds no private key in PEM form"],
        ),
        (["{certificate: a.pem}"], ["[0].key: this key is required"]),
        (["{key: a.key}"], ["[0].certificate: this key is required"]),
        (
            ["{certificate: text}"],
            [
                "[0].certificate: names a file that holds no certificate in PEM form",
                "[0].key: this key is required",
            ],
        ),
    ],
    ids=["good", "unfit", "certificates", "no-key", "without-key", "without-certificate", "both"],
)
def test_certificates_of_the_listener_can_serve(folder: Path, pairs: list[str], problems: list[str]) -> None:
    """Each certificate and its key can be read and fit; files are found beside the configuration."""
    found = problems_of(_listen(*pairs), source=folder / "t.yaml")
    assert sorted(found) == sorted(f"listen.tls{problem}" for problem in problems)


def test_problem_has_its_place(folder: Path) -> None:
    """It points at the file's name."""
    text = _listen("{certificate: a.pem,\n    key: b.key}")
    (problem,) = error_of(text, source=folder / "t.yaml").problems
    line = text.splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith("b.key")


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("new.log", []),
        ("null", []),
        ("/dev/null", []),
        (".", ["log.file: names a folder, and must name a file"]),
        ("gone/new.log", ["log.file: names a file in a folder that can't be found"]),
        ("text/new.log", ["log.file: names a file in a folder that can't be found"]),
        (f"{'x' * 300}/new.log", ["log.file: names a file in a folder that can't be found"]),
    ],
    ids=["new", "null", "device", "folder", "no-folder", "file-as-folder", "long"],
)
def test_log_has_its_place(folder: Path, name: str, problems: list[str]) -> None:
    """The file of the log need not be there, but its folder."""
    text = config(top=f"log: {{file: {name}}}\n")
    assert problems_of(text, source=folder / "t.yaml") == problems


def test_log_is_beside_the_configuration(folder: Path) -> None:
    """A relative name starts in the folder of the configuration."""
    text = config(top="log: {file: new.log}\n")
    assert settings_of(text, source=folder / "t.yaml").log.file == folder / "new.log"
