"""The load of `latency` and `reload`: calls at a fixed rate, each measured from the moment that it was due.

A process of its own that prints one line of JSON. It never waits for an answer before the next call is due,
so a peer that stands still makes every call late that falls into its pause.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from scripts.benchmarks.load_process import run_process, serve_plan
from scripts.benchmarks.wrk import LoadFailed

MODULE = "scripts.benchmarks.paced_load"
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ANSWER_SECONDS = 5.0  # after the last call; what is not answered then has failed
MILLISECOND = 1e6  # in nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedPlan:
    """`rate` calls a second over `connections` kept alive; `credential` is a header line.

    Calls of the first `warm_up` seconds are made and not counted.
    """

    port: int
    rate: float
    seconds: float
    credential: str = field(repr=False)
    path: str = "/operator/api/status"
    connections: int = 64
    warm_up: float = 0.5

    @property
    def calls(self) -> int:
        """How many calls are made in all."""
        return round((self.warm_up + self.seconds) * self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedLoad:
    """What the clients saw of `calls`; `late_ms` is the 99th percentile of how late the load itself was."""

    calls: int
    failed: int
    median_ms: float
    p99_ms: float
    max_ms: float
    late_ms: float


class Pace:
    """Hands each call that is due to a connection that is free, and keeps the times."""

    def __init__(self, plan: PacedPlan) -> None:
        self.plan = plan
        self.request = f"GET {plan.path} HTTP/1.1\r\nHost: bench\r\n{plan.credential}\r\n\r\n".encode()
        self.callers: set[Caller] = set()
        self.delays: list[int] = []
        self.late: list[int] = []
        self.failed = self.made = 0
        self.counts_from = 0
        self._idle: deque[Caller] = deque()
        self._waiting: deque[int] = deque()
        self._connecting: set[asyncio.Task[object]] = set()
        self._closed = False

    async def open(self) -> None:
        """Open all connections."""
        for _ in range(self.plan.connections):
            self.connect()
        await asyncio.gather(*self._connecting)

    def connect(self) -> None:
        """Begin to open a connection."""
        loop = asyncio.get_running_loop()
        opening = loop.create_connection(lambda: Caller(self), "127.0.0.1", self.plan.port)
        task: asyncio.Task[object] = loop.create_task(opening)
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def run(self) -> None:
        """Make all calls, each when it is due, and wait for the last answers."""
        plan, period = self.plan, 1e9 / self.plan.rate
        start = time.monotonic_ns()
        self.counts_from = start + round(plan.warm_up * 1e9)
        for number in range(plan.calls):
            due = start + round(number * period)
            await _turn(lambda: time.monotonic_ns() < due)  # noqa: B023 - it ends within this turn
            self.call(due)
        until = time.monotonic_ns() + round(ANSWER_SECONDS * 1e9)
        await _turn(lambda: len(self.delays) + self.failed < self.made and time.monotonic_ns() < until)

    async def aclose(self) -> None:
        """Leave all connections."""
        self._closed = True
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for caller in tuple(self.callers):
            caller.leave()

    def free(self, caller: Caller) -> None:
        """Give a connection the call that waits longest, or let it wait for one."""
        if self._waiting:
            caller.call(self._waiting.popleft())
        else:
            self._idle.append(caller)

    def answered(self, due: int) -> None:
        """Count a right answer."""
        if due >= self.counts_from:
            self.delays.append(time.monotonic_ns() - due)

    def fail(self, due: int) -> None:
        """Count a call without a right answer."""
        self.failed += due >= self.counts_from

    def lost(self, caller: Caller) -> None:
        """Replace a connection that ended."""
        self.callers.discard(caller)
        if caller in self._idle:
            self._idle.remove(caller)
        if not self._closed:
            self.connect()

    def call(self, due: int) -> None:
        self.made += due >= self.counts_from
        if self._idle:
            self.late.append(time.monotonic_ns() - due)
            self._idle.popleft().call(due)
        else:
            self._waiting.append(due)


class Caller(asyncio.Protocol):
    """One connection; `due` is when its call under way was due, 0 without one."""

    __slots__ = ("_due", "_pace", "_received", "_transport")

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._due = 0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for a call."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from nothing
        self._pace.callers.add(self)
        self._pace.free(self)

    def call(self, due: int) -> None:
        """Send the request."""
        self._due = due
        self._transport.write(self._pace.request)

    def data_received(self, data: bytes) -> None:
        """Note the time once the answer is whole."""
        self._received += data
        status = whole(self._received)
        if status is None:
            return
        due, self._due, self._received = self._due, 0, b""
        if status == b"200":
            self._pace.answered(due)
        else:
            self._pace.fail(due)
        self._pace.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up the call under way."""
        if self._due:
            self._pace.fail(self._due)
        self._pace.lost(self)

    def leave(self) -> None:
        """Break the connection off."""
        self._transport.abort()


async def _turn(lasts: Callable[[], bool]) -> None:
    """Let the loop turn at least once, so that answers are read, and on while `lasts` holds."""
    await asyncio.sleep(0)
    while lasts():  # noqa: ASYNC110 - the loop's timers are coarser than the pace
        await asyncio.sleep(0)


def whole(answer: bytes) -> bytes | None:
    """Return the status of an answer that is whole, or None; without a length it never is."""
    end = answer.find(HEAD_END)
    if end < 0:
        return None
    length = LENGTH.search(answer, 0, end)
    if length is None or len(answer) < end + len(HEAD_END) + int(length[1]):
        return None
    return answer.split(b" ", 2)[1]


def summarize(pace: Pace) -> PacedLoad:
    """Return what was seen; raise LoadFailed where no call was answered."""
    if len(pace.delays) < 2:
        raise LoadFailed("no calls were answered")
    hundredths = statistics.quantiles(pace.delays, n=100, method="inclusive")
    late = sorted(pace.late)
    return PacedLoad(
        calls=pace.made,
        failed=pace.made - len(pace.delays),
        median_ms=hundredths[49] / MILLISECOND,
        p99_ms=hundredths[98] / MILLISECOND,
        max_ms=max(pace.delays) / MILLISECOND,
        late_ms=late[len(late) * 99 // 100] / MILLISECOND if late else 0.0,
    )


async def press(plan: PacedPlan) -> PacedLoad:
    """Run the load to its end and return what was seen; raises LoadFailed."""
    pace = Pace(plan)
    try:
        await pace.open()
        await pace.run()
    finally:
        await pace.aclose()
    return summarize(pace)


def run_load(plan: PacedPlan, python: str, pin: Sequence[str] = ()) -> PacedLoad:
    """Run the load in a process of its own; `pin` is put before the command. Raises LoadFailed."""
    return PacedLoad(**run_process(MODULE, plan, python, seconds=plan.seconds, pin=pin))


def main(arguments: Sequence[str]) -> int:
    """Run the load that the one argument describes and print what was seen."""
    return serve_plan(PacedPlan, press, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
