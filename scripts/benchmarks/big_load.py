"""The load of `calls-big`: bodies of one size, up or down, one after the other on each connection.

A process of its own that prints one line of JSON. Each byte of an answer is counted, and the backend counts
those sent up: a body that came short is a fault.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from scripts.benchmarks.big_backend import BUFFER_BYTES, DOWN_PATH, HEAD_END, UP_PATH, make_body
from scripts.benchmarks.load_process import run_process, serve_plan
from scripts.benchmarks.paced_load import LENGTH
from scripts.benchmarks.wrk import LoadFailed

MODULE = "scripts.benchmarks.big_load"
END_SECONDS = 30.0  # beyond the plan's, for the bodies under way


@dataclass(frozen=True, slots=True, kw_only=True)
class BigPlan:
    """Bodies of `size` bytes, `up` or down, on `connections` at a time, begun within `seconds`."""

    port: int
    size: int
    up: bool
    seconds: float
    credential: str = field(repr=False)
    connections: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BigLoad:
    """How many bodies came whole, in how many seconds."""

    bodies: int
    seconds: float


class Work:
    """What the connections of one load share."""

    def __init__(self, plan: BigPlan) -> None:
        self.plan = plan
        self.until = time.monotonic() + plan.seconds
        self.body = make_body(plan.size) if plan.up else b""
        first = f"POST {UP_PATH}" if plan.up else f"GET {DOWN_PATH}{plan.size}"
        length = f"Content-Length: {plan.size}\r\n" if plan.up else ""
        self.head = f"{first} HTTP/1.1\r\nHost: bench\r\n{plan.credential}\r\n{length}\r\n".encode()
        self.bodies = 0
        self.carriers: list[Carrier] = []

    def check(self, head: bytes, body: bytes, length: int) -> None:
        """Raise LoadFailed unless an answer is the right one; `body` is its start."""
        status = head.split(b" ", 2)[1]
        if status != b"200":
            raise LoadFailed(f"the peer answered {status.decode()}")
        if self.plan.up and body != b"%d" % self.plan.size:
            raise LoadFailed(f"{body.decode(errors='replace')} of {self.plan.size} bytes came up")
        if not self.plan.up and length != self.plan.size:
            raise LoadFailed(f"{length} of {self.plan.size} bytes came down")


class Carrier(asyncio.BufferedProtocol):
    """One connection; `ended` is done once it has no body under way and no time for another."""

    __slots__ = ("_buffer", "_head", "_left", "_length", "_start", "_transport", "_work", "ended")

    def __init__(self, work: Work) -> None:
        self._work = work
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._head = self._start = b""
        self._left = self._length = 0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from nothing
        self._work.carriers.append(self)
        self._begin()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give the same memory for each read: what came is not kept."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Count a part of an answer."""
        try:
            self._take(nbytes)
        except LoadFailed as fault:
            self._end(fault)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that a body is missing."""
        self._end(LoadFailed("a connection ended within a body"))

    def leave(self) -> None:
        """Break the connection off, and what is under way on it."""
        self.ended.cancel()
        self._transport.abort()

    def _begin(self) -> None:
        self._head, self._length = b"", 0
        self._transport.write(self._work.head)
        if self._work.body:
            self._transport.write(self._work.body)

    def _take(self, nbytes: int) -> None:
        if self._length:
            self._left -= nbytes
            if self._work.plan.up:  # its answer is short, and may come in parts
                self._start += self._buffer[:nbytes]
        else:
            self._head += self._buffer[:nbytes]
            self._read_head()
        if self._length and self._left <= 0:
            self._finish()

    def _read_head(self) -> None:
        head, end, self._start = self._head.partition(HEAD_END)
        if not end:
            return
        length = LENGTH.search(head)
        if length is None:
            raise LoadFailed("an answer has no length")
        self._length = int(length[1])
        self._left = self._length - len(self._start)

    def _finish(self) -> None:
        self._work.check(self._head, self._start, self._length)
        self._work.bodies += 1
        if time.monotonic() < self._work.until:
            self._begin()
        else:
            self._end(None)

    def _end(self, fault: LoadFailed | None) -> None:
        if self.ended.done():
            return
        if fault is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(fault)
        self._transport.abort()


async def press(plan: BigPlan) -> BigLoad:
    """Run the load to its end and return what was seen; raises LoadFailed."""
    loop, work, start = asyncio.get_running_loop(), Work(plan), time.monotonic()
    try:
        async with asyncio.timeout(plan.seconds + END_SECONDS):
            for _ in range(plan.connections):
                await loop.create_connection(lambda: Carrier(work), "127.0.0.1", plan.port)
            await asyncio.gather(*(carrier.ended for carrier in work.carriers))
    except TimeoutError:
        raise LoadFailed(f"bodies were still under way after {END_SECONDS:.0f} seconds more") from None
    finally:
        for carrier in work.carriers:
            carrier.leave()
    return BigLoad(bodies=work.bodies, seconds=time.monotonic() - start)


def run_load(plan: BigPlan, python: str, pin: Sequence[str] = ()) -> BigLoad:
    """Run the load in a process of its own; `pin` is put before the command. Raises LoadFailed."""
    return BigLoad(**run_process(MODULE, plan, python, seconds=plan.seconds, pin=pin))


def main(arguments: Sequence[str]) -> int:
    """Run the load that the one argument describes and print what was seen."""
    return serve_plan(BigPlan, press, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
