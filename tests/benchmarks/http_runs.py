"""What short runs of the benchmarks of calls have in common: one round, and backends and peers in Python."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace

from scripts.benchmarks.big_calls import make_backend
from scripts.benchmarks.form import Form
from scripts.benchmarks.options import Asked
from scripts.benchmarks.peers import Peer, Place


def asked(add_options: Callable[[argparse.ArgumentParser], None], *arguments: str) -> Asked:
    """Return a run of one round of a second through this gateway, with options as on the command line."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    return Asked(
        rounds=1,
        seconds=1,
        peers=("tentaculo",),
        form=Form(sys.executable),
        own=parser.parse_args(arguments),
    )


def make_bare(place: Place) -> Peer:
    """Return a peer that is quick to start: it answers itself, and has no features."""
    backend, port = make_backend(place), next(place.ports)
    command = (*backend.command[:-1], f"--port={port}")
    return replace(backend, name="bare", port=port, command=command, output=place.folder / "bare.out")
