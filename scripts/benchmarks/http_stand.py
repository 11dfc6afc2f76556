"""What the benchmarks of calls share: a backend and peers that are up for a whole run, one pressed at a time.

Each peer has a folder of its own, so that a gateway that watches its configuration does not see logs grow.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.benchmarks.cpu import read_usage
from scripts.benchmarks.features import check_features, count_lines
from scripts.benchmarks.form import Form
from scripts.benchmarks.machine import available_cores, free_ports, pin, share_cores
from scripts.benchmarks.peers import TOKEN, TOKEN_HEADER, Peer, Place
from scripts.benchmarks.processes import running
from scripts.benchmarks.rounds import BenchFailed, blamed_on
from scripts.benchmarks.tools import Say
from scripts.benchmarks.wrk import Load, LoadPlan, press

CREDENTIAL = f"{TOKEN_HEADER}: {TOKEN}"
LOGGED_SHARE = 0.99  # the rest may fall between counting a log and emptying it
QUIET_SECONDS = 0.1
QUIET_LIMIT_SECONDS = 5.0
MEBIBYTE = 1 << 20
PER_CPU_SECOND = "requests per CPU-second"
MEMORY = "memory, MiB"

Check = Callable[[Peer], None]


@dataclass(slots=True)
class Cost:
    """What a peer used for a load; `resident_bytes` is its memory afterwards."""

    cpu_seconds: float = 0.0
    resident_bytes: int = 0

    @property
    def memory(self) -> float:
        """The memory in MiB."""
        return self.resident_bytes / MEBIBYTE


class Stand:
    """The backend and the peers of one run, by the names that they are measured under."""

    def __init__(self, place: Place, stack: contextlib.ExitStack) -> None:
        self.place = place
        self.peers: dict[str, Peer] = {}
        self._stack = stack
        self._cores = share_cores(available_cores())
        self._pids: dict[str, int] = {}
        self._requests: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()

    @property
    def load_pin(self) -> list[str]:
        """What to put before the command of a load."""
        return pin(self._cores.load)

    @property
    def load_threads(self) -> int:
        """How many threads a load has cores for."""
        return max(1, len(self._cores.load))

    def start_backend(self, peer: Peer) -> None:
        """Run the backend until the end of the run; it can be measured as a peer of its name."""
        self._start(peer.name, peer, self._cores.backend)

    def start(self, name: str, peer: Peer, check: Check = check_features) -> None:
        """Run a peer until the end of the run, and see that it does what it is measured for."""
        self.place.say(f"starting {name}")
        self._start(name, peer, self._cores.peer)
        with blamed_on(name):
            check(peer)

    def wrk(self, name: str, plan: LoadPlan) -> tuple[Load, Cost]:
        """Press a peer by wrk."""
        with blamed_on(name), self.costing(name) as cost:
            load = press(plan, self.peers[name].port, self.load_pin)
        self.count(name, load.requests)
        return load, cost

    @contextlib.contextmanager
    def costing(self, name: str) -> Iterator[Cost]:
        """Yield what is filled in at the end of the block."""
        before, cost = read_usage(self._pids[name]), Cost()
        yield cost
        after = read_usage(self._pids[name])
        cost.cpu_seconds = after.cpu_seconds - before.cpu_seconds
        cost.resident_bytes = after.resident_bytes

    def count(self, name: str, requests: int) -> None:
        """Note requests that must be found in the peer's log, and empty it."""
        self._requests[name] += requests
        features = self.peers[name].features
        if features is not None:
            _wait_until_quiet(features.log)
            self._lines[name] += count_lines(features.log)

    def check_logs(self) -> None:
        """Once all have ended: raise BenchFailed when a peer did not log each request."""
        for name, peer in self.peers.items():
            self.count(name, 0)
            if peer.features is not None and self._lines[name] < self._requests[name] * LOGGED_SHARE:
                raise BenchFailed(f"{name} logged {self._lines[name]} of {self._requests[name]} requests.")

    def _start(self, name: str, peer: Peer, cores: tuple[int, ...]) -> None:
        started = running([*pin(cores), *peer.command], folder=peer.folder, log=peer.output, port=peer.port)
        with blamed_on(name):
            self._pids[name] = self._stack.enter_context(started)
        self.peers[name] = peer


@contextlib.contextmanager
def standing(form: Form, say: Say) -> Iterator[Stand]:
    """Yield a stand without peers; at the end all that was started has ended and each request was logged."""
    with tempfile.TemporaryDirectory(prefix="tentaculo-bench-") as folder:
        ports = free_ports()
        place = Place(Path(folder), next(ports), ports, say, form)
        with contextlib.ExitStack() as stack:
            stand = Stand(place, stack)
            yield stand
        stand.check_logs()


def _wait_until_quiet(log: Path) -> None:
    """Let a peer write what it still has, so that no line comes between counting and emptying."""
    until, size = time.monotonic() + QUIET_LIMIT_SECONDS, -1
    while (now := log.stat().st_size) != size and time.monotonic() < until:
        size = now
        time.sleep(QUIET_SECONDS)


def inside(place: Place, name: str) -> Place:
    """Return a place with a new folder of its own for a peer."""
    folder = place.folder / name
    folder.mkdir()
    return replace(place, folder=folder)
