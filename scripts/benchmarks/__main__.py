"""The command line of the benchmarks; the only place here that prints.

Exit codes: 0 the goals are met, 1 they are not, 2 nothing could be measured.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from scripts.benchmarks import calls, stream_report, stream_samples, streams, tokens
from scripts.benchmarks.event_backend import SMALLEST_EVENT
from scripts.benchmarks.form import Form, choose_form, find_python
from scripts.benchmarks.peers import PEERS
from scripts.benchmarks.report import as_json, as_markdown
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.samples import judge
from scripts.benchmarks.stream_peers import CASES, MAKERS
from scripts.benchmarks.tools import ToolMissing

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit code."""
    options = _parser().parse_args(arguments)
    # SIGTERM then ends the peers too, by the same way out as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.run(options))
    except (ToolMissing, BenchFailed) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; every process that was started has ended", file=sys.stderr)
        return INTERRUPTED


def _run_calls(options: argparse.Namespace) -> int:
    asked = calls.Options(
        rounds=options.rounds,
        seconds=options.seconds,
        connections=options.connections,
        peers=options.peers,
        form=_form(options),
    )
    result = calls.run(asked, _say)
    verdicts = [judge(result.samples, goal, calls.SUBJECT) for goal in calls.GOALS]
    _write(options, as_json(result, verdicts))
    print(as_markdown(result, verdicts, with_goals=options.goals))
    return _exit_code(options, met=all(verdict.met for verdict in verdicts))


def _run_tokens(options: argparse.Namespace) -> int:
    asked = tokens.Options(seconds=options.seconds, clients=options.clients, form=_form(options))
    result = tokens.run(asked, _say)
    print(tokens.as_markdown(result, with_goals=options.goals))
    return _exit_code(options, met=result.met)


def _run_streams(options: argparse.Namespace) -> int:
    asked = streams.Options(
        rounds=options.rounds,
        seconds=options.seconds,
        streams=options.streams,
        rate=options.rate,
        size=options.size,
        peers=options.peers,
        cases=options.cases,
        form=_form(options),
    )
    result = streams.run(asked, _say)
    verdicts = [stream_samples.judge(result.samples, goal) for goal in stream_samples.GOALS]
    _write(options, stream_report.as_json(result, verdicts))
    print(stream_report.as_markdown(result, verdicts, with_goals=options.goals))
    return _exit_code(options, met=all(verdict.met for verdict in verdicts))


def _form(options: argparse.Namespace) -> Form:
    python = None if options.python is None else find_python(options.python, options.origin)
    return choose_form(python, pure=options.pure)


def _write(options: argparse.Namespace, text: str) -> None:
    if options.json is not None:
        (options.origin / options.json).write_text(text)


def _exit_code(options: argparse.Namespace, *, met: bool) -> int:
    return 0 if met or not options.goals else 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure the gateway beside its peers."
    )
    parser.add_argument("--origin", type=Path, default=Path(), help=argparse.SUPPRESS)  # where the user is
    commands = parser.add_subparsers(required=True, metavar="BENCHMARK")
    _add_calls(commands)
    _add_tokens(commands)
    _add_streams(commands)
    return parser


def _add_calls(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    plain = commands.add_parser(
        "calls",
        help="plain calls with header check, JSON log and metrics",
        description="Plain calls: requests per CPU-second, latency and memory of each peer.",
        epilog="Example: scripts/bench calls --rounds 3 --seconds 2 --peers tentaculo,envoy --no-goals",
    )
    _add_rounds(plain, PEERS, rounds=15, seconds=2)
    plain.add_argument("--connections", type=_positive, default=64, help="keep-alive connections (64)")
    _add_form(plain, "compiles for this one and runs what is Python (build/venv's)")
    plain.set_defaults(run=_run_calls)


def _add_tokens(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    steps = commands.add_parser(
        "tokens",
        help="issuing and redeeming ephemeral tokens",
        description="Tokens: CPU time of a step, its round trips to Redis, and streams through a gateway.",
        epilog="Example: scripts/bench tokens --pure --seconds 5",
    )
    steps.add_argument("--seconds", type=_positive, default=3, help="length of the load on the gateway (3)")
    steps.add_argument("--clients", type=_positive, default=16, help="how many open streams at a time (16)")
    _add_form(steps, "compiles for this one and runs it (build/venv's)")
    steps.set_defaults(run=_run_tokens)


def _add_streams(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    held = commands.add_parser(
        "streams",
        help="open event streams, relayed and shared",
        description="Streams: CPU time of an event and memory of an open stream, of each peer.",
        epilog="Example: scripts/bench streams --rounds 1 --seconds 2 --cases relayed --no-goals",
    )
    _add_rounds(held, MAKERS, rounds=5, seconds=5)
    held.add_argument("--streams", type=_positive, default=1000, help="how many are open at a time (1000)")
    held.add_argument("--rate", type=_positive, default=10, help="events a second of each stream (10)")
    held.add_argument("--size", type=_event_size, default=200, help="bytes of an event (200)")
    held.add_argument("--cases", type=_some_of(CASES), default=CASES, help=f"some of {','.join(CASES)} (all)")
    _add_form(held, "compiles for this one and runs it (build/venv's)")
    held.set_defaults(run=_run_streams)


def _add_rounds(
    parser: argparse.ArgumentParser, peers: Collection[str], *, rounds: int, seconds: int
) -> None:
    parser.add_argument(
        "--rounds", type=_positive, default=rounds, help=f"how often each peer is measured ({rounds})"
    )
    parser.add_argument(
        "--seconds", type=_positive, default=seconds, help=f"length of one measurement ({seconds})"
    )
    parser.add_argument(
        "--peers", type=_some_of(peers), default=tuple(peers), help=f"some of {','.join(peers)} (all)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there too")


def _add_form(parser: argparse.ArgumentParser, about: str) -> None:
    parser.add_argument("--python", metavar="FILE", help=about)
    parser.add_argument("--pure", action="store_true", help="measure the sources as they are, not compiled")
    parser.add_argument("--no-goals", dest="goals", action="store_false", help="only print, and exit with 0")


def _event_size(text: str) -> int:
    value = int(text)
    if value < SMALLEST_EVENT:
        raise argparse.ArgumentTypeError(f"must be at least {SMALLEST_EVENT}")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _some_of(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(text.split(",")))
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return names

    return parse


if __name__ == "__main__":
    sys.exit(main())
