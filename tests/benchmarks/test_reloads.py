"""Tests of the benchmark of reloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.benchmarks import reloads
from scripts.benchmarks.big_calls import make_backend
from scripts.benchmarks.reloads import COLUMNS, FAILED, SEEN, Rewriter, Row, add_options, check, run
from scripts.benchmarks.rounds import BenchFailed
from tests.benchmarks.http_runs import asked


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few routes, and a backend in this project's Python."""
    monkeypatch.setattr(reloads, "COUNTS", (10,))
    monkeypatch.setattr(reloads, "ROWS", (Row(10, False), Row(10, True)))
    monkeypatch.setattr(reloads, "PERIOD_SECONDS", 0.4)
    monkeypatch.setattr(reloads, "PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(reloads, "make_backend", make_backend)


def test_a_short_run() -> None:
    """Real gateway, backend and clients: reloads are seen where the file is written, and no call fails."""
    (result,) = run(asked(add_options, "--rate", "100"), print)
    rest, moving = result.measurements
    assert (rest.row, moving.row) == ("tentaculo, 10 routes, at rest", "tentaculo, 10 routes, reloading")
    assert set(moving.figures) == {column.figure for column in COLUMNS}
    assert (rest.figures[SEEN], rest.figures[FAILED], moving.figures[FAILED]) == (0, 0, 0)
    assert moving.figures[SEEN] >= 1


@pytest.mark.parametrize(
    ("row", "failed", "seen", "said"),
    [
        (Row(10, False), 2.0, 0.0, "10 routes, at rest: 2 calls failed"),
        (Row(10, True), 1.0, 5.0, "10 routes, reloading: 1 calls failed"),
        (Row(10, True), 0.0, 0.0, "10 routes, reloading: no reload was seen"),
    ],
    ids=["failed at rest", "failed by a reload", "no reload"],
)
def test_no_measurement(row: Row, failed: float, seen: float, said: str) -> None:
    """No call may be lost, and what is written must take effect."""
    check(row, {FAILED: 0.0, SEEN: 1.0})
    with pytest.raises(BenchFailed, match=said):
        check(row, {FAILED: failed, SEEN: seen})


def test_a_content_that_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no reload."""
    monkeypatch.setattr(reloads, "ROWS", (Row(10, True),))
    monkeypatch.setattr(reloads, "EXTRA", "\n  - {name: extra}")
    with pytest.raises(BenchFailed, match="a content was rejected"):
        run(asked(add_options, "--rate", "100"), print)


def test_contents_take_turns(tmp_path: Path) -> None:
    """Both are whole at any time, and the first to be written is not what was there."""
    file = tmp_path / "a.yaml"
    file.write_text("a")
    writer = Rewriter(file, "b")
    seen = []
    for _ in range(3):
        writer.write()
        seen.append(file.read_text())
    assert seen == ["ab\n", "a", "ab\n"]
    assert list(tmp_path.iterdir()) == [file]
