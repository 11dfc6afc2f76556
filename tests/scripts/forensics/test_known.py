"""Which values count as secrets: by the names of variables, in files, in URLs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.forensics.known import known_secrets

TOKEN = "principal-of-the-test"


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        pytest.param("VX11_TOKEN", TOKEN, {TOKEN}, id="token"),
        pytest.param("DB_PASS", "hunter22", {"hunter22"}, id="another name"),
        pytest.param("DB_PASSWORD", "short", set(), id="too short to look for"),
        pytest.param("VX11_TOKEN", "/run/secrets/token", set(), id="a path"),
        pytest.param("GREETING", "hello world", set(), id="no secret"),
        pytest.param("VX11_TOKEN_FILE", "/nowhere/at/all", set(), id="a file that is not there"),
        pytest.param("STORE", "redis://:pass%20word@redis/0", {"pass%20word", "pass word"}, id="URL"),
        pytest.param("STORE", "redis://redis:6379/0", set(), id="URL without a password"),
    ],
)
def test_environment(name: str, value: str, found: set[str], tmp_path: Path) -> None:
    """A variable holds one if its name says so, and a URL in any of them may."""
    assert known_secrets({name: value}, tmp_path) == found
    (tmp_path / "service-1.environ").write_text(json.dumps([f"{name}={value}"]))
    assert known_secrets({}, tmp_path) == (found if not name.endswith("_FILE") else set())


def test_file_that_a_variable_names(tmp_path: Path) -> None:
    """Each line of it is one."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n\nand-another-one\n")
    found = known_secrets(
        {"VX11_TOKEN_FILE": str(file), "NOTES_FILE": str(tmp_path / "x")}, tmp_path / "none"
    )
    assert found == {TOKEN, "and-another-one"}


def test_files_of_containers(tmp_path: Path) -> None:
    """Every line of every file is one, and so is the password in a URL."""
    folder = tmp_path / "redis-1" / "redis"
    folder.mkdir(parents=True)
    (folder / "url").write_text("redis://:s3cret-of-redis@redis:6379/0\n")
    (tmp_path / "other-1").write_bytes(b"bytes-\xff-and-more")
    assert known_secrets({}, tmp_path) == {
        "redis://:s3cret-of-redis@redis:6379/0",
        "s3cret-of-redis",
        "bytes-\udcff-and-more",
    }


@pytest.mark.parametrize("text", ["", "null\n"])
def test_container_without_an_environment(text: str, tmp_path: Path) -> None:
    """It has none."""
    (tmp_path / "x-1.environ").write_text(text)
    assert known_secrets({}, tmp_path) == set()
