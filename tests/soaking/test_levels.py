"""Tests of reading and comparing levels."""

from __future__ import annotations

import os

import pytest

from scripts.soaking.levels import Level, compare, open_things, read_level

EXPOSITION = """
# HELP tentaculo_connections_open Clients
tentaculo_connections_open 3.0
tentaculo_streams_open{route="a"} 2.0
tentaculo_streams_open{route="b"} 0.0
tentaculo_shared_stream_clients{route="a"} 4.0
tentaculo_shared_streams_open{route="a"} 1.0
tentaculo_streams_opened_total{route="a"} 99.0
"""
BEFORE = Level(memory=100.0, descriptors=20, threads=9, open_things=0)


def test_open_things() -> None:
    """What is open is summed, and no counter is among it."""
    assert open_things(EXPOSITION) == 10


def test_own_level() -> None:
    """A process can be read."""
    level = read_level(os.getpid(), "")
    assert level.memory > 10
    assert level.descriptors >= 3
    assert level.threads >= 1
    assert level.open_things == 0


@pytest.mark.parametrize(
    ("after", "unlevel"),
    [
        (BEFORE, []),
        (Level(90.0, 10, 9, 0), []),
        (Level(110.9, 22, 9, 0), []),
        (Level(111.1, 20, 9, 0), ["memory, MiB"]),
        (Level(100.0, 23, 9, 0), ["descriptors"]),
        (Level(100.0, 20, 10, 0), ["threads"]),
        (Level(100.0, 20, 9, 1), ["open connections and streams"]),
    ],
    ids=["same", "less", "within", "memory", "descriptors", "threads", "open"],
)
def test_comparison(after: Level, unlevel: list[str]) -> None:
    """Less is level, and a little more; of what is open, nothing more."""
    assert [row.name for row in compare(BEFORE, after) if not row.level] == unlevel
