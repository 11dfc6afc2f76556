"""Tests of the benchmark of tokens: its figures, its goals, and a short run of all of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from scripts.benchmarks import tokens
from scripts.benchmarks.__main__ import main
from scripts.benchmarks.form import Form
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.samples import Spread
from scripts.benchmarks.tokens import (
    Figure,
    Options,
    Result,
    as_markdown,
    gateway_figures,
    run,
    step_figures,
)

STEPS = {
    "microseconds": {"issue": [9.0, 8.0, 11.0], "redeem": [100.5, 100.5, 100.5]},
    "round_trips": {"issue": 1.0, "redeem": 1.5},
}


def _result(*figures: Figure) -> Result:
    return Result("a machine", "pure, Python 3", figures)


def test_steps_become_figures_with_their_goals() -> None:
    """The median counts; less than 100 microseconds, and one round trip."""
    figures = step_figures(json.dumps(STEPS))
    assert [(one.name, one.value.median, one.met) for one in figures] == [
        ("issue, memory store", 9.0, True),
        ("redeem, memory store", 100.5, False),
        ("issue, Redis", 1.0, True),
        ("redeem, Redis", 1.5, False),
    ]


@pytest.mark.parametrize("text", ["", "nonsense", "{}", '{"microseconds": 1, "round_trips": 2}'])
def test_steps_without_figures_are_a_failure(text: str) -> None:
    """Nothing is made up for a measurement that did not happen."""
    with pytest.raises(BenchFailed, match="no figures"):
        step_figures(text)


def test_the_gateway_has_no_goal() -> None:
    """Its cost is shown as streams per CPU-second and as CPU time of one."""
    figures = gateway_figures(500, 0.25)
    assert [(one.value.median, one.unit, one.met) for one in figures] == [
        (2000.0, "per CPU-second", True),
        (500.0, "μs CPU", True),
    ]
    with pytest.raises(BenchFailed):
        gateway_figures(0, 0.25)


def test_the_table_says_which_goals_are_met() -> None:
    """One row a figure, in Markdown."""
    met = Figure("issue", Spread(7.5, 7.0, 8.0), "μs CPU", 100.0)
    missed = Figure("redeem", Spread(1.5, 1.5, 1.5), "round trips", 1.0)
    shown = Figure("open", Spread(2000.0, 2000.0, 2000.0), "per CPU-second")
    lines = as_markdown(_result(met, missed, shown), with_goals=True).splitlines()
    assert lines[-3:] == [
        "| issue | 7.50 (7.00 to 8.00) μs CPU | ≤ 100 | met |",
        "| redeem | 1.50 round trips | ≤ 1 | **not met** |",
        "| open | 2,000 per CPU-second | none | shown only |",
    ]
    assert "goal" not in as_markdown(_result(met), with_goals=False)


@pytest.mark.parametrize(
    ("most", "arguments", "code"), [(10.0, [], 0), (1.0, [], 1), (1.0, ["--no-goals"], 0)], ids=str
)
def test_exit_code_tells_whether_goals_are_met(
    most: float, arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 met, 1 not met, and 0 where nobody asks."""
    result = _result(Figure("issue", Spread(7.5, 7.0, 8.0), "μs CPU", most))
    monkeypatch.setattr(tokens, "run", lambda options, say: result)
    assert main(["tokens", "--pure", "--python", sys.executable, *arguments]) == code


def test_a_short_run_measures_everything() -> None:
    """Real Redis, real gateway; the goals hold with room to spare, but times are not this test's matter."""
    result = run(Options(seconds=1, clients=4, form=Form(sys.executable)), lambda text: None)
    assert [(one.name, one.unit) for one in result.figures] == [
        ("issue, memory store", "μs CPU"),
        ("redeem, memory store", "μs CPU"),
        ("issue, Redis", "round trips"),
        ("redeem, Redis", "round trips"),
        ("issue + open + close, gateway", "per CPU-second"),
        ("issue + open + close, gateway", "μs CPU"),
    ]
    assert [one.value.median for one in result.figures[2:4]] == [1.0, 1.0]
    assert result.version.startswith(("pure", "compiled"))


def test_a_gateway_that_can_not_start_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last words are said."""
    monkeypatch.setattr(tokens, "_measure_steps", lambda *given: json.dumps(STEPS))
    (tmp_path / "tentaculo.py").write_text("raise SystemExit('no gateway here')")
    with pytest.raises(BenchFailed, match="can't be measured: it ended with exit code 1: no gateway here"):
        run(Options(seconds=1, clients=1, form=Form(sys.executable, tmp_path)), lambda text: None)
