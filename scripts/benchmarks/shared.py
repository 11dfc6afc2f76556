"""`shared`: what it costs to send one stream of events to many clients."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmarks import held_streams
from scripts.benchmarks.figures import Goal, Result
from scripts.benchmarks.held_streams import CPU_PER_EVENT, Study, run_study
from scripts.benchmarks.options import Asked, Defaults
from scripts.benchmarks.stream_peers import SHARING, peers_of
from scripts.benchmarks.tools import Say

NAME = "shared"
HELP = "one event stream to many clients"
DEFAULTS = Defaults(rounds=5, seconds=2, peers=peers_of(SHARING))
SUBJECT = "tentaculo, shared"
GOALS = (
    Goal(figure=CPU_PER_EVENT, subject=SUBJECT, against="nginx", at_most=0.5),
    Goal(figure=CPU_PER_EVENT, subject=SUBJECT, against="haproxy, no-delay", at_most=0.5),
    Goal(figure=CPU_PER_EVENT, subject=SUBJECT, against="nchan", at_most=0.9),
    Goal(figure=CPU_PER_EVENT, subject=SUBJECT, against="nginx, at once"),
    Goal(figure=CPU_PER_EVENT, subject=SUBJECT, against="haproxy"),
)
REMARKS = (
    "The shared stream and nchan get each event once and send it to all clients at one moment. nginx and "
    "HAProxy relay a stream of the backend to each client: as many events, but spread evenly over time; in "
    "the row `at once` the backend sends them to all at one moment too.",
    "Where all clients get an event at one moment, the latency holds the time in which their process reads.",
)
add_options = held_streams.add_options


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure every number of clients; raise BenchFailed or ToolMissing."""
    study = Study(name=NAME, title="Clients of one stream", rows=SHARING, goals=GOALS, remarks=REMARKS)
    return run_study(study, asked, say)
