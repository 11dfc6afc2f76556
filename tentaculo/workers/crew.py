"""The workers of one gateway: started, watched, started again when they end, and drained together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from socket import socket
from typing import Any

from tentaculo.listening import StartError
from tentaculo.telemetry.logs import Logs
from tentaculo.telemetry.metrics import Metrics
from tentaculo.workers.member import Member, how_it_ended
from tentaculo.workers.merging import Exposition
from tentaculo.workers.restarts import Restarts
from tentaculo.workers.sockets import Place, close_all

START_SECONDS = 60.0  # who serves nobody by then never will
KILL_SECONDS = 2.0  # after a drain's hard cap; to close takes less

Launch = Callable[[list[int]], Awaitable[Member]]


async def pause_unless(stopping: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until it is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


@dataclass(slots=True)
class Slot:
    """The place of one worker, who may be started again and again; `number` counts from 1."""

    number: int
    restarts: Restarts = field(default_factory=Restarts)
    sockets: list[socket] = field(default_factory=list)
    member: Member | None = None


class Crew:
    """So many workers at one place; `launch` starts one with the descriptors of sockets."""

    def __init__(
        self,
        count: int,
        place: Place,
        launch: Launch,
        *,
        logs: Logs,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[asyncio.Event, float], Awaitable[None]] = pause_unless,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self.place = place
        self.past = Exposition()  # what those counted who have ended
        self._launch = launch
        self._clock = clock
        self._pause_unless = pause
        self._start_seconds = start_seconds
        self._logs = logs
        self._metrics = metrics
        self._slots = [Slot(number) for number in range(1, count + 1)]
        self._members: dict[Member, int] = {}  # all that have not ended, those that leave too
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()
        self._judged = asyncio.Event()  # what became of the first start
        self._outcomes: list[asyncio.Future[str | None]] = []
        self._codes: list[int] = []
        self._is_cut = False
        self._counts = {"streams_ended": 0, "exchanges_cut": 0}

    # What there is.

    @property
    def staying(self) -> list[tuple[Member, list[int]]]:
        """The workers that have or will have started, each with the descriptors of its sockets."""
        return [
            (slot.member, [each.fileno() for each in slot.sockets])
            for slot in self._slots
            if slot.member is not None and slot.member in self._members and not slot.member.is_leaving
        ]

    @property
    def members(self) -> list[Member]:
        """The workers that serve, by their numbers; those that leave are among them."""
        found = [member for member in self._members if member.serves]
        return sorted(found, key=lambda member: self._members[member])

    @property
    def present(self) -> list[Member]:
        """All workers that have not ended."""
        return list(self._members)

    @property
    def is_ready(self) -> bool:
        """Whether any worker takes connections."""
        if self._stopping.is_set():
            return False
        return any(not member.is_leaving for member in self.members)

    @property
    def counts(self) -> dict[str, int]:
        """What those let go of who have drained."""
        return self._counts

    # Their life.

    async def start(self) -> None:
        """Start all; raises StartError where one says that it can't serve, or none of them does."""
        loop = asyncio.get_running_loop()
        self._outcomes = [loop.create_future() for _ in self._slots]
        for slot, outcome in zip(self._slots, self._outcomes, strict=True):
            self._keep(self._tend(slot, outcome))
        outcomes = await asyncio.gather(*self._outcomes)
        sentences = [outcome for outcome in outcomes if outcome]
        if not sentences and all(outcome is not None for outcome in outcomes):
            sentences = [f"no worker starts: the first one {_said(self._codes)}"]
        if sentences:
            await self.stop(0.0)
            raise StartError(sentences[0])
        self._judged.set()

    async def _tend(self, slot: Slot, outcome: asyncio.Future[str | None]) -> None:
        """Have a worker at a slot, one after another."""
        while True:
            member = await self._started(slot)
            if member is not None:
                said = await asyncio.shield(member.started)
                if not outcome.done():
                    outcome.set_result(said)
                elif said:
                    self._note_failure(slot, said)
                await member.gone.wait()
            elif not outcome.done():
                outcome.set_result("")
            has_served = member is not None and member.started.result() is None
            if not has_served:
                await self._judged.wait()
            if self._stopping.is_set():
                return
            await self._pause(slot, slot.restarts.next_pause(has_served=has_served))
            if self._stopping.is_set():
                return
            self._metrics.workers.restarted()

    async def _started(self, slot: Slot) -> Member | None:
        try:
            slot.sockets = slot.sockets or self.place.listen()
            member = await self._launch([each.fileno() for each in slot.sockets])
        except Exception as fault:  # whatever it is, it must be tried again
            known = isinstance(fault, OSError | StartError)
            self._note_failure(slot, str(fault) if known else type(fault).__name__)
            return None
        slot.member = member
        self._members[member] = slot.number
        self._keep(self._watch(slot.number, member))
        if self._stopping.is_set():
            member.replace(at_once=True)
        return member

    async def _watch(self, number: int, member: Member) -> None:
        """See a worker through its life."""
        began_at = self._clock()
        ended = asyncio.ensure_future(member.watch())
        await asyncio.wait(
            (ended, member.started), timeout=self._start_seconds, return_when="FIRST_COMPLETED"
        )
        if not member.started.done():
            member.replace(at_once=True)
        has_served = member.serves
        if has_served:
            self._note_running()
            self._logs.logger.info("worker.started", worker=number, pid=member.pid)
        code = await ended
        del self._members[member]
        self.past.add(member.exposition)
        self._note_running()
        self._codes.append(code)
        if self._stopping.is_set():
            self._is_cut |= has_served and code != 0
            self._counts = {name: self._counts[name] + count for name, count in member.counts.items()}
        told = self._stopping.is_set() or member.is_leaving
        expected = told and (code == 0 or not has_served)
        facts: dict[str, Any] = {"worker": number, "pid": member.pid, **how_it_ended(code), **member.counts}
        facts["seconds"] = round(self._clock() - began_at, 3)
        self._logs.event("info" if expected else "error", "worker.ended", facts)

    def _note_failure(self, slot: Slot, reason: str) -> None:
        self._logs.logger.error("worker.failed", worker=slot.number, reason=reason)

    def _note_running(self) -> None:
        self._metrics.workers.running(len(self.members))

    async def _pause(self, slot: Slot, seconds: float) -> None:
        """Wait before a worker is started again; meanwhile the others have its share of connections."""
        if seconds:
            close_all(slot.sockets)
            await self._pause_unless(self._stopping, seconds)

    # What all are told.

    def move(self, place: Place, undo: AsyncExitStack) -> Callable[[], None]:
        """Have sockets at another place for all; return what gives up those of before.  Raises StartError."""
        before = self.place, [slot.sockets for slot in self._slots]
        fresh: list[list[socket]] = []

        def swap(new: Place, sockets: list[list[socket]]) -> None:
            self.place = new
            for slot, each in zip(self._slots, sockets, strict=True):
                slot.sockets = each

        def give_up(old: Place, sockets: list[list[socket]]) -> None:
            old.close()
            for each in sockets:
                close_all(each)

        undo.callback(give_up, place, fresh)
        fresh += (place.listen() if slot.sockets else [] for slot in self._slots)
        undo.callback(swap, *before)
        swap(place, fresh)
        return lambda: give_up(*before)

    def tell(self, what: str) -> None:
        """Give all an order."""
        for member in self._members:
            member.send({"do": what})

    async def stop(self, seconds: float) -> bool:
        """Drain all; return whether all could, in so many seconds and a few more."""
        self._stopping.set()
        self._judged.set()
        self.place.close()
        for slot in self._slots:
            close_all(slot.sockets)
        for member in list(self._members):
            if not (member.serves and member.send({"do": "drain"})):
                member.replace(at_once=not member.serves)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds + KILL_SECONDS)
            for member in list(self._members):
                member.replace(at_once=True)
            if late:
                await asyncio.wait(late)
        return not self._is_cut

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _said(codes: list[int]) -> str:
    if not codes:
        return "could not be made"
    ((how, what),) = how_it_ended(codes[0]).items()
    return f"ended with {how.replace('_', ' ')} {what}"
