"""The command line: what it takes, what it answers where nothing runs, and one deployment at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.deploying.__main__ import COMMANDS, agrees, alone, main, read_options
from scripts.deploying.commands import ROOT
from scripts.deploying.outcomes import NotPossible
from tests.scripts.deploying.engine import Engine

SCRIPT = ROOT / "scripts" / "deploy_automation.sh"


def test_commands() -> None:
    """Every command is taken, and told by `help`."""
    for name in COMMANDS:
        assert read_options([name]).command == name


@pytest.mark.parametrize("arguments", [["help"], ["--help"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The help names every command."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in COMMANDS)


def test_usage() -> None:
    """What is no command ends with 2."""
    with pytest.raises(SystemExit) as ended:
        main(["destroy"])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    "arguments", [["preflight", "--dry-run"], ["verify", "--dry-run"], ["deploy", "a-folder"]]
)
def test_options_of_others(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An option that a command would not heed is refused: a preflight removes leftovers, say."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "rollback" in capsys.readouterr().err


def test_nobody_reads() -> None:
    """A terminal that is gone, like a full disk, takes no line and ends nothing."""
    program = "from scripts.deploying.__main__ import say; say('one'); say('two')"
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=full, check=False)
    assert ran.returncode == 0


def test_same_second(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that another stack's deployment has just made is not written to."""
    engine.stack()
    monkeypatch.setattr("scripts.deploying.planning.now", lambda: "20260101T000000Z")
    (tmp_path / "20260101T000000Z").mkdir()
    assert main(["deploy", "--tag", "new", "--reports", str(tmp_path)]) == 2
    assert "20260101T000000Z can't be made: File exists" in capsys.readouterr().err


def test_alone() -> None:
    """A second deployment of a stack has no place beside the first, one of another stack has."""
    with alone("one"):
        with pytest.raises(NotPossible, match="another deployment of one runs"), alone("one"):
            pass
        with alone("two"):
            pass
    with alone("one"):
        pass


def test_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked where nobody sits."""
    with open(os.devnull, encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert agrees("Go back?")


def test_script() -> None:
    """The script runs from anywhere, and hands its arguments on."""
    ran = subprocess.run([SCRIPT, "help"], cwd="/", capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    assert ran.stdout.startswith("usage: scripts/deploy_automation.sh")


def test_rehearsal(engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --dry-run the engine is asked, and told to do nothing but to check the configuration."""
    engine.images["vx11/madre:new"] = "sha256:new"
    engine.stack()
    assert main(["deploy", "--tag", "new", "--dry-run", "--reports", str(tmp_path / "reports")]) == 0
    assert "Would replace madre, after" in capsys.readouterr().out
    assert engine.told == ["exec --interactive id-of-tentaculo_link tentaculo check"]
    assert not (tmp_path / "reports").exists()


def test_nothing_runs(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stack there is nothing to deploy to, and one sentence says so."""
    engine.containers = []
    engine.stack()
    assert main(["deploy"]) == 2
    assert "the stack does not run: start it with" in capsys.readouterr().err


def test_nothing_to_go_back_to(engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor is there a way back without a snapshot."""
    engine.stack()
    assert main(["rollback", "--reports", str(tmp_path)]) == 2
    assert "holds no snapshot of vx11" in capsys.readouterr().err
