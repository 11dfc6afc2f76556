"""What every benchmark is, what it is asked for, and what it takes where the user says nothing."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from scripts.benchmarks.figures import Result
from scripts.benchmarks.form import Form
from scripts.benchmarks.tools import Say


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Rounds, seconds of one measurement, and all peers that a benchmark knows, in the order of its rows."""

    rounds: int
    seconds: int
    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one benchmark shall do; `own` holds the values of the options that it added itself."""

    rounds: int
    seconds: int
    peers: tuple[str, ...]
    form: Form
    own: argparse.Namespace


class Benchmark(Protocol):
    """What a module offers that measures one kind of work."""

    NAME: str
    HELP: str
    DEFAULTS: Defaults

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add options of its own, each with a default."""

    def run(self, asked: Asked, say: Say) -> Sequence[Result]:
        """Measure; raise BenchFailed or ToolMissing."""


def own_defaults(add_options: Callable[[argparse.ArgumentParser], None]) -> argparse.Namespace:
    """Return the values of a benchmark's own options where the user names none."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args([])


def positive(text: str) -> int:
    """Read an option that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def some_of(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """Return the reader of an option that lists some of `known`, divided by commas."""

    def parse(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(text.split(",")))
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return names

    return parse
