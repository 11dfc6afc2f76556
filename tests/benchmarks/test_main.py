"""Tests of the command line."""

from __future__ import annotations

import argparse
import json
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from scripts.benchmarks import __main__ as command
from scripts.benchmarks.__main__ import main
from scripts.benchmarks.figures import Result
from scripts.benchmarks.form import Form
from scripts.benchmarks.options import Asked, Defaults, positive
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.tools import Say, ToolMissing
from tests.benchmarks.results import goal, make_result


class FakeBenchmark:
    """A benchmark that measures nothing: it returns `result`, or fails by `error`."""

    HELP = "nothing at all"
    DEFAULTS = Defaults(rounds=7, seconds=2, peers=("tentaculo", "nginx"))

    def __init__(self, name: str) -> None:
        self.NAME = name
        self.asked: list[Asked] = []
        self.result = make_result([goal(at_least=2.5)], name=name)
        self.error: BaseException | None = None

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add one option."""
        parser.add_argument("--connections", type=positive, default=64)

    def run(self, asked: Asked, say: Say) -> Sequence[Result]:
        """Note what was asked for."""
        self.asked.append(asked)
        say(f"measuring {self.NAME}")
        if self.error:
            raise self.error
        return [self.result]


class Fakes:
    """Two benchmarks of a whole run and one that is run by name only."""

    def __init__(self) -> None:
        self.calls, self.streams, self.short = map(FakeBenchmark, ("calls", "streams", "short"))


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Fakes]:
    """Register fakes alone; nothing is compiled, and a whole run writes into `tmp_path`/all."""
    fakes = Fakes()
    monkeypatch.setattr(command, "ALL", (fakes.calls, fakes.streams))
    monkeypatch.setattr(command, "BY_NAME_ONLY", (fakes.short,))
    monkeypatch.setattr(command, "OUT_OF_ALL", tmp_path / "all")
    monkeypatch.setattr(command, "choose_form", lambda python, *, pure: Form(f"{python} {pure}"))
    before = signal.getsignal(signal.SIGTERM)
    yield fakes
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "invalid choice"),
        (["calls", "--rounds", "0"], "must be at least 1"),
        (["calls", "--seconds", "x"], "invalid"),
        (["calls", "--peers", "nginx,apache"], "'apache' is none of tentaculo, nginx"),
        (["--peers", "apache"], "'apache' is none of tentaculo, nginx"),
    ],
    ids=["unknown benchmark", "no rounds", "no number", "unknown peer", "unknown peer of all"],
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


def test_one_benchmark(fakes: Fakes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It runs as its defaults say; tables go to stdout, progress to stderr, and nothing into files."""
    assert main(["calls"]) == 0
    (asked,) = fakes.calls.asked
    assert (asked.rounds, asked.seconds, asked.peers) == (7, 2, ("tentaculo", "nginx"))
    assert asked.own.connections == 64
    assert fakes.streams.asked == []
    printed = capsys.readouterr()
    assert printed.out.startswith("## Some calls\n")
    assert printed.err == "measuring calls\n"
    assert not (tmp_path / "all").exists()


def test_options_of_one_benchmark(fakes: Fakes) -> None:
    """What every benchmark can be told may stand on either side of the name; its own options stand behind."""
    main(["--seconds", "5", "calls", "--rounds", "3", "--peers", "nginx", "--connections", "8"])
    (asked,) = fakes.calls.asked
    assert (asked.rounds, asked.seconds, asked.peers, asked.own.connections) == (3, 5, ("nginx",), 8)


def test_all_benchmarks(fakes: Fakes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name all are run but those by name only; tables, figures and a picture are written."""
    assert main(["--rounds", "1"]) == 0
    assert (len(fakes.calls.asked), len(fakes.streams.asked), fakes.short.asked) == (1, 1, [])
    assert (fakes.streams.asked[0].rounds, fakes.streams.asked[0].own.connections) == (1, 64)
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [
        "bench.json",
        "bench.md",
        "bench.png",
    ]
    printed = capsys.readouterr().out
    assert (tmp_path / "all" / "bench.md").read_text().strip() == printed.strip()
    assert [line for line in printed.splitlines() if line[:3] == "## "] == [
        "## Some calls",
        "## Some streams",
    ]


def test_all_benchmarks_of_some_peers(fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    """Each measures those that it knows, and one that knows none of them is left out."""
    fakes.streams.DEFAULTS = Defaults(rounds=1, seconds=1, peers=("envoy", "tentaculo"))
    assert main(["--peers", "nginx"]) == 0
    assert fakes.calls.asked[0].peers == ("nginx",)
    assert fakes.streams.asked == []
    assert "streams has none of these peers" in capsys.readouterr().err


def test_paths_are_the_users(fakes: Fakes, tmp_path: Path) -> None:
    """Files are named from where the user is, which is not where the benchmark runs."""
    main(["--origin", str(tmp_path), "calls", "--json", "samples.json", "--out", "figures"])
    whole = json.loads((tmp_path / "samples.json").read_text())
    assert [result["name"] for result in whole["results"]] == ["calls"]
    assert json.loads((tmp_path / "figures" / "bench.json").read_text()) == whole


def test_form_is_compiled_unless_told_otherwise(fakes: Fakes) -> None:
    """The user's wishes reach the choice of what is measured."""
    for arguments in ([], ["--pure"], ["--python", "/bin/sh"]):
        main(["calls", *arguments])
    assert [one.form.python for one in fakes.calls.asked] == ["None False", "None True", "/bin/sh False"]


@pytest.mark.usefixtures("fakes")
def test_a_python_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """An interpreter that is not there is named, and the exit code is 2."""
    assert main(["calls", "--python", "./no-python"]) == 2
    assert "./no-python is no program" in capsys.readouterr().err


def test_goals(fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is not met is exit code 1, unless nobody asks for goals."""
    fakes.streams.result = make_result([goal(at_least=2.6)])
    assert [main(["calls"]), main(["streams"]), main([]), main(["--no-goals"])] == [0, 1, 1, 0]
    capsys.readouterr()
    main(["streams", "--no-goals"])
    assert "not met" not in capsys.readouterr().out


@pytest.mark.parametrize("error", [BenchFailed("nginx broke."), ToolMissing("nginx is missing.")])
def test_what_can_not_be_measured(
    error: Exception, fakes: Fakes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is said and written down, the others are measured all the same, and the exit code is 2."""
    fakes.calls.error = error
    assert [main(["calls"]), main([])] == [2, 2]
    assert len(fakes.streams.asked) == 1
    printed = capsys.readouterr()
    assert printed.err.count(f"calls: {error}\n") == 2
    assert "## Some streams" in printed.out
    assert json.loads((tmp_path / "all" / "bench.json").read_text())["missing"] == {"calls": str(error)}
    assert f"calls was not measured: {error}" in (tmp_path / "all" / "bench.md").read_text()


def test_an_interrupted_run(fakes: Fakes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was measured before is kept."""
    fakes.streams.error = KeyboardInterrupt()
    assert main([]) == 130
    assert "every process that was started has ended" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "all" / "bench.json").read_text())["results"]) == 1


def test_sigterm_ends_a_run_as_ctrl_c_does(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    """So every process that was started is ended on the way out."""

    def run(asked: Asked, say: Say) -> Sequence[Result]:
        os.kill(os.getpid(), signal.SIGTERM)
        return []

    monkeypatch.setattr(fakes.calls, "run", run)
    assert main(["calls"]) == 130
