"""Tests of the command line."""

from __future__ import annotations

import pytest

from scripts.benchmarks.__main__ import main


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
