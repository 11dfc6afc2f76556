"""The words of the bus: names, shares, and the bounds that services count on; the contract is elsewhere."""

from __future__ import annotations

import pytest

from examples.vx11.bus import KEPT_MESSAGES, REDELIVERED_AFTER, is_name, share_of


@pytest.mark.parametrize("name", ["a", "0", "operator.commands", "dead-letter", "A_1", "x" * 64])
def test_a_name_is_short_and_plain(name: str) -> None:
    """Letters, digits, dots, dashes and underscores."""
    assert is_name(name)


@pytest.mark.parametrize("given", ["", ".a", "-a", "a/b", "a b", "ñ", "a\n", "x" * 65, None, 1, ["a"]])
def test_nothing_else_is_a_name(given: object) -> None:
    """Above all nothing that means something in a path or a key."""
    assert not is_name(given)


@pytest.mark.parametrize(("limit", "topics", "share"), [(10, 1, 10), (10, 3, 3), (3, 3, 1)])
def test_topics_share_a_batch(limit: int, topics: int, share: int) -> None:
    """Equally, and never more than the batch holds."""
    assert share_of(limit, ["a"] * topics) == share


def test_the_bounds_are_those_of_the_system() -> None:
    """Ten thousand messages a topic, given again after 30 seconds."""
    assert (KEPT_MESSAGES, REDELIVERED_AFTER) == (10_000, 30)
