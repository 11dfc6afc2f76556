"""Tests of the order of rounds, and of who is blamed."""

from __future__ import annotations

import pytest

from scripts.benchmarks.features import FeatureMissing
from scripts.benchmarks.processes import StartFailed
from scripts.benchmarks.rounds import BenchFailed, blamed_on, turns
from scripts.benchmarks.wrk import LoadFailed


def test_peers_take_turns() -> None:
    """Each is measured once a round, and begins as often as the others."""
    assert list(turns("abc", 3)) == [
        *((0, "a"), (0, "b"), (0, "c")),
        *((1, "b"), (1, "c"), (1, "a")),
        *((2, "c"), (2, "a"), (2, "b")),
    ]
    assert list(turns("a", 2)) == [(0, "a"), (1, "a")]


@pytest.mark.parametrize(
    "fault",
    [StartFailed("no"), FeatureMissing("no"), LoadFailed("no"), OSError("no"), ValueError("no")],
    ids=lambda fault: type(fault).__name__,
)
def test_fault_has_a_name(fault: Exception) -> None:
    """Whatever goes wrong with a peer is told as its fault."""
    with pytest.raises(BenchFailed, match=r"nginx can't be measured: no\.") as caught, blamed_on("nginx"):
        raise fault
    assert caught.value.__cause__ is fault


def test_mistake_of_our_own() -> None:
    """It is nobody's fault, and shows as it is."""
    with pytest.raises(KeyError), blamed_on("nginx"):
        raise KeyError("nginx")
