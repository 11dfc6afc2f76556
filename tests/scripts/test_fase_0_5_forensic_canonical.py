"""The baseline of a small checkout, without containers: what is there and what is not, and no secret."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.releasing.commits import commit

ROOT = Path(__file__).parents[2]
NAME = "scripts/fase_0_5_forensic_canonical.sh"
COPIED = ("scripts/forensics", "scripts/compose.bash", NAME, "config", "examples/vx11/compose.yaml")
TOKEN = "principal-of-the-test"
ITEMS = {
    *(
        "stack",
        "backend",
        "token-source",
        "compose.yaml",
        "services.txt",
        "logs",
        "openapi.json",
        "routes.txt",
    ),
    *(
        "configuration.json",
        "database.json",
        "revision.txt",
        "core-files.sha256",
        "tests.txt",
        "versions.txt",
    ),
    *("VARS.env", "redaction"),
}
# What compose would say of a stack with secrets in its file.
RENDERED = """services:
  planted:
    image: x
    command: [run, --password, abcdefgh1]
    environment: {PLANTED_TOKEN: abcdefgh2, STORE: 'redis://:abcdefgh3@redis', OTHER: principal-of-the-test}
"""
# An engine with one container, which does not run; what it answers to `cp` is put in.
ENGINE = """case "$*" in
compose*) exit 1 ;;
inspect*State.Running*) printf 'a\\t1\\tfalse\\tid-of-a\\tof-the-test\\n' ;;
inspect*Config.Env*) echo '["PORT=80", "A_PASSWORD=in-its-environment", "A_TOKEN_FILE=/etc/a/token"]' ;;
inspect*) printf 'a\\texited\\n' ;;
logs*) echo 'it was in-its-environment, in-its-file and other-words' ;;
cp*) {cp} ;;
esac"""
COMPOSE = """case "$*" in
'config --services') echo a ;;
config) echo 'services: {a: {image: x}}' ;;
'ps --all --quiet') echo id-of-a ;;
'ps --all') echo 'a exited' ;;
esac"""


class Checkout:
    """A small checkout with what the script needs, and commands of which none is docker's."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.commands = folder / "bin"
        self._add_commands()
        for name in (*COPIED, "setup.cfg", "Dockerfile", ".gitignore"):
            self._copy(name)
        self.write(".venv/bin/python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        self.write(
            "tests/test_one.py", "from __future__ import annotations\n\n\ndef test_one() -> None:\n    pass\n"
        )
        commit(self.root)

    def write(self, name: str, text: str) -> None:
        """Write a file that may be run."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def command(self, name: str, text: str) -> None:
        """Put a command in the place of none."""
        (self.commands / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.commands / name).chmod(0o755)

    def start(
        self, *arguments: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start the script."""
        own = ("VX11", "TENTACULO", "COMPOSE", "HERMES", "MADRE", "SWITCH", "OPERATOR", "FRONTEND")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        unused = dict.fromkeys((f"{name}_ADDRESS" for name in own[3:]), "127.0.0.1:1")
        return subprocess.Popen(
            [self.root / NAME, *arguments],
            cwd=cwd or self.root,
            env={
                **kept,
                **unused,
                "TENTACULO_LISTEN": "127.0.0.1:1",
                "PATH": str(self.commands),
                "PYTHONPATH": str(ROOT),
                **(environ or {}),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **how: Any) -> tuple[int, str, str]:
        """Run it to its end: exit code, what it printed, what it complained of."""
        process = self.start(*arguments, **how)
        printed, complained = process.communicate(timeout=100)
        return process.returncode, printed, complained

    def baseline(self, code: int, *arguments: str, **how: Any) -> Path:
        """Run it to an exit code, and return the folder that it names."""
        ended, printed, complained = self.run(*arguments, **how)
        assert (ended, complained) == (code, ""), printed
        return Path(printed.splitlines()[0])

    def _copy(self, name: str) -> None:
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)

    def _add_commands(self) -> None:
        self.commands.mkdir()
        for folder in ("/usr/bin", "/bin"):
            for path in Path(folder).iterdir():
                if not path.name.startswith("docker") and not (self.commands / path.name).exists():
                    (self.commands / path.name).symlink_to(path)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One for all tests, for the script changes nothing."""
    return Checkout(tmp_path_factory.mktemp("forensic"))


def _listed(folder: Path) -> dict[str, dict[str, str]]:
    return {item["name"]: item for item in json.loads((folder / "MANIFEST.json").read_text())}


def _variables(folder: Path) -> dict[str, str]:
    names = "BASELINE_STACK BASELINE_TOKEN_SOURCE BASELINE_REVISION BASELINE_FOLDER COMPOSE_FILE"
    script = f'. "$1"; for name in {names}; do echo "${{!name}}"; done'
    shown = subprocess.run(
        ["bash", "-euc", script, "-", folder / "VARS.env"], capture_output=True, text=True, check=True
    )
    return dict(zip(names.split(), shown.stdout.splitlines(), strict=True))


def _everything(folder: Path) -> str:
    return "\n".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def test_without_a_stack(checkout: Checkout) -> None:
    """All that a checkout alone has is there; the rest is missing for a reason; nothing failed."""
    folder = checkout.baseline(0)
    assert folder.parent == checkout.root / "docs" / "audit"
    assert folder.name.startswith("fase_0_5_2")
    listed = _listed(folder)
    assert listed.keys() == ITEMS
    there = {name for name, item in listed.items() if item["state"] == "there" and item["sha256"]}
    assert there == {
        *("openapi.json", "routes.txt", "revision.txt", "core-files.sha256", "tests.txt", "versions.txt"),
        "VARS.env",
    }
    assert listed["stack"]["note"] == "not running: neither docker compose nor docker-compose is there"
    assert listed["services.txt"]["note"].startswith("not running: neither docker compose")
    assert all(item["note"] for item in listed.values() if item["state"] == "not there")
    assert "/events/sse-token" in json.loads((folder / "openapi.json").read_text())["paths"]
    assert "1 test collected" in (folder / "tests.txt").read_text()
    assert "operator-events" in (folder / "routes.txt").read_text()


def test_core_files(checkout: Checkout) -> None:
    """The digests are those of the files at a revision; an edit is told of, and baselines are none."""
    clean = checkout.baseline(0, "--no-tests")
    subprocess.run(
        ["sha256sum", "--check", "--quiet", "--strict", clean / "core-files.sha256"],
        cwd=checkout.root,
        check=True,
    )
    revision, state = (clean / "revision.txt").read_text().splitlines()
    assert (_variables(clean)["BASELINE_REVISION"], state) == (revision, "clean")
    try:
        with (checkout.root / "setup.cfg").open("a") as file:
            file.write("# edited\n")
        dirty = checkout.baseline(0, "--no-tests")
    finally:
        subprocess.run(["git", "checkout", "--quiet", "setup.cfg"], cwd=checkout.root, check=True)
    assert (dirty / "revision.txt").read_text().splitlines()[1:] == ["dirty:", " M setup.cfg"]


def test_private(checkout: Checkout) -> None:
    """Only its user may read a baseline."""
    folder = checkout.baseline(0, "--no-tests")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))} == {0o600, 0o700}


def test_two_at_once(checkout: Checkout) -> None:
    """Each has a folder of its own."""
    processes = [checkout.start("--no-tests") for _ in range(3)]
    folders = {process.communicate(timeout=100)[0].splitlines()[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(folders) == 3
    assert all(_listed(Path(folder)).keys() == ITEMS for folder in folders)
    assert all(_variables(Path(folder))["BASELINE_FOLDER"] == folder for folder in folders)


def test_secrets(checkout: Checkout, tmp_path: Path) -> None:
    """Known ones and what goes by a secret's name are nowhere; the token's source is named."""
    folder = tmp_path / "named" / "folder"
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    checkout.command("docker-compose", f"""[ "$*" = config ] && cat <<'EOF'\n{RENDERED}EOF""")
    try:
        environ = {"VX11_TOKEN_FILE": str(tmp_path / "token")}
        assert (
            checkout.baseline(0, "--no-tests", "--output", "named/folder", environ=environ, cwd=tmp_path)
            == folder
        )
    finally:
        (checkout.commands / "docker-compose").unlink()
    everything = _everything(folder)
    assert not [secret for secret in (TOKEN, *(f"abcdefgh{n}" for n in (1, 2, 3))) if secret in everything]
    assert "PLANTED_TOKEN: '***'" in (folder / "compose.yaml").read_text()
    found = _variables(folder)
    assert found["BASELINE_TOKEN_SOURCE"] == f"file:{tmp_path / 'token'}"
    assert found["COMPOSE_FILE"] == str(checkout.root / "examples" / "vx11" / "compose.yaml")


@pytest.mark.parametrize(
    ("cp", "code", "shown"),
    [
        pytest.param('echo in-its-file >"$4"', 0, "it was ***, *** and other-words\n", id="read"),
        pytest.param(
            "echo 'Could not find it' >&2; exit 1", 0, "it was ***, in-its-file and", id="none there"
        ),
        pytest.param("echo 'permission denied' >&2; exit 1", 1, "it was ***, in-its-file and", id="closed"),
    ],
)
def test_container_that_is_stopped(
    cp: str, code: int, shown: str, checkout: Checkout, tmp_path: Path
) -> None:
    """Its log and state are there; where its secrets can't be read, nothing vouches for the baseline."""
    checkout.command("docker", ENGINE.format(cp=cp))
    checkout.command("docker-compose", COMPOSE)
    try:
        folder = checkout.baseline(code, "--no-tests", "--output", str(tmp_path / "x"))
    finally:
        for name in ("docker", "docker-compose"):
            (checkout.commands / name).unlink()
    listed = _listed(folder)
    assert listed["stack"]["note"] == "not running: no container of it runs"
    assert (folder / "logs" / "a.log").read_text().startswith(shown)
    assert "a exited" in (folder / "services.txt").read_text()
    assert ("secrets-of-a" in listed) == (code == 1)


