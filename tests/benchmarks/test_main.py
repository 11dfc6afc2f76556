"""Tests of the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scripts.benchmarks import __main__ as command
from scripts.benchmarks import calls, streams, tokens
from scripts.benchmarks.__main__ import main
from scripts.benchmarks.form import Form
from scripts.benchmarks.report import Result
from scripts.benchmarks.rounds import BenchFailed

EMPTY = Result(title="Calls", machine="one", versions=(), backend_per_second=1, samples=())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "BENCHMARK"),
        (["nothing"], "invalid choice"),
        (["calls", "--rounds", "0"], "must be at least 1"),
        (["calls", "--seconds", "x"], "invalid"),
        (["calls", "--peers", "nginx,apache"], "'apache' is none of tentaculo, obvious, nginx, envoy"),
    ],
    ids=["no benchmark", "unknown benchmark", "no rounds", "no number", "unknown peer"],
)
def test_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake on the command line is named, and the exit code is 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """The help can be tried by pasting."""
    with pytest.raises(SystemExit):
        main(["calls", "--help"])
    assert "scripts/bench calls --rounds 3" in capsys.readouterr().out


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[calls.Options]:
    """Return what a run was asked for; nothing is compiled or measured."""
    seen: list[calls.Options] = []

    def run(options: calls.Options, _: object) -> Result:
        seen.append(options)
        return EMPTY

    monkeypatch.setattr(calls, "run", run)
    monkeypatch.setattr(command, "choose_form", lambda python, *, pure: Form(f"{python} {pure}"))
    return seen


def test_rounds_are_many_and_short(asked: list[calls.Options]) -> None:
    """Unless told otherwise, a drifting machine shows in many rounds and not within one."""
    assert main(["calls", "--no-goals"]) == 0
    assert (asked[0].rounds, asked[0].seconds) == (15, 2)


def test_form_is_compiled_unless_told_otherwise(asked: list[calls.Options]) -> None:
    """The user's wishes reach the choice of what is measured."""
    for arguments in ([], ["--pure"], ["--python", "/bin/sh"]):
        main(["calls", "--no-goals", *arguments])
    assert [one.form.python for one in asked] == ["None False", "None True", "/bin/sh False"]


@pytest.mark.usefixtures("asked")
def test_paths_are_the_users(tmp_path: Path) -> None:
    """Files are named from where the user is, which is not where the benchmark runs."""
    main(["--origin", str(tmp_path), "calls", "--no-goals", "--json", "samples.json"])
    assert json.loads((tmp_path / "samples.json").read_text())["title"] == "Calls"


def test_a_python_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """An interpreter that is not there is named, and the exit code is 2."""
    assert main(["calls", "--python", "./no-python"]) == 2
    assert "./no-python is no program" in capsys.readouterr().err


@pytest.mark.parametrize("benchmark", [calls, streams, tokens], ids=["calls", "streams", "tokens"])
def test_what_can_not_be_measured_is_exit_code_2(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is said."""

    def fail(options: object, say: object) -> Result:
        raise BenchFailed("nginx can't be measured")

    monkeypatch.setattr(benchmark, "run", fail)
    assert main([benchmark.__name__.rpartition(".")[2], "--pure", "--python", sys.executable]) == 2
    assert "nginx can't be measured" in capsys.readouterr().err
