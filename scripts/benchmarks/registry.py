"""Which benchmarks there are, in the order in which a run of all measures them."""

from __future__ import annotations

from scripts.benchmarks import (
    big_calls,
    calls,
    idle,
    latency,
    new_calls,
    reloads,
    routes,
    shared,
    short,
    streams,
    tokens,
    workers,
)
from scripts.benchmarks.options import Benchmark

ALL: tuple[Benchmark, ...] = (
    calls,
    big_calls,
    new_calls,
    latency,
    streams,
    shared,
    idle,
    tokens,
    routes,
    reloads,
    workers,
)
BY_NAME_ONLY: tuple[Benchmark, ...] = (short,)
