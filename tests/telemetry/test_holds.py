"""Names are forgotten with their last hold, and not before."""

from __future__ import annotations

import pytest

from tentaculo.telemetry.holds import Hold, Holds


@pytest.fixture
def forgotten() -> list[str]:
    """The names that were forgotten."""
    return []


@pytest.fixture
def holds(forgotten: list[str]) -> Holds:
    """Nobody holds anything."""
    return Holds(forgotten.append)


def test_last_one_counts(holds: Holds, forgotten: list[str]) -> None:
    """A name is kept while anyone holds it; another one's is its own."""
    kept = [holds.take(name) for name in ("a", "b", "a")]
    del kept[0]
    holds.forget_unused()
    assert forgotten == []
    del kept[0]
    holds.forget_unused()
    assert forgotten == ["b"]
    kept.clear()
    assert forgotten == ["b"], "it waits for its moment"
    holds.forget_unused()
    assert forgotten == ["b", "a"]


def test_name_that_comes_back(holds: Holds, forgotten: list[str]) -> None:
    """Whoever takes it before it was forgotten keeps it; later it is one like any other."""
    first = holds.take("a")
    del first
    second = holds.take("a")
    holds.forget_unused()
    assert forgotten == []
    del second
    holds.forget_unused()
    third = holds.take("a")
    holds.forget_unused()
    assert forgotten == ["a"]
    del third
    holds.forget_unused()
    assert forgotten == ["a", "a"]


def test_nothing_is_kept_of_them(holds: Holds) -> None:
    """Names may come and go without end."""
    for number in range(100):
        holds.take(f"route-{number}")
        holds.forget_unused()
    assert holds._counts == {}
    assert not holds._given_up


def test_given_up_while_others_are_forgotten() -> None:
    """The last reference may go in the midst of it."""
    kept: list[Hold] = []
    forgotten = []

    def forget(name: str) -> None:
        forgotten.append(name)
        kept.clear()

    holds = Holds(forget)
    kept.append(holds.take("b"))
    holds.take("a")
    holds.forget_unused()
    assert forgotten == ["a", "b"]
