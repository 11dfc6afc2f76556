"""Whether a peer of streams does what it is measured for: refusals, a count, and a JSON line for each stream.

The last two show when streams have ended, so they are looked at after the load.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

from scripts.benchmarks.features import REFUSALS, FeatureMissing, count_total
from scripts.benchmarks.peers import TOKEN_HEADER, Features, Peer

WAIT_SECONDS = 15.0
PAUSE_SECONDS = 0.05
ANSWERED = (200, 499)  # the latter is how nchan logs each client that leaves


def check_refusals(peer: Peer, path: str) -> None:
    """Raise FeatureMissing unless `peer` refuses a stream without the right token."""
    for token in ("wrong-token-of-this-length", None):
        with _asking(peer.port, path, {TOKEN_HEADER: token} if token else {}) as reply:
            status = reply.status
        if status not in REFUSALS:
            raise FeatureMissing(f"it answered {status} to a {'wrong' if token else 'missing'} token")


def check_traces(peer: Peer, path: str, streams: int) -> None:
    """Raise FeatureMissing unless `peer` counts and logs as many streams, which have ended."""
    if (features := peer.features) is None:
        return
    _wait_for(streams, lambda: _read_counter(features), "it counted {:.0f} of {} streams")
    _wait_for(streams, lambda: count_streams(features.log, path), "it logged {:.0f} of {} streams")


def count_streams(log: Path, path: str) -> int:
    """Count the lines of streams that were answered; raise ValueError at one that is not JSON."""
    text = log.read_text() if log.exists() else ""
    lines = text[: text.rfind("\n") + 1].splitlines()
    return sum(path in line and json.loads(line).get("status") in ANSWERED for line in lines)


def _wait_for(streams: int, read: Callable[[], float], fault: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while (seen := read()) < streams:
        if time.monotonic() > deadline:
            raise FeatureMissing(fault.format(seen, streams))
        time.sleep(PAUSE_SECONDS)


def _read_counter(features: Features) -> float:
    with _asking(features.metrics_port, features.metrics_path, {}) as reply:
        if reply.status != 200:
            raise FeatureMissing(f"its metrics answered {reply.status}")
        return count_total(reply.read().decode(), features.counter)


@contextlib.contextmanager
def _asking(port: int, path: str, headers: Mapping[str, str]) -> Iterator[HTTPResponse]:
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", path, headers=headers)
        yield connection.getresponse()
