"""The command line: every check runs and has its line, and the exit code tells what holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.releasing.__main__ import Ended, main, run_checks, summary
from scripts.releasing.outcomes import CheckFailed, CouldNotRun
from tests.scripts.releasing.commits import commit

OPTIONS = "--origin", ".", "--builder", "python3", "--compiler", "python3", "--node", "node"

NAMES = (
    *("version", "build", "contents", "wheel", "sdist", "compiled wheel"),
    *("bills of materials", "Python audit", "npm audit"),
)


def ends(how: str | Exception) -> Callable[[], str]:
    """A check that ends like this."""

    def check() -> str:
        if isinstance(how, Exception):
            raise how
        return how

    return check


@pytest.mark.parametrize(
    ("how", "line", "ended"),
    [
        pytest.param("fine", "ok  it: fine\n", Ended(), id="holds"),
        pytest.param(CheckFailed("a\nb"), "NO  it: a\n      b\n", Ended(failed=["it"]), id="fails"),
        pytest.param(FileNotFoundError("gone"), "NO  it: gone\n", Ended(failed=["it"]), id="lacks a file"),
        pytest.param(CouldNotRun("away"), "--  it: away\n", Ended(not_run=["it"]), id="could not run"),
    ],
)
def test_line(how: str | Exception, line: str, ended: Ended, capsys: pytest.CaptureFixture[str]) -> None:
    """It tells how the check ended."""
    assert run_checks([("it", ends(how))]) == ended
    assert capsys.readouterr().out == line


def test_checks_behind_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """They run all the same."""
    assert run_checks([("one", ends(CheckFailed("bad"))), ("two", ends("fine"))]) == Ended(failed=["one"])
    assert capsys.readouterr().out == "NO  one: bad\nok  two: fine\n"


@pytest.mark.parametrize(
    ("ended", "strict", "told"),
    [
        pytest.param(Ended(), True, (0, "Everything holds."), id="all hold"),
        pytest.param(
            Ended(not_run=["audit"]),
            False,
            (0, "Everything holds that could be checked here; not run: audit."),
            id="one could not run",
        ),
        pytest.param(
            Ended(failed=["wheel"], not_run=["audit"]),
            False,
            (1, "This is no release yet: wheel."),
            id="one failed",
        ),
        pytest.param(
            Ended(failed=["wheel"], not_run=["audit"]),
            True,
            (1, "This is no release yet: wheel, audit."),
            id="strict",
        ),
    ],
)
def test_summary(ended: Ended, strict: bool, told: tuple[int, str]) -> None:
    """The exit code tells what holds; what could not run fails only where that is demanded."""
    assert summary(ended, strict=strict) == told


def test_no_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Elsewhere than in a checkout there is nothing to check, and one sentence says so."""
    monkeypatch.chdir(tmp_path)
    assert main(OPTIONS) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("scripts/release-check: a release is made of a git checkout: ")


def test_checks_without_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing can be built each check has its line all the same, and nothing is kept."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tentaculo").mkdir()
    (tmp_path / "tentaculo" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    commit(tmp_path)
    nothing = tmp_path / "nothing"
    tools = ("--builder", str(nothing), "--compiler", str(nothing), "--node", str(nothing))
    assert main([*tools, "--origin", str(tmp_path), "--keep", "kept"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("    ")]
    assert lines[-1] == f"This is no release yet: {', '.join(NAMES)}."
    assert [line.partition(":")[0] for line in lines[:-1]] == [f"NO  {name}" for name in NAMES]
    assert lines[2] == "NO  contents: nothing was built"
    assert not (tmp_path / "kept").exists()
