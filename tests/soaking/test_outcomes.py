"""Tests of what a restart explains."""

from __future__ import annotations

from scripts.soaking.outcomes import AFTER_SECONDS, SHOWN, Outcomes
from tests.fakes.clock import Clock


def restarted(clock: Clock) -> Outcomes:
    """Return outcomes of a soak whose upstream came back just now."""
    outcomes = Outcomes(clock)
    outcomes.upstream_down()
    clock.advance(1)
    outcomes.upstream_up()
    return outcomes


def test_down() -> None:
    """What fails while the upstream is down is explained, whenever it began."""
    outcomes = Outcomes(Clock())
    outcomes.upstream_down()
    outcomes.fell_through("calls", 0.0, "502")
    assert (outcomes.explained["calls"], outcomes.failed["calls"]) == (1, 0)


def test_soon_after() -> None:
    """So is what began before it was back for a while, even if it ends later."""
    clock = Clock()
    outcomes = restarted(clock)
    began = clock()
    clock.advance(60)
    outcomes.fell_through("streams", began + AFTER_SECONDS - 0.1, "cut")
    outcomes.fell_through("streams", began + AFTER_SECONDS, "cut")
    assert (outcomes.explained["streams"], outcomes.failed["streams"]) == (1, 1)
    assert outcomes.failures == ["streams: cut"]
    assert outcomes.restarts == 1


def test_unexplained() -> None:
    """Without a restart nothing is; only the first few are told."""
    outcomes = Outcomes(Clock())
    for number in range(SHOWN + 5):
        outcomes.fell_through("calls", 0.0, str(number))
    assert outcomes.failed["calls"] == SHOWN + 5
    assert outcomes.failures == [f"calls: {number}" for number in range(SHOWN)]


def test_kinds() -> None:
    """Every kind is listed once, in order."""
    outcomes = Outcomes(Clock())
    outcomes.succeeded("streams")
    outcomes.succeeded("calls")
    outcomes.fell_through("calls", 0.0, "why")
    assert outcomes.kinds == ["calls", "streams"]
