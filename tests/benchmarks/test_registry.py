"""Tests of the list of benchmarks."""

from __future__ import annotations

import pytest

from scripts.benchmarks.options import Benchmark, own_defaults
from scripts.benchmarks.registry import ALL, BY_NAME_ONLY

EACH = (*ALL, *BY_NAME_ONLY)


def test_names() -> None:
    """Each has one of its own, and a run of all has none that is run by name only."""
    names = [benchmark.NAME for benchmark in EACH]
    assert len(set(names)) == len(names)
    assert {"calls", "streams", "shared"} <= {benchmark.NAME for benchmark in ALL}
    assert "short" not in {benchmark.NAME for benchmark in ALL}


@pytest.mark.parametrize("benchmark", EACH, ids=[benchmark.NAME for benchmark in EACH])
def test_each_can_be_run_without_options(benchmark: Benchmark) -> None:
    """Rounds, seconds and peers have defaults, and so has every option of its own."""
    own_defaults(benchmark.add_options)
    assert benchmark.DEFAULTS.rounds > 0
    assert benchmark.DEFAULTS.seconds > 0
    assert "tentaculo" in benchmark.DEFAULTS.peers
    assert benchmark.HELP