def test_compose_that_fails(checkout: Checkout, tmp_path: Path) -> None:
    """What should work and does not fails the run, and the rest is there."""
    checkout.command("docker-compose", "echo 'no such file' >&2; exit 1")
    try:
        folder = checkout.baseline(1, "--no-tests", "--output", str(tmp_path / "x"))
    finally:
        (checkout.commands / "docker-compose").unlink()
    listed = _listed(folder)
    assert [(name, item["note"]) for name, item in listed.items() if item["state"] == "failed"] == [
        ("compose.yaml", "no such file")
    ]
    assert listed["openapi.json"]["state"] == "there"


@pytest.mark.parametrize(("damage", "code"), [(b"", 0), (bytes(4096), 1)], ids=["whole", "damaged"])
def test_database(damage: bytes, code: int, checkout: Checkout, tmp_path: Path) -> None:
    """The one that scripts/run keeps is checked, and left as it was."""
    path = tmp_path / "vx11.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE events (x)")
        database.executemany("INSERT INTO events VALUES (?)", [("x" * 999,) for _ in range(99)])
        database.commit()
    data = bytearray(path.read_bytes())
    data[4096 : 4096 + len(damage)] = damage
    path.write_bytes(data)
    folder = checkout.baseline(
        code, "--no-tests", "--output", str(tmp_path / "out"), environ={"HERMES_DB": str(path)}
    )
    assert _listed(folder)["database.json"]["state"] == ("failed" if code else "there")
    assert json.loads((folder / "database.json").read_text())["path"] == str(path)
    assert (path.read_bytes(), {*tmp_path.iterdir()}) == (bytes(data), {path, tmp_path / "out"})


