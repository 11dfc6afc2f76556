"""Tests of the benchmark of tokens: its figures, its goals, and a short run of all of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from scripts.benchmarks import tokens
from scripts.benchmarks.figures import Result, Spread
from scripts.benchmarks.form import Form
from scripts.benchmarks.options import Asked, own_defaults
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.tokens import (
    COLUMNS,
    CPU,
    GATEWAY,
    GOALS,
    MEMORY,
    MOST,
    PER_CPU_SECOND,
    REDIS,
    cpu_of,
    gateway_figures,
    run,
    step_figures,
    trips_of,
)

STEPS = {
    "microseconds": {"issue": [9.0, 8.0, 11.0], "redeem": [100.5, 100.5, 100.5]},
    "round_trips": {"issue": 1.0, "redeem": 1.5},
}


def asked(folder: Path | None = None) -> Asked:
    """Return a run of a round with a second's load."""
    own = own_defaults(tokens.add_options)
    own.clients = 4
    form = Form(sys.executable, folder) if folder else Form(sys.executable)
    return Asked(rounds=1, seconds=1, peers=("tentaculo",), form=form, own=own)


def test_steps_become_figures_with_their_goals() -> None:
    """Each batch is a round, and the median counts: less than 100 microseconds, and one round trip."""
    result = Result(
        name="tokens",
        title="Tokens",
        machine="a machine",
        rows=(MEMORY, REDIS, MOST),
        versions={},
        columns=COLUMNS,
        measurements=step_figures(json.dumps(STEPS)),
        goals=GOALS,
    )
    assert result.spread_of(MEMORY, cpu_of("issue")) == Spread(9.0, 8.0, 11.0)
    assert result.spread_of(REDIS, trips_of("redeem")) == Spread(1.5, 1.5, 1.5)
    assert result.spread_of(MOST, cpu_of("issue")) == Spread(100.0, 100.0, 100.0)
    assert [verdict.met for verdict in result.verdicts()] == [True, False, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "{}",
        '{"microseconds": 1, "round_trips": 2}',
        json.dumps(STEPS | {"microseconds": {"issue": [1.0], "redeem": []}}),
        json.dumps(STEPS | {"round_trips": {"issue": 1}}),
    ],
    ids=["nothing", "no JSON", "no figures", "no lists", "half a batch", "half the trips"],
)
def test_steps_without_figures_are_a_failure(text: str) -> None:
    """Nothing is made up for a measurement that did not happen."""
    with pytest.raises(BenchFailed, match="no figures"):
        step_figures(text)


def test_the_gateway_has_no_goal() -> None:
    """Its cost is shown as streams per CPU-second and as CPU time of one."""
    measured = gateway_figures(1, 500, 0.25)
    assert (measured.row, measured.round) == (GATEWAY, 1)
    assert measured.figures == {PER_CPU_SECOND: 2000.0, CPU: 500.0}
    assert GATEWAY not in {goal.subject for goal in GOALS}
    with pytest.raises(BenchFailed):
        gateway_figures(0, 0, 0.25)


def test_a_short_run_measures_everything() -> None:
    """Real Redis, real gateway; the goals hold with room to spare, but times are not this test's matter."""
    (result,) = run(asked(), lambda text: None)
    for row, figure in (
        (MEMORY, cpu_of("issue")),
        (MEMORY, cpu_of("redeem")),
        (GATEWAY, PER_CPU_SECOND),
        (GATEWAY, CPU),
    ):
        assert result.spread_of(row, figure) is not None
    assert [result.spread_of(REDIS, trips_of(step)) for step in tokens.STEPS] == [Spread(1.0, 1.0, 1.0)] * 2
    assert result.versions["tentaculo"].startswith(("this tree, pure", "this tree, compiled"))


def test_a_gateway_that_can_not_start_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last words are said."""
    monkeypatch.setattr(tokens, "_measure_steps", lambda *given: json.dumps(STEPS))
    (tmp_path / "tentaculo.py").write_text("raise SystemExit('no gateway here')")
    with pytest.raises(BenchFailed, match="can't be measured: it ended with exit code 1: no gateway here"):
        run(asked(tmp_path), lambda text: None)
