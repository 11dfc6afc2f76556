"""`streams`: what an open event stream costs that is relayed, in CPU time for each event and in memory."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmarks import held_streams
from scripts.benchmarks.figures import Goal, Result
from scripts.benchmarks.held_streams import CPU_PER_EVENT, MEDIAN, MEMORY_PER_STREAM, P99, Study, run_study
from scripts.benchmarks.options import Asked, Defaults
from scripts.benchmarks.stream_peers import RELAYING, peers_of
from scripts.benchmarks.tools import Say

NAME = "streams"
HELP = "open event streams, each relayed by itself"
DEFAULTS = Defaults(rounds=5, seconds=3, peers=peers_of(RELAYING))
UNGATHERED_ROW = "tentaculo, ungathered"
GOALS = (
    Goal(figure=CPU_PER_EVENT, subject="tentaculo", against="nginx", at_most=1.0),
    Goal(figure=CPU_PER_EVENT, subject="tentaculo", against="envoy", at_most=0.7),
    Goal(figure=MEMORY_PER_STREAM, subject="tentaculo", against="nginx", at_most=1.0),
    Goal(figure=MEDIAN, subject="tentaculo", against="nginx"),
    Goal(figure=P99, subject="tentaculo", against="nginx"),
    Goal(figure=CPU_PER_EVENT, subject=UNGATHERED_ROW, against="nginx"),
    Goal(figure=CPU_PER_EVENT, subject=UNGATHERED_ROW, against="envoy"),
)
REMARKS = (
    "Each stream has one of its own upstream, and the events of all are spread evenly over time.",
    "All check a token, write a JSON line for each stream and count. HAProxy holds events back to send "
    "several at once; with `option http-no-delay`, in the row `no-delay`, it does not. The gateway reads "
    "the events of half a millisecond together while many come; in the row `ungathered` it has "
    "`gather: null` and does not.",
)
add_options = held_streams.add_options


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure every number of streams; raise BenchFailed or ToolMissing."""
    study = Study(name=NAME, title="Relayed streams", rows=RELAYING, goals=GOALS, remarks=REMARKS)
    return run_study(study, asked, say)
