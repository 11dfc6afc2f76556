"""A flood of like events leaves few lines, and the number of those that were left out."""

from __future__ import annotations

from tentaculo.telemetry.line_limit import LineLimit
from tests.fakes.clock import Clock


def test_few_lines_of_many() -> None:
    """As many as a second's at once, then so many a second; no more than those are saved up."""
    clock = Clock()
    limit = LineLimit(clock, rate=5)
    assert [limit.admits() for _ in range(7)] == [True] * 5 + [False] * 2
    clock.advance(0.5)
    assert [limit.admits() for _ in range(3)] == [True, True, False]
    clock.advance(3600)
    assert sum(limit.admits() for _ in range(100)) == 5


def test_what_was_left_out_is_told_once() -> None:
    """The next line can say how many there were."""
    limit = LineLimit(Clock(), rate=1)
    assert [limit.admits() for _ in range(4)] == [True, False, False, False]
    assert (limit.take_suppressed(), limit.take_suppressed()) == (3, 0)
