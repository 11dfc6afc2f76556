"""The load of event streams: clients that hold streams open and count the events of each.

A process of its own that prints one line of JSON. It reads the peer's usage itself, at the edges of the
window in which it counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import http.client
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import cast

from scripts.benchmarks.cpu import read_usage
from scripts.benchmarks.event_backend import HEAD_END, MARK, STAMP_DIGITS
from scripts.benchmarks.load_process import run_process, serve_plan
from scripts.benchmarks.wrk import LoadFailed

EVENT_END = b"\n\n"
STAMPED = len(MARK) + STAMP_DIGITS
BATCH = 100  # clients that open at once: fewer than any peer's backlog
OPEN_SECONDS = 30.0
EVENT_SECONDS = 10.0
WARM_STREAMS = 10
POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPlan:
    """`streams` held open through the peer on `port`, whose process is `pid`; counted for `seconds`.

    `credential` is a header line; before the count, the streams beat for `warm_up` seconds.
    """

    port: int
    pid: int
    backend_port: int
    backend_pid: int
    path: str
    credential: str = dataclasses.field(repr=False)
    streams: int
    seconds: float
    warm_up: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLoad:
    """What the clients saw and the peer used; `fewest` are the events of the stream that got the fewest.

    `idle_bytes` is the peer's memory before the streams were opened, `open_bytes` with all of them open.
    What the clients and the backend used themselves tells whether they were fast enough.
    """

    streams: int
    upstream_streams: int
    events: int
    fewest: int
    seconds: float
    cpu_seconds: float
    clients_cpu_seconds: float
    backend_cpu_seconds: float
    idle_bytes: int
    open_bytes: int
    median_ms: float
    p99_ms: float


class Crowd:
    """The clients of one load; `delays` takes nanoseconds from sending to arrival while it is a list."""

    def __init__(self, port: int, path: str, credential: str) -> None:
        self._port = port
        self.clients: list[Client] = []
        self.delays: list[int] | None = None
        self.fault: str | None = None
        head = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n{credential}\r\n\r\n"
        self.request = head.encode()

    async def open(self, count: int) -> None:
        """Open `count` streams more; raise LoadFailed."""
        loop = asyncio.get_running_loop()
        async with _limited(OPEN_SECONDS, "the streams did not all open"):
            for start in range(0, count, BATCH):
                for _ in range(start, min(start + BATCH, count)):
                    await loop.create_connection(lambda: Client(self), "127.0.0.1", self._port)
                await self._until(lambda client: client.opened)

    async def wait_for_events(self) -> None:
        """Wait until each stream had an event; raise LoadFailed."""
        async with _limited(EVENT_SECONDS, "the streams did not all beat"):
            await self._until(lambda client: client.events > 0)

    def counts(self) -> list[int]:
        """Return how many events each client has had."""
        return [client.events for client in self.clients]

    def check(self) -> None:
        """Raise LoadFailed when a stream was refused or has ended."""
        if self.fault is not None:
            raise LoadFailed(self.fault)

    def close(self) -> None:
        """Leave all streams."""
        self.fault = "closed"
        for client in self.clients:
            client.leave()

    async def _until(self, reached: Callable[[Client], bool]) -> None:
        while not all(map(reached, self.clients)):
            self.check()
            await asyncio.sleep(POLL_SECONDS)


class Client(asyncio.Protocol):
    """One client, which counts the events of its stream."""

    __slots__ = ("_crowd", "_head", "_last", "_transport", "events", "opened")

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._head = self._last = b""
        self.events = 0
        self.opened = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from nothing
        self._crowd.clients.append(self)
        self._transport.write(self._crowd.request)

    def data_received(self, data: bytes) -> None:
        """Count the events that end in `data`."""
        if not self.opened:
            self._open(data)
            return
        self.events += data.count(EVENT_END) + (self._last + data[:1] == EVENT_END)
        self._last = data[-1:]
        delays = self._crowd.delays
        if delays is not None:
            delays.extend(delays_in(data, time.monotonic_ns()))

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that a stream ended too early."""
        self._crowd.fault = self._crowd.fault or "a stream ended"

    def leave(self) -> None:
        """Close the connection."""
        self._transport.abort()

    def _open(self, data: bytes) -> None:
        self._head += data
        head, end, rest = self._head.partition(HEAD_END)
        if not end:
            return
        if not head.startswith(b"HTTP/1.1 200 "):
            self._crowd.fault = f"the peer answered {head.split(b' ')[1].decode(errors='replace')}"
            return
        self.opened = True
        if rest:
            self.data_received(rest)


