"""Pauses before a worker is started again."""

from __future__ import annotations

from tentaculo.workers.restarts import LONGEST_PAUSE, Restarts


def test_pauses() -> None:
    """One that never serves is started at once, then ever later, up to a bound."""
    restarts = Restarts()
    pauses = [restarts.next_pause(has_served=False) for _ in range(7)]
    assert pauses == [0, 1, 2, 4, 8, LONGEST_PAUSE, LONGEST_PAUSE]


def test_one_that_served() -> None:
    """It is started again at once, however often it ends, and then all begins anew."""
    restarts = Restarts()
    for _ in range(3):
        restarts.next_pause(has_served=False)
    assert [restarts.next_pause(has_served=True) for _ in range(3)] == [0, 0, 0]
    assert [restarts.next_pause(has_served=False) for _ in range(2)] == [0, 1]
