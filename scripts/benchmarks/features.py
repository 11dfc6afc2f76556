"""Whether a peer does what it is measured for: right answers, refusals, a JSON line a request, a counter.

A peer that does less would win by it, so nothing is measured before this holds.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import time
from pathlib import Path

from scripts.benchmarks.peers import BODY, TOKEN, TOKEN_HEADER, Features, Peer

PROBE_PATH = "/operator/api/probe"
PROBES = 20
LOG_SECONDS = 15.0  # Envoy and nginx write when a buffer is full or after a second
REFUSALS = (401, 403)


class FeatureMissing(Exception):
    """A peer does not do what it is measured for; the text says what."""


def check_features(peer: Peer) -> None:
    """Raise FeatureMissing unless `peer` forwards and has each feature it was set up for."""
    _check_reply(peer)
    if peer.features is not None:
        _check_refusals(peer)
        _check_counter(peer, peer.features)
        _check_log(peer, peer.features.log)


def count_total(text: str, pattern: str) -> float:
    """Return the sum of the numbers that `pattern` finds in a metrics page."""
    return sum(float(number) for number in re.findall(pattern, text, re.MULTILINE))


def has_probe_line(text: str) -> bool:
    """Say whether a log has a probe answered 200; raise ValueError at a whole line that is not JSON."""
    whole_lines = text[: text.rfind("\n") + 1].splitlines()
    events = [json.loads(line) for line in whole_lines]
    # Each peer has a place of its own for the path.
    return any(PROBE_PATH in str(event) and event.get("status") == 200 for event in events)


def count_lines(path: Path) -> int:
    """Count the lines of a log and empty it; its writer appends, so it goes on at the start."""
    lines = 0
    with path.open("rb+") as log:
        while block := log.read(1 << 20):
            lines += block.count(b"\n")
        log.truncate(0)
    return lines


def _check_reply(peer: Peer) -> None:
    status, body = _get(peer.port, PROBE_PATH, TOKEN)
    if (status, body) != (200, BODY):
        raise FeatureMissing(f"it answered {status} with {len(body)} bytes, not 200 with {len(BODY)}")


def _check_refusals(peer: Peer) -> None:
    for token in ("wrong-token-of-this-length", None):
        status, _ = _get(peer.port, PROBE_PATH, token)
        if status not in REFUSALS:
            raise FeatureMissing(f"it answered {status} to a {'wrong' if token else 'missing'} token")


def _check_counter(peer: Peer, features: Features) -> None:
    before = _read_counter(features)
    for _ in range(PROBES):
        _get(peer.port, PROBE_PATH, TOKEN)
    moved = _read_counter(features) - before
    if moved < PROBES:
        raise FeatureMissing(f"its counter moved by {moved:.0f} after {PROBES} requests")


def _check_log(peer: Peer, log: Path) -> None:
    deadline = time.monotonic() + LOG_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if has_probe_line(log.read_text()):
                return
        time.sleep(0.1)
    raise FeatureMissing(f"no JSON line of a request came to {log.name} in {LOG_SECONDS:.0f} seconds")


def _read_counter(features: Features) -> float:
    status, text = _get(features.metrics_port, features.metrics_path, None)
    if status != 200:
        raise FeatureMissing(f"its metrics answered {status}")
    return count_total(text, features.counter)


def _get(port: int, path: str, token: str | None) -> tuple[int, str]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", path, headers={TOKEN_HEADER: token} if token else {})
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
