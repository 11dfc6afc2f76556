"""When steps are not even tried."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from tentaculo.access.redis_breaker import FIRST, LONGEST, Breaker
from tentaculo.access.store import TokenStoreUnavailable
from tests.fakes.clock import Clock


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """A breaker that is closed."""
    return Breaker(clock)


def fail(breaker: Breaker) -> None:
    """Try a step that fails."""
    with suppress(TokenStoreUnavailable), breaker.attempt():
        raise TokenStoreUnavailable("fault")


def is_open(breaker: Breaker) -> bool:
    """Whether a step is refused at once; one that is let through succeeds."""
    try:
        with breaker.attempt():
            return False
    except TokenStoreUnavailable:
        return True


def test_steps_that_succeed(breaker: Breaker) -> None:
    """Without a fault every step is tried."""
    assert not any(is_open(breaker) for _ in range(3))


def test_a_fault_pauses(breaker: Breaker, clock: Clock) -> None:
    """After a fault steps fail at once, until the pause is over and one succeeds."""
    fail(breaker)
    clock.advance(FIRST - 0.001)
    assert is_open(breaker)
    clock.advance(0.001)
    assert not is_open(breaker)
    assert not is_open(breaker)


def test_pauses_grow(breaker: Breaker, clock: Clock) -> None:
    """Each trial that fails doubles the pause, to a bound; one that succeeds makes it short again."""
    fail(breaker)
    for pause in (FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, 16 * FIRST, LONGEST, LONGEST):
        clock.advance(pause - 0.001)
        assert is_open(breaker)
        clock.advance(0.002)
        fail(breaker)
    clock.advance(LONGEST)
    assert not is_open(breaker)
    fail(breaker)
    clock.advance(FIRST)
    assert not is_open(breaker)


def test_one_trial_at_a_time(breaker: Breaker, clock: Clock) -> None:
    """While one step tries, the others still fail at once."""
    fail(breaker)
    clock.advance(FIRST)
    with breaker.attempt():
        assert is_open(breaker)
    assert not is_open(breaker)


def test_faults_at_a_time_count_once(breaker: Breaker, clock: Clock) -> None:
    """Steps that were under way when the fault came neither lengthen the pause nor end it."""
    with suppress(TokenStoreUnavailable), breaker.attempt(), breaker.attempt():
        with breaker.attempt():
            fail(breaker)
        assert is_open(breaker)
        raise TokenStoreUnavailable("the same fault")
    clock.advance(FIRST)
    assert not is_open(breaker)


def test_a_trial_that_was_given_up(breaker: Breaker, clock: Clock) -> None:
    """A caller that leaves during the trial proves nothing: the next step tries."""
    fail(breaker)
    clock.advance(FIRST)
    with suppress(asyncio.CancelledError), breaker.attempt():
        raise asyncio.CancelledError
    with breaker.attempt():
        assert is_open(breaker)
