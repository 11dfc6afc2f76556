"""A TCP proxy that harms what passes through it, by a plan for each connection or by the test's own hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum

from tests.fakes.gates import soon
from tests.fakes.messages import Cut
from tests.fakes.sockets import Listener, Wire, connect

PIECE = 64 * 1024


class Fault(Enum):
    """What befalls a connection."""

    RESET = "reset"  # both sides are reset
    CUT = "cut"  # both sides are closed, as if in good order
    STALL = "stall"  # nothing more goes in this direction, and nobody is told
    HALF_CLOSE = "half-close"  # this direction ends, the other goes on


@dataclass(frozen=True, slots=True)
class Course:
    """What happens in one direction.

    `fault` comes once exactly `after` bytes were forwarded; `piece` is the most that is forwarded at
    once, each after `delay` seconds.
    """

    fault: Fault | None = None
    after: int = 0
    piece: int = PIECE
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one connection: `up` is from who connected, `down` the way back."""

    up: Course = Course()
    down: Course = Course()


UNHARMED = Plan()


class Link:
    """One connection through the proxy; `struck` is set once a fault of its plan came."""

    def __init__(self, near: Wire, far: Wire) -> None:
        self.struck = asyncio.Event()
        self._near = near
        self._far = far
        self._moving = {near: asyncio.Event(), far: asyncio.Event()}
        for moving in self._moving.values():
            moving.set()

    def reset(self) -> None:
        """Reset both sides."""
        self._near.abort()
        self._far.abort()

    def cut(self) -> None:
        """Close both sides."""
        self._near.writer.close()
        self._far.writer.close()

    def stall(self) -> None:
        """Forward nothing more, in both directions, until `resume`."""
        for moving in self._moving.values():
            moving.clear()

    def resume(self) -> None:
        """Go on, with all that came meanwhile."""
        for moving in self._moving.values():
            moving.set()

    async def carry(self, plan: Plan) -> None:
        """Forward in both directions until both have ended."""
        async with asyncio.TaskGroup() as directions:
            directions.create_task(self._forward(plan.up, self._near, self._far))
            directions.create_task(self._forward(plan.down, self._far, self._near))

    async def _forward(self, course: Course, source: Wire, target: Wire) -> None:
        left = course.after
        try:
            while course.fault is None or left:
                most = course.piece if course.fault is None else min(course.piece, left)
                data = await source.source.some(most)
                await self._moving[source].wait()
                await asyncio.sleep(course.delay)
                if not data:
                    _finish(target)
                    return
                target.writer.write(data)
                await target.writer.drain()
                left -= len(data)
            await self._strike(course.fault, source, target)
        except (Cut, ConnectionError):
            self.reset()

    async def _strike(self, fault: Fault, source: Wire, target: Wire) -> None:
        self.struck.set()
        if fault is Fault.RESET:
            self.reset()
        elif fault is Fault.CUT:
            self.cut()
        elif fault is Fault.HALF_CLOSE:
            _finish(target)
        else:
            self._moving[source].clear()
            await self._moving[source].wait()
            await self._forward(Course(), source, target)


class FaultProxy:
    """Stands before a port of this machine; `plan` is for the connections to come."""

    def __init__(self, port: int, plan: Plan = UNHARMED) -> None:
        self.plan = plan
        self.links: list[Link] = []
        self._port = port
        self._arrivals: asyncio.Queue[Link] = asyncio.Queue()
        self._listener = Listener(self._serve, keep=False, limit=PIECE)
        self.start = self._listener.start
        self.stop = self._listener.stop

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.port

    async def next(self) -> Link:
        """Wait for the next connection through it."""
        return await soon(self._arrivals.get())

    async def _serve(self, near: Wire) -> None:
        plan = self.plan
        try:
            far = await connect("127.0.0.1", self._port, limit=PIECE, keep=False)
        except ConnectionError:
            near.abort()
            return
        link = Link(near, far)
        self.links.append(link)
        self._arrivals.put_nowait(link)
        try:
            await link.carry(plan)
            await far.aclose()
        finally:
            far.abort()


def _finish(target: Wire) -> None:
    if not target.writer.transport.is_closing():
        target.writer.write_eof()
