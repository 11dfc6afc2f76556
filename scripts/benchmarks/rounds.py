"""What every benchmark does alike: rounds in which peers take turns, and a failure that says whose it is."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from typing import TypeVar

from scripts.benchmarks.features import FeatureMissing
from scripts.benchmarks.processes import StartFailed
from scripts.benchmarks.wrk import LoadFailed

T = TypeVar("T")
FAULTS = (
    StartFailed,
    FeatureMissing,
    LoadFailed,
    HTTPException,
    OSError,
    ValueError,
    subprocess.TimeoutExpired,
)


class BenchFailed(Exception):
    """Something can't be measured; the text names it and says why."""


@contextlib.contextmanager
def blamed_on(name: str) -> Iterator[None]:
    """Raise BenchFailed, with the name of what can't be measured, for what goes wrong within."""
    try:
        yield
    except FAULTS as error:
        raise BenchFailed(f"{name} can't be measured: {error}.") from error


def turns(peers: Iterable[T], rounds: int) -> Iterator[tuple[int, T]]:
    """Yield the number of the round and the peer, so that no peer always follows the same one."""
    peers = list(peers)
    for number in range(rounds):
        first = number % len(peers)
        for peer in peers[first:] + peers[:first]:
            yield number, peer
