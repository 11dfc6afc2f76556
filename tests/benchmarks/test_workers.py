"""Tests of the benchmark of workers: which cores they get, and a short run of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.benchmarks import workers
from scripts.benchmarks.calls import PER_SECOND
from scripts.benchmarks.form import PROJECT
from scripts.benchmarks.http_stand import PER_CPU_SECOND
from scripts.benchmarks.workers import (
    GOAL,
    add_options,
    load_cores,
    remarks,
    row_of,
    run,
    shown,
    worker_cores,
)
from tests.benchmarks.http_runs import asked
from tests.benchmarks.programs import put_programs

FIGURES = {PER_SECOND: 1.0, PER_CPU_SECOND: 2.0}


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        (range(8), [(7,), (7, 5), (7, 5, 3, 2)]),
        (range(4), [(3,), (3, 1), ()]),
        (range(3), [(2,), (), ()]),
        (range(2), [(1,), (1, 0), ()]),
    ],
    ids=["eight", "four", "three", "two"],
)
def test_cores(cores: range, expected: list[tuple[int, ...]]) -> None:
    """Each worker has one of its own, beside those of backend and load, or none is given out."""
    assert [worker_cores(count, cores) for count in workers.COUNTS] == expected
    for found in expected:
        assert not set(load_cores(cores)) & set(found)


def test_what_is_shown() -> None:
    """Where cores are shared only the CPU time of a request says anything, and that is said."""
    assert shown(FIGURES, 2, range(4)) == FIGURES
    assert shown(FIGURES, 4, range(4)) == {PER_CPU_SECOND: 2.0}
    assert len(remarks(range(8))) == 1
    assert "For 4 workers there are too few cores" in remarks(range(4))[1]
    assert "For 2 and 4 workers there are too few cores" in remarks(range(3))[1]


def test_goal() -> None:
    """Two workers carry nearly twice as much as one."""
    assert GOAL.name == "tentaculo, 2 workers to tentaculo, 1 worker: requests/s"
    assert GOAL.at_least == 1.8


def test_a_short_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real gateways of one, two and four workers, with stand-ins for backend and load."""
    put_programs(tmp_path, made=400, claimed=400)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    (result,) = run(asked(add_options), lambda text: None)
    assert result.rows == tuple(map(row_of, workers.COUNTS))
    for row in result.rows:
        assert result.spread_of(row, PER_CPU_SECOND) is not None
