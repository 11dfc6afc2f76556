"""`short`: a few rounds of what matters most, held against the ratios in recorded.json.

It is for changes and not for figures, so only gross loss fails: a ratio half as good as the recorded one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks import calls, shared, streams
from scripts.benchmarks.call_peers import FULL
from scripts.benchmarks.figures import Goal, Result
from scripts.benchmarks.options import Asked, Benchmark, Defaults, own_defaults
from scripts.benchmarks.report import bound
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.tools import Say

NAME = "short"
HELP = "a few rounds of calls and streams; fails only where a ratio is half as good as the recorded one"
DEFAULTS = Defaults(rounds=3, seconds=1, peers=("tentaculo", "nginx", "obvious"))

RECORDED = Path(__file__).with_name("recorded.json")
LOSS = 2.0
DIGITS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """A benchmark of which a few rounds are run; `own` are values of its own options."""

    benchmark: Benchmark
    own: Mapping[str, object]


PARTS = (
    Part(calls, {"ways": (FULL,)}),
    Part(streams, {"streams": (300,), "rates": (33,)}),  # as many events as the goals are for
    Part(shared, {"streams": (300,)}),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add whether the ratios are to be recorded."""
    parser.add_argument("--record", action="store_true", help=f"write the ratios to {RECORDED.name} anew")


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure each part; raise BenchFailed or ToolMissing."""
    if not asked.own.record and not RECORDED.exists():
        raise BenchFailed(f"{RECORDED.name} is missing: `scripts/bench short --record` writes it.")
    results = [result for part in PARTS for result in run_part(part, asked, say)]
    if asked.own.record:
        RECORDED.write_text(json.dumps(ratios_of(results), indent=2, ensure_ascii=False) + "\n")
        say(f"wrote {RECORDED.name}")
    recorded: dict[str, float] = json.loads(RECORDED.read_text())
    goals = {key_of(result, goal) for result in results for goal in result.goals}
    for key in recorded.keys() - goals:
        raise BenchFailed(f"{RECORDED.name} has {key!r}, which is no goal: write it anew with `--record`.")
    return [against_recorded(result, recorded) for result in results]


def run_part(part: Part, asked: Asked, say: Say) -> Sequence[Result]:
    """Measure those of the peers that the part knows."""
    own = own_defaults(part.benchmark.add_options)
    vars(own).update(part.own)
    peers = tuple(peer for peer in asked.peers if peer in part.benchmark.DEFAULTS.peers)
    return part.benchmark.run(dataclasses.replace(asked, peers=peers, own=own), say)


def ratios_of(results: Sequence[Result]) -> dict[str, float]:
    """Return the measured ratios that have a goal, by their names."""
    return {
        key_of(result, verdict.goal): round(verdict.ratio.median, DIGITS)
        for result in results
        for verdict in result.verdicts()
        if verdict.ratio is not None and bound(verdict.goal)
    }


def against_recorded(result: Result, recorded: Mapping[str, float]) -> Result:
    """Return the result with the goals that are recorded, each as loose as gross loss allows."""
    goals = [
        loosened(goal, recorded[key])
        for goal in result.goals
        if (key := key_of(result, goal)) in recorded and bound(goal)
    ]
    return dataclasses.replace(result, goals=goals)


def loosened(goal: Goal, ratio: float) -> Goal:
    """Return the goal with a bound of half as good as `ratio`."""
    if goal.at_most is None:
        return dataclasses.replace(goal, at_least=ratio / LOSS)
    return dataclasses.replace(goal, at_most=ratio * LOSS)


def key_of(result: Result, goal: Goal) -> str:
    """Return the name of a goal among those of all results."""
    return f"{result.name}, {goal.name}"
