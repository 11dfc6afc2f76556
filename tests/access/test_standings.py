"""What an instance knows of revoked and blocked principals."""

from __future__ import annotations

import pytest

from tentaculo.access.standings import Standings
from tentaculo.access.store import Standing
from tests.fakes.clock import Clock

NOTES: dict[str, tuple[list[int], list[bool]]] = {
    "never revoked": ([0, 0], [False, False]),
    "first sight of one revoked while the store was away": ([7], [True]),
    "the same": ([7, 7], [True, False]),
    "revoked": ([0, 8], [False, True]),
    "revoked twice": ([0, 8, 9], [False, True, True]),
    "revoked many times at once": ([0, 70], [False, True]),
    "store that lost everything": ([7, 0], [True, False]),
    "revoked after that": ([7, 0, 8], [True, False, True]),
    "answer that comes late": ([5, 4, 5], [True, False, False]),
}


@pytest.mark.parametrize(("epochs", "revoked"), NOTES.values(), ids=NOTES)
def test_revocation_is_noticed_once(epochs: list[int], revoked: list[bool]) -> None:
    """A greater number than ever is a revocation, and only that."""
    standings = Standings(Clock())
    assert [standings.note("one", Standing(epoch, 0.0)) for epoch in epochs] == revoked


def test_principals_are_noted_apart() -> None:
    """What is known of one says nothing of another."""
    standings = Standings(Clock())
    standings.note("one", Standing(1, 60.0))
    assert not standings.note("two", Standing(0, 0.0))
    assert (standings.is_blocked("one"), standings.is_blocked("two")) == (True, False)


def test_block_ends_by_itself() -> None:
    """It lasts as long as it was said to, counted from when that was heard."""
    clock = Clock()
    standings = Standings(clock)
    assert not standings.is_blocked("one")
    standings.note("one", Standing(1, 60.0))
    clock.advance(59.9)
    assert standings.is_blocked("one")
    clock.advance(0.1)
    assert not standings.is_blocked("one")


def test_block_can_be_longer_but_never_shorter() -> None:
    """Nobody lifts a block: a store that says there is none has lost it."""
    clock = Clock()
    standings = Standings(clock)
    standings.note("one", Standing(1, 60.0))
    standings.note("one", Standing(2, 600.0))
    clock.advance(100)
    assert standings.is_blocked("one")
    standings.note("one", Standing(2, 0.0))
    standings.note("one", Standing(2, 1.0))
    assert standings.is_blocked("one")
    clock.advance(500)
    assert not standings.is_blocked("one")
