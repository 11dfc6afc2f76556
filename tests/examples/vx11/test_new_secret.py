"""The program that makes the stack's secrets, run in folders of the test's own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "examples" / "vx11" / "containers" / "new-secret"


class Secrets:
    """The folders of the secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("principal", "admin", "redis"):
            (folder / name).mkdir()

    def make(self, *arguments: str, code: int = 0) -> str:
        """Run the program to an exit code; return its complaint."""
        program = PROGRAM.read_text().replace("/run/secrets", str(self.folder))
        done = subprocess.run(
            ["sh", "-c", program, "new-secret", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stderr

    def read(self, name: str) -> str:
        """Return a secret."""
        return (self.folder / name).read_text().strip()


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    """Folders without one."""
    return Secrets(tmp_path)


@pytest.mark.parametrize("name", ["principal", "admin"])
def test_token(name: str, secrets: Secrets) -> None:
    """A token is made anew, for its owner's eyes."""
    secrets.make(name)
    first = secrets.read(f"{name}/token")
    assert re.fullmatch("[0-9a-f]{48}", first)
    assert (secrets.folder / name / "token").stat().st_mode & 0o777 == 0o400
    secrets.make(name)
    assert secrets.read(f"{name}/token") != first
    assert [file.name for file in (secrets.folder / name).iterdir()] == ["token"]


def test_missing(secrets: Secrets) -> None:
    """One that is there stays where only those that are missing are wanted; redis' comes with its URL."""
    secrets.make("--missing", "redis")
    password = secrets.read("redis/password")
    assert secrets.read("redis/url") == f"redis://:{password}@redis:6379/0"
    secrets.make("--missing", "redis")
    assert secrets.read("redis/password") == password


def test_cut_short(secrets: Secrets) -> None:
    """One that was killed half-way leaves nothing that keeps the next from making both of redis' files."""
    (secrets.folder / "redis" / ".new").mkdir()
    secrets.make("--missing", "redis", code=1)
    assert not (secrets.folder / "redis" / "password").exists()
    (secrets.folder / "redis" / ".new").rmdir()
    leftover = secrets.folder / "redis" / ".new"
    leftover.write_text("half")
    leftover.chmod(0o400)
    secrets.make("--missing", "redis")
    assert secrets.read("redis/password") in secrets.read("redis/url")


def test_usage(secrets: Secrets) -> None:
    """Anything else is no secret of the stack."""
    assert secrets.make("other", code=2).startswith("usage: new-secret ")
