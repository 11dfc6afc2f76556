"""What a benchmark takes from the machine: free ports, and cores of its own for each part.

Pins by `taskset`, so that threads started later are bound too.
"""

from __future__ import annotations

import os
import platform
import random
import shutil
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST_PORT = 10_000


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores each part may use; an empty tuple is "anywhere"."""

    peer: tuple[int, ...] = ()
    backend: tuple[int, ...] = ()
    load: tuple[int, ...] = ()


def share_cores(available: Sequence[int]) -> Cores:
    """Give peer, backend and load cores of their own; with fewer than three, pin nothing."""
    if len(available) < 3:
        return Cores()
    peer, backend, *rest = sorted(available, reverse=True)
    return Cores(peer=(peer,), backend=(backend,), load=tuple(sorted(rest)[-2:]))


def available_cores() -> tuple[int, ...]:
    """Return the cores this process may run on."""
    return tuple(sorted(os.sched_getaffinity(0)))


def pin(cores: Sequence[int]) -> list[str]:
    """Return what to put before a command so that it stays on `cores`."""
    if not cores or shutil.which("taskset") is None:
        return []
    return ["taskset", "--cpu-list", ",".join(map(str, cores))]


def free_ports() -> Iterator[int]:
    """Yield ports of 127.0.0.1 that nobody uses at this moment, each once.

    They lie below those that the system gives to outgoing connections: the load would take them.
    """
    end = int(PORT_RANGE.read_text().split()[0])
    start = random.randrange(FIRST_PORT, end)
    yield from filter(is_free, (*range(start, end), *range(FIRST_PORT, start)))


def is_free(port: int) -> bool:
    """Say whether nobody is bound to `port` of 127.0.0.1."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def describe(cpu_info: Path = CPU_INFO) -> str:
    """Say in a few words what machine this is."""
    models = [
        line.partition(":")[2].strip() for line in cpu_info.read_text().splitlines() if "model name" in line
    ]
    model = models[0] if models else platform.machine()
    return f"{model}, {len(available_cores())} cores, {platform.system()} {platform.release()}"