def delays_in(data: bytes, now: int) -> list[int]:
    """Return how old each event is whose stamp stands whole in `data`, in nanoseconds."""
    found = []
    place = data.find(MARK)
    while 0 <= place <= len(data) - STAMPED:
        found.append(now - int(data[place + len(MARK) : place + STAMPED]))
        place = data.find(MARK, place + STAMPED)
    return found


async def press(plan: EventPlan) -> EventLoad:
    """Run the load to its end and return what was seen; raises LoadFailed."""
    async with crowd_at(plan.port, plan.path, plan.credential) as few:
        await few.open(min(WARM_STREAMS, plan.streams))  # what is loaded and made once is no stream's memory
        await few.wait_for_events()
    await asyncio.sleep(plan.warm_up)
    idle = read_usage(plan.pid)
    async with crowd_at(plan.port, plan.path, plan.credential) as crowd:
        await crowd.open(plan.streams)
        await crowd.wait_for_events()
        await asyncio.sleep(plan.warm_up)
        return await _count(plan, crowd, idle.resident_bytes)


async def _count(plan: EventPlan, crowd: Crowd, idle_bytes: int) -> EventLoad:
    delays: list[int] = []
    backend, before = read_usage(plan.backend_pid), read_usage(plan.pid)
    counts, start, own = crowd.counts(), time.monotonic(), time.process_time()
    crowd.delays = delays
    await asyncio.sleep(plan.seconds)
    crowd.delays = None
    seconds, own = time.monotonic() - start, time.process_time() - own
    counts = [now - earlier for now, earlier in zip(crowd.counts(), counts, strict=True)]
    after = read_usage(plan.pid)
    crowd.check()
    median, p99 = quantiles(delays)
    return EventLoad(
        streams=len(counts),
        upstream_streams=await asyncio.to_thread(count_open, plan.backend_port),
        events=sum(counts),
        fewest=min(counts),
        seconds=seconds,
        cpu_seconds=after.cpu_seconds - before.cpu_seconds,
        clients_cpu_seconds=own,
        backend_cpu_seconds=read_usage(plan.backend_pid).cpu_seconds - backend.cpu_seconds,
        idle_bytes=idle_bytes,
        open_bytes=after.resident_bytes,
        median_ms=median,
        p99_ms=p99,
    )


def quantiles(delays: Sequence[int]) -> tuple[float, float]:
    """Return the median and the 99th percentile, in milliseconds; raise LoadFailed where there is none."""
    if len(delays) < 2:
        raise LoadFailed("no events came")
    hundredths = statistics.quantiles(delays, n=100, method="inclusive")
    return hundredths[49] / 1e6, hundredths[98] / 1e6


def count_open(port: int) -> int:
    """Ask the backend on `port` how many streams it has open."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/open")
        return int(connection.getresponse().read())


@contextlib.asynccontextmanager
async def crowd_at(port: int, path: str, credential: str) -> AsyncIterator[Crowd]:
    """Yield a crowd that leaves at the end of the block; `credential` is a header line."""
    crowd = Crowd(port, path, credential)
    try:
        yield crowd
    finally:
        crowd.close()


@contextlib.asynccontextmanager
async def _limited(seconds: float, otherwise: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise LoadFailed(f"{otherwise} in {seconds:.0f} seconds") from None


def run_load(plan: EventPlan, python: str, pin: Sequence[str] = ()) -> EventLoad:
    """Run the load in a process of its own; `pin` is put before the command. Raises LoadFailed."""
    seconds = OPEN_SECONDS + EVENT_SECONDS + plan.seconds
    return EventLoad(**run_process("scripts.benchmarks.event_load", plan, python, seconds=seconds, pin=pin))


if __name__ == "__main__":
    sys.exit(serve_plan(EventPlan, press, sys.argv[1:]))
