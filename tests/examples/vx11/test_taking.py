"""A service's work on batches: in turn, through every fault of madre, and to its end when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from examples.vx11.bus_client import BackOff, BusAway, BusClient, TakenMessage
from examples.vx11.memory_bus import MemoryBus
from examples.vx11.taking import POLL_SECONDS, STOP_SECONDS, Taker
from tests.examples.vx11.madre_bench import RunningMadre, running_madre
from tests.examples.vx11.services import no_pause
from tests.examples.vx11.switch_bench import settled
from tests.fakes.gates import Gates, eventually, soon
from tests.fakes.ports import free_port


class Desk:
    """Deals with messages: notes what they are, once the gate `go on` is open."""

    def __init__(self) -> None:
        self.gates = Gates()
        self.seen: list[object] = []
        self.faults: list[Exception] = []

    async def deal(self, batch: Sequence[TakenMessage]) -> None:
        """Deal with a batch."""
        self.gates.open("dealing")
        await self.gates.passed("go on")
        if self.faults:
            raise self.faults.pop()
        self.seen += [message.body["n"] for message in batch]


class AbsentClient(BusClient):
    """A client whose first acknowledgements get no answer."""

    failures = 3

    async def ack(self, messages: object) -> int:
        if self.failures:
            self.failures -= 1
            raise BusAway("TimeoutError")
        return await super().ack(messages)  # type: ignore[arg-type]


@pytest.fixture
def desk() -> Desk:
    """A desk whose gate is closed."""
    return Desk()


@asynccontextmanager
async def _taking(
    base: str,
    desk: Desk,
    topics: Sequence[str] = ("a",),
    *,
    stop_seconds: float = STOP_SECONDS,
    make: Callable[..., BusClient] = BusClient,
    back_off: Callable[[], BackOff] = no_pause,
) -> AsyncIterator[None]:
    async with make(base, "g", "one", wait=0.1, back_off=back_off) as bus:
        taker = Taker(bus, desk.deal, back_off=back_off, stop_seconds=stop_seconds)
        async with taker.taking(topics):
            yield


class TestStopping:
    """What becomes of the batch on its way."""

    async def test_a_batch_is_ended_and_no_other_is_begun(
        self, madre: RunningMadre, bus: MemoryBus, desk: Desk
    ) -> None:
        """It is dealt with and acknowledged, and what came later is the next one's."""
        async with AsyncExitStack() as running:
            await running.enter_async_context(_taking(madre.base, desk))
            await madre.publish({"n": 1})
            await soon(desk.gates.passed("dealing"))
            await madre.publish({"n": 2})
            stopping = asyncio.create_task(running.aclose())
            await asyncio.sleep(0)  # it now waits, or has cancelled
            desk.gates.open("go on")
            await soon(stopping)
        assert desk.seen == [1]
        (state,) = await bus.topics()
        assert [(group.pending, group.lag) for group in state.groups] == [(0, 1)]

    async def test_a_batch_without_end_is_cut_off(
        self, madre: RunningMadre, bus: MemoryBus, desk: Desk
    ) -> None:
        """When its time is up; it stays pending, and comes again."""
        async with AsyncExitStack() as running:
            await running.enter_async_context(_taking(madre.base, desk, stop_seconds=0.01))
            await madre.publish({"n": 1})
            await soon(desk.gates.passed("dealing"))
            await soon(running.aclose())
        desk.gates.open("go on")
        async with _taking(madre.base, desk):
            await settled(bus)
        assert desk.seen == [1]

    def test_the_stop_of_a_container_is_long_enough(self) -> None:
        """Of its ten seconds open calls may take five, too."""
        assert POLL_SECONDS < STOP_SECONDS <= 3


class TestFaults:
    """What does not end the taking."""

    async def test_it_outlives_madre(
        self, bus: MemoryBus, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        """While madre is away it pauses and tries again, and then goes on."""
        desk.gates.open("go on")
        port = free_port()
        async with _taking(f"http://127.0.0.1:{port}", desk):
            await eventually(lambda: "taking from madre failed: ClientConnectorError" in caplog.text)
            for number in (1, 2):
                async with running_madre(bus, port=port) as madre:
                    await madre.publish({"n": number})
                    await eventually(lambda: len(desk.seen) == number)  # noqa: B023 - awaited here
        assert desk.seen == [1, 2]

    async def test_a_refusal_is_paused_after_too(
        self, madre: RunningMadre, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A wish that madre does not grant is no reason to ask without end."""
        pauses: list[float] = []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            await asyncio.sleep(0)

        async with _taking(madre.base, desk, ["a/b"], back_off=lambda: BackOff(sleep=pause)):
            await eventually(lambda: len(pauses) > 1)
        assert "taking from madre failed: 400 bad_request" in caplog.text

    async def test_an_acknowledgement_is_repeated(
        self, madre: RunningMadre, bus: MemoryBus, desk: Desk
    ) -> None:
        """Until madre has it: nothing is dealt with twice for that."""
        desk.gates.open("go on")
        async with _taking(madre.base, desk, make=AbsentClient):
            await madre.publish({"n": 1})
            await settled(bus)
        assert desk.seen == [1]

    async def test_a_fault_of_the_work_is_told_without_its_text(
        self, madre: RunningMadre, bus: MemoryBus, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The batch stays pending, and the next one is taken."""
        desk.faults.append(ZeroDivisionError("planted"))
        desk.gates.open("go on")
        async with _taking(madre.base, desk):
            await madre.publish({"n": 1})
            await eventually(lambda: "ZeroDivisionError" in caplog.text)
        assert "planted" not in caplog.text
        (state,) = await bus.topics()
        assert [group.pending for group in state.groups] == [1]
