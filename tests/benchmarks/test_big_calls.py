"""Tests of the benchmark of big bodies."""

from __future__ import annotations

import pytest

from scripts.benchmarks import big_calls
from scripts.benchmarks.big_calls import MAKERS, PER_CPU, WAYS, Way, add_options, goals, row, run
from scripts.benchmarks.rounds import BenchFailed
from tests.benchmarks.http_runs import asked, make_bare

SMALL = (Way("small down", 100_000, False), Way("small up", 100_000, True))


def test_a_short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real gateway, backend and clients: bodies go both ways, and all figures are there."""
    monkeypatch.setattr(big_calls, "WAYS", SMALL)
    said: list[str] = []
    (result,) = run(asked(add_options), said.append)
    assert [one.row for one in result.measurements] == ["tentaculo, small down", "tentaculo, small up"]
    for measured in result.measurements:
        assert set(measured.figures) == {column.figure for column in result.columns}
        assert min(measured.figures.values()) > 0
    assert result.versions["tentaculo, small up"].startswith("this tree, ")
    assert said[-1].startswith("round 1/1, tentaculo, small up: ")


@pytest.mark.parametrize("way", ["down", "up"])
def test_a_peer_that_changes_bodies(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and nothing is measured."""
    if way == "down":
        monkeypatch.setattr(big_calls, "make_body", lambda size: b"another")
    else:
        monkeypatch.setattr("scripts.benchmarks.big_calls.zlib.crc32", lambda body: 0)
    monkeypatch.setitem(MAKERS, "tentaculo", make_bare)
    with pytest.raises(BenchFailed, match=f"tentaculo can't be measured: a body changed on its way {way}"):
        run(asked(add_options), print)


def test_goals() -> None:
    """Half of nginx each way; others are shown; without the gateway there are none."""
    made = list(goals(["tentaculo", "nginx", "envoy"]))
    assert len({goal.name for goal in made}) == len(made) == 2 * len(WAYS)
    bound = [goal for goal in made if goal.at_least is not None]
    assert [goal.against for goal in bound] == [row("nginx", way) for way in WAYS]
    assert {(goal.figure, goal.at_least) for goal in bound} == {(PER_CPU, 0.5)}
    assert list(goals(["nginx", "envoy"])) == []