@pytest.mark.parametrize("code", [0, 1])
def test_run_of_the_tests(code: int, checkout: Checkout, tmp_path: Path) -> None:
    """With --tests they run, what they counted is kept, and failing ones fail the baseline."""
    checkout.write("scripts/test", f"#!/bin/sh\necho '12 passed'\nexit {code}\n")
    try:
        folder = checkout.baseline(code, "--tests", "--output", str(tmp_path / "out"))
    finally:
        (checkout.root / "scripts" / "test").unlink()
    assert (folder / "tests.txt").read_text() == "12 passed\n"
    assert _listed(folder)["tests.txt"]["title"] == "Tests (run)"


@pytest.mark.parametrize("arguments", [("--nonsense",), ("--output",), ("--output", "."), ("folder",)])
def test_wrong_usage(arguments: tuple[str, ...], checkout: Checkout) -> None:
    """It is exit code 2 with a sentence, and nothing is written."""
    code, printed, complained = checkout.run(*arguments)
    assert (code, printed) == (2, "")
    assert NAME.removeprefix("scripts/") in complained


def test_help(checkout: Checkout) -> None:
    """The help names every option."""
    code, printed, _ = checkout.run("--help")
    assert code == 0
    assert all(option in printed for option in ("--output", "--tests", "--no-tests", "Exit codes"))
