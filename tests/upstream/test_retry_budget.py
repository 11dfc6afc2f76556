"""How many retries there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.upstream.retry_budget import CAP, FLOOR, FLOOR_SECONDS, RetryBudget
from tests.fakes.clock import Clock


def spent(budget: RetryBudget, most: int = 10_000) -> int:
    """Take all there is; return how many that were."""
    return next(count for count in range(most) if not budget.spend())


def test_quiet_upstreams_have_a_few() -> None:
    """Without any calls there are ten, and ten more in ten seconds, never more at once."""
    clock = Clock()
    budget = RetryBudget(0.2, clock)
    assert spent(budget) == FLOOR
    clock.advance(FLOOR_SECONDS / FLOOR + 0.01)
    assert spent(budget) == 1
    clock.advance(FLOOR_SECONDS * 100)
    assert spent(budget) == FLOOR


@pytest.mark.parametrize(
    ("share", "calls", "retries"), [(0.2, 101, 20), (0.5, 7, 3), (1.0, 5, 5), (0, 99, 0)]
)
def test_calls_earn_their_share(share: float, calls: int, retries: int) -> None:
    """So many calls, so many retries beside the few that there are anyway."""
    budget = RetryBudget(share, Clock())
    assert spent(budget) == FLOOR
    for _ in range(calls):
        budget.earn()
    assert spent(budget) == pytest.approx(retries, abs=1e-6)


def test_what_is_earned_has_a_bound() -> None:
    """A quiet year does not pay for a storm."""
    budget = RetryBudget(1.0, Clock())
    for _ in range(10 * int(CAP)):
        budget.earn()
    assert spent(budget) == CAP + FLOOR


def test_taken_over() -> None:
    """What was left is left, no more and no less."""
    clock = Clock()
    old, new = RetryBudget(1.0, clock), RetryBudget(1.0, clock)
    for _ in range(5):
        old.earn()
    old.spend()
    new.take_over(old)
    assert spent(new) == 4 + FLOOR


@given(st.lists(st.booleans(), max_size=300), st.floats(0, 1))
def test_never_more_than_the_share(steps: list[bool], share: float) -> None:
    """However calls and retries mix, there are never more retries than earned, but for the floor."""
    budget = RetryBudget(share, Clock())
    calls = retries = 0
    for is_call in steps:
        if is_call:
            budget.earn()
            calls += 1
        else:
            retries += budget.spend()
        assert retries <= calls * share + FLOOR + 1e-6
