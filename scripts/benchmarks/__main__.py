"""The command line of the benchmarks; the only place here that prints.

Exit codes: 0 the goals are met, 1 they are not, 2 something could not be measured.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from scripts.benchmarks.figures import Result
from scripts.benchmarks.form import PROJECT, Form, choose_form, find_python
from scripts.benchmarks.options import Asked, Benchmark, own_defaults, positive, some_of
from scripts.benchmarks.picture import draw
from scripts.benchmarks.registry import ALL, BY_NAME_ONLY
from scripts.benchmarks.report import as_json, as_markdown, as_page
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.tools import ToolMissing

INTERRUPTED = 130
OUT_OF_ALL = PROJECT / "build" / "bench"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit code."""
    options = _parser().parse_args(arguments)
    # SIGTERM then ends the peers too, by the same way out as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(options)
    except ToolMissing as error:
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        _say("stopped; every process that was started has ended")
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    form = _form(options)
    results: list[Result] = []
    missing: dict[str, str] = {}
    for benchmark in options.chosen:
        asked = _asked(options, benchmark, form)
        if not asked.peers:
            _say(f"{benchmark.NAME} has none of these peers")
            continue
        try:
            found = benchmark.run(asked, _say)
        except (ToolMissing, BenchFailed) as error:
            missing[benchmark.NAME] = str(error)
            _say(f"{benchmark.NAME}: {error}")
            continue
        for result in found:
            print(as_markdown(result, with_goals=options.goals), end="\n\n", flush=True)
        results += found
        # What is measured is kept, whatever becomes of the benchmarks that follow.
        _write(options, results, missing)
    _write(options, results, missing)
    return 2 if missing else _exit_code(options, results)


def _asked(options: argparse.Namespace, benchmark: Benchmark, form: Form) -> Asked:
    defaults = benchmark.DEFAULTS
    return Asked(
        rounds=options.rounds or defaults.rounds,
        seconds=options.seconds or defaults.seconds,
        peers=tuple(peer for peer in options.peers or defaults.peers if peer in defaults.peers),
        form=form,
        own=own_defaults(benchmark.add_options) if len(options.chosen) > 1 else options,
    )


def _form(options: argparse.Namespace) -> Form:
    python = None if options.python is None else find_python(options.python, options.origin)
    return choose_form(python, pure=options.pure)


def _write(options: argparse.Namespace, results: Sequence[Result], missing: Mapping[str, str]) -> None:
    text = as_json(results, missing)
    if options.json is not None:
        (options.origin / options.json).write_text(text)
    out = OUT_OF_ALL if options.out is None and len(options.chosen) > 1 else options.out
    if out is not None:
        folder: Path = options.origin / out
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bench.json").write_text(text)
        (folder / "bench.md").write_text(as_page(results, missing, with_goals=options.goals))
        draw(results, folder / "bench.png")


def _exit_code(options: argparse.Namespace, results: Sequence[Result]) -> int:
    met = all(verdict.met for result in results for verdict in result.verdicts())
    return 0 if met or not options.goals else 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure the gateway beside its peers: one BENCHMARK, or all, one after another.",
        epilog="Example: scripts/bench calls --rounds 3 --seconds 2 --peers tentaculo,envoy --no-goals",
    )
    parser.add_argument("--origin", type=Path, default=Path(), help=argparse.SUPPRESS)  # where the user is
    peers = dict.fromkeys(peer for benchmark in ALL for peer in benchmark.DEFAULTS.peers)
    _add_common(parser, peers, rounds="each one's own", seconds="each one's own")
    unsaid = dict.fromkeys(("rounds", "seconds", "peers", "python", "json", "out"))
    parser.set_defaults(**unsaid, pure=False, goals=True, chosen=ALL)
    commands = parser.add_subparsers(metavar="BENCHMARK")
    for benchmark in (*ALL, *BY_NAME_ONLY):
        _add_benchmark(commands, benchmark)
    return parser


def _add_benchmark(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], benchmark: Benchmark
) -> None:
    name, defaults = benchmark.NAME, benchmark.DEFAULTS
    parser = commands.add_parser(
        name,
        help=benchmark.HELP,
        description=f"{name}: {benchmark.HELP}.",
        epilog=f"Example: scripts/bench {name} --rounds 3 --seconds 2 --no-goals",
    )
    _add_common(parser, defaults.peers, rounds=str(defaults.rounds), seconds=str(defaults.seconds))
    benchmark.add_options(parser)
    parser.set_defaults(chosen=(benchmark,))


def _add_common(
    parser: argparse.ArgumentParser, peers: Collection[str], *, rounds: str, seconds: str
) -> None:
    # An option that a benchmark is not given leaves what stands before its name.
    add = parser.add_argument_group("of every benchmark", argument_default=argparse.SUPPRESS).add_argument
    add("--rounds", type=positive, help=f"how often each peer is measured ({rounds})")
    add("--seconds", type=positive, help=f"length of one measurement ({seconds})")
    add("--peers", type=some_of(peers), help=f"some of {','.join(peers)} (all)")
    add("--python", metavar="FILE", help="runs what is Python, compiled for it (build/venv's)")
    add("--pure", action="store_true", help="measure the sources as they are, not compiled")
    add("--no-goals", dest="goals", action="store_false", help="only print, and exit with 0")
    add("--json", type=Path, metavar="FILE", help="write every measurement there")
    add("--out", type=Path, metavar="FOLDER", help="write tables, measurements and a picture there")


if __name__ == "__main__":
    sys.exit(main())
