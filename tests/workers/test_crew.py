"""The workers of a gateway: started, started again, moved, and drained."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from tentaculo.listening import StartError
from tentaculo.telemetry.metrics import Metrics
from tentaculo.workers.crew import Crew
from tentaculo.workers.member import Member
from tentaculo.workers.sockets import Place
from tests.fakes.clock import Clock
from tests.fakes.gates import soon
from tests.workers.parts import ANY, FakeMember, Log, as_member, settled

COUNTED = b"# HELP calls_total Calls\n# TYPE calls_total counter\ncalls_total 3.0\n"


class Workers:
    """A crew of two whose members are fakes; each pause lasts until the test lets it end."""

    def __init__(self, start_seconds: float = 60.0) -> None:
        self.clock = Clock()
        self.log = Log()
        self.metrics = Metrics(version="1")
        self.made: list[FakeMember] = []
        self.launched: list[list[int]] = []
        self.pauses: list[float] = []
        self.go_on = asyncio.Event()
        self.fault: Exception | None = None
        self.crew = Crew(
            2,
            Place(ANY),
            self._launch,
            logs=self.log.logs,
            metrics=self.metrics,
            clock=self.clock,
            pause=self._pause,
            start_seconds=start_seconds,
        )

    async def _launch(self, sockets: list[int]) -> Member:
        self.launched.append(sockets)
        if self.fault is not None:
            raise self.fault
        self.made.append(FakeMember())
        return as_member(self.made[-1])

    async def _pause(self, stopping: asyncio.Event, seconds: float) -> None:
        self.pauses.append(seconds)
        waiting = [asyncio.ensure_future(event.wait()) for event in (self.go_on, stopping)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        self.go_on.clear()
        for wait in waiting:
            wait.cancel()

    async def start(self) -> None:
        """Start with two that serve."""
        starting = asyncio.ensure_future(self.crew.start())
        await settled(lambda: len(self.made) == 2)
        for member in self.made:
            member.started.set_result(None)
        await soon(starting)
        await settled(lambda: len(self.log.named("worker.started")) == 2)

    async def next(self, count: int) -> FakeMember:
        """Wait until so many were made; the last one."""
        await settled(lambda: len(self.made) == count)
        return self.made[-1]


@pytest.fixture
async def workers() -> Workers:
    """A crew that has not started."""
    return Workers()


async def test_life(workers: Workers) -> None:
    """Each has its own socket and is told of; all drain."""
    await workers.start()
    crew = workers.crew
    assert crew.is_ready
    assert len(crew.members) == len(crew.present) == 2
    assert workers.launched[0] != workers.launched[1]
    workers.made[0].counts = {"streams_ended": 2, "exchanges_cut": 0}
    workers.made[1].counts = {"streams_ended": 3, "exchanges_cut": 0}
    assert await crew.stop(1.0)
    assert not crew.is_ready
    assert crew.counts == {"streams_ended": 5, "exchanges_cut": 0}
    assert [event["level"] for event in workers.log.named("worker.ended")] == ["info", "info"]
    assert await crew.stop(1.0)


async def test_one_that_cut_something(workers: Workers) -> None:
    """Then not all was drained."""
    await workers.start()
    workers.made[0].is_leaving = True
    stopping = asyncio.ensure_future(workers.crew.stop(1.0))
    workers.made[0].end(1)
    assert not await stopping


async def test_crash(workers: Workers) -> None:
    """One that ends is started again on the same socket, at once; after pauses if it never serves."""
    await workers.start()
    first = workers.launched[0]
    workers.made[0].exposition = COUNTED
    workers.made[0].end(-9)
    again = await workers.next(3)
    assert workers.launched[2] == first
    (ended,) = workers.log.named("worker.ended")
    assert (ended["level"], ended["signal"], ended["worker"]) == ("error", "SIGKILL", 1)
    assert b"calls_total 3.0" in workers.crew.past.text()
    again.end(3)
    (await workers.next(4)).end(3)
    await settled(lambda: workers.pauses == [1.0])
    assert workers.log.named("worker.ended")[1]["exit_code"] == 3
    assert workers.launched[3] == first
    workers.go_on.set()
    later = await workers.next(5)
    later.started.set_result(None)
    await settled(lambda: b"tentaculo_workers 2.0" in workers.metrics.exposition()[0])
    assert b"tentaculo_worker_restarts_total 3.0" in workers.metrics.exposition()[0]
    await workers.crew.stop(1.0)


async def test_one_that_leaves(workers: Workers) -> None:
    """Its successor starts before it has ended, without a pause however often that is."""
    await workers.start()
    for count in (3, 4, 5):
        leaving = workers.made[0] if count == 3 else workers.made[-1]
        leaving.is_leaving = True
        leaving.gone.set()
        successor = await workers.next(count)
        successor.started.set_result(None)
        assert len(workers.crew.present) == 3
        leaving.end(0)
        await settled(lambda: len(workers.crew.present) == 2)
    assert workers.pauses == []
    assert {event["level"] for event in workers.log.named("worker.ended")} == {"info"}
    await workers.crew.stop(1.0)


async def test_one_that_says_why_it_does_not_start(workers: Workers) -> None:
    """Its sentence is that of the gateway, and the others end."""
    starting = asyncio.ensure_future(workers.crew.start())
    await workers.next(2)
    workers.made[0].started.set_result(None)
    workers.made[1].started.set_result("the certificate is none")
    workers.made[1].end(1)
    with pytest.raises(StartError, match="the certificate is none"):
        await soon(starting)
    assert workers.made[0].orders == ["drain"]
    assert workers.crew.present == []


async def test_none_that_starts(workers: Workers) -> None:
    """A gateway whose workers all end at once does not go on trying."""
    starting = asyncio.ensure_future(workers.crew.start())
    await workers.next(2)
    for member in list(workers.made):
        member.end(7)
    with pytest.raises(StartError, match="no worker starts: the first one ended with exit code 7"):
        await soon(starting)


async def test_one_that_never_serves() -> None:
    """It is ended, and counts as one that ended by itself."""
    workers = Workers(start_seconds=0.01)
    with pytest.raises(StartError, match="no worker starts: the first one ended with signal SIGKILL"):
        await soon(workers.crew.start())
    assert all(member.replaced == [True] for member in workers.made[:2])


async def test_system_that_makes_no_process(workers: Workers) -> None:
    """It is tried again after pauses, and logged."""
    await workers.start()
    workers.fault = OSError(11, "no more of them")
    workers.made[0].end(1)
    await settled(lambda: workers.pauses == [1.0])
    failed, _ = workers.log.named("worker.failed")
    assert (failed["worker"], failed["reason"]) == (1, "[Errno 11] no more of them")
    workers.fault = None
    workers.go_on.set()
    (await workers.next(3)).started.set_result(None)
    await workers.crew.stop(1.0)


async def test_successor_that_can_not_serve(workers: Workers) -> None:
    """Its sentence is logged, since the others go on."""
    await workers.start()
    workers.made[0].end(-9)
    (await workers.next(3)).started.set_result("the certificate is none")
    await settled(lambda: len(workers.log.named("worker.failed")) == 1)
    (failed,) = workers.log.named("worker.failed")
    assert (failed["worker"], failed["reason"]) == (1, "the certificate is none")
    await workers.crew.stop(1.0)


async def test_fault_of_the_supervisor(workers: Workers) -> None:
    """It is no reason to give a worker up; its text may hold anything, so only its kind is logged."""
    await workers.start()
    workers.fault = RuntimeError("secret")
    workers.made[0].end(1)
    await settled(lambda: workers.pauses == [1.0])
    assert {event["reason"] for event in workers.log.named("worker.failed")} == {"RuntimeError"}
    await workers.crew.stop(1.0)


async def test_system_that_makes_none_at_all(workers: Workers) -> None:
    """Then it does not start."""
    workers.fault = OSError(11, "no more of them")
    with pytest.raises(StartError, match="no worker starts: the first one could not be made"):
        await soon(workers.crew.start())


async def test_end_while_one_starts(workers: Workers) -> None:
    """One that has not started has nothing to drain."""
    await workers.start()
    workers.made[0].end(-11)
    late = await workers.next(3)
    assert await workers.crew.stop(1.0)
    assert late.replaced[0] is True


async def test_orders(workers: Workers) -> None:
    """All get them."""
    await workers.start()
    workers.crew.tell("reopen")
    assert [member.orders for member in workers.made] == [["reopen"], ["reopen"]]
    await workers.crew.stop(1.0)


@pytest.mark.parametrize("taken", [True, False], ids=["for good", "taken back"])
async def test_move(workers: Workers, taken: bool) -> None:
    """All have sockets at the new place, or again those of the old one."""
    await workers.start()
    old, new = workers.crew.place, Place(ANY)
    before = [sockets for _, sockets in workers.crew.staying]
    async with AsyncExitStack() as undo:
        leave = workers.crew.move(new, undo)
        assert workers.crew.place is new
        assert not any(sockets in before for _, sockets in workers.crew.staying)
        if taken:
            undo.pop_all()
            leave()
    assert workers.crew.place is (new if taken else old)
    kept = [sockets for _, sockets in workers.crew.staying]
    assert (kept == before) is not taken
    await workers.crew.stop(1.0)
