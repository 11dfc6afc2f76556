"""Ports for servers that are told theirs beforehand, and ports that nobody listens on.

They lie below those of outgoing connections, which the system gives to anybody meanwhile, and no two
workers of a test run draw the same.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator

from scripts.benchmarks.machine import FIRST_PORT, is_free

END = 20_000  # a node of a Redis cluster takes the port 10,000 above its own too: these are nobody else's


def _own_ports() -> range:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return range(FIRST_PORT + worker, END, workers)


_own = _own_ports()
_start = random.randrange(len(_own))  # elsewhere than another run beside this one
_free: Iterator[int] = filter(is_free, itertools.cycle((*_own[_start:], *_own[:_start])))


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has; not one of those returned lately."""
    return next(_free)


def free_ports(count: int) -> list[int]:
    """Return as many of them, each another one."""
    return list(itertools.islice(_free, count))


def free_address() -> str:
    """Return one as an address: host, colon, port."""
    return f"127.0.0.1:{free_port()}"
