"""That the switch loses no message, whatever happens on the way."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from examples.vx11.bus import BusFull, BusUnavailable
from examples.vx11.bus_client import BusClient
from examples.vx11.memory_bus import MemoryBus
from examples.vx11.rules import Rules
from examples.vx11.switch import Switch
from tests.examples.vx11.madre_bench import RunningMadre
from tests.examples.vx11.switch_bench import arrived, quick, running_switch, serving_switch, settled
from tests.fakes.clock import Clock
from tests.fakes.gates import Gates, eventually, soon


class ClosedBus(MemoryBus):
    """A bus that takes nothing for the topic `b` until it is opened."""

    def __init__(self, clock: Clock, fault: Exception) -> None:
        super().__init__(clock=clock)
        self._fault = fault
        self.gates = Gates()
        self.is_open = False
        self.tries = 0

    async def publish(self, topic: str, body: bytes, correlation_id: str) -> str:
        if topic == "b" and not self.is_open:
            self.tries += 1
            self.gates.open("tried")
            raise self._fault
        return await super().publish(topic, body, correlation_id)


class ForgetfulClient(BusClient):
    """A client whose first acknowledgement fails in a way that nobody thought of."""

    failed = False
    note = "planted"

    async def ack(self, messages: Any) -> int:
        if not self.failed:
            self.failed = True
            raise ZeroDivisionError(self.note)
        return await super().ack(messages)


class FullBus(MemoryBus):
    """A bus that has room for the topic `a` alone."""

    async def publish(self, topic: str, body: bytes, correlation_id: str) -> str:
        if topic != "a":
            raise BusFull
        return await super().publish(topic, body, correlation_id)


class TestSafety:
    """At least once, whatever happens."""

    @pytest.fixture
    def bus(self, clock: Clock) -> ClosedBus:
        """A bus that is away for `b`."""
        return ClosedBus(clock, BusUnavailable("TimeoutError"))

    async def test_it_publishes_before_it_acknowledges(
        self, madre: RunningMadre, bus: ClosedBus, rules: Rules
    ) -> None:
        """While there is no way on, the message stays the group's; then it goes."""
        async with running_switch(rules, madre):
            await madre.publish({"event_id": "e-1", "kind": "plain"})
            await soon(bus.gates.passed("tried"))
            (state,) = [topic for topic in await bus.topics() if topic.topic == "a"]
            assert [group.pending for group in state.groups] == [1]
            bus.is_open = True
            assert [message["body"]["event_id"] for message in await arrived(madre, "b")] == ["e-1"]
            await settled(bus)

    async def test_a_switch_that_stops_ends_its_batch(
        self, madre: RunningMadre, bus: ClosedBus, rules: Rules
    ) -> None:
        """It publishes and acknowledges what it has taken, so that nothing comes twice."""
        async with AsyncExitStack() as running:
            await running.enter_async_context(running_switch(rules, madre))
            await madre.publish({"event_id": "e-1", "kind": "plain"})
            await soon(bus.gates.passed("tried"))
            await madre.publish({"event_id": "e-2", "kind": "plain"})
            stopping = asyncio.create_task(running.aclose())
            tried = bus.tries
            await eventually(lambda: stopping.done() or bus.tries > tried + 5)
            bus.is_open = True
            await soon(stopping)
        (state,) = [topic for topic in await bus.topics() if topic.topic == "a"]
        assert [(group.pending, group.lag) for group in state.groups] == [(0, 1)]

    async def test_what_one_switch_left_another_takes_up(
        self, madre: RunningMadre, bus: ClosedBus, rules: Rules
    ) -> None:
        """A switch that is killed in the middle loses nothing; the next has the message at once."""
        message_id = await madre.publish({"kind": "plain"})
        client = BusClient(madre.base, "switch", "switch", back_off=quick)
        (taken,) = await client.take(["a"])
        await client.close()
        bus.is_open = True
        async with running_switch(rules, madre):
            (message,) = await arrived(madre, "b")
            assert message["body"]["event_id"] == f"a:{message_id}" == f"a:{taken.message_id}"
            await settled(bus)

    async def test_a_fault_that_nobody_thought_of_is_survived(
        self,
        madre: RunningMadre,
        bus: ClosedBus,
        clock: Clock,
        rules: Rules,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """It is logged without its text, and the message comes again."""
        bus.is_open = True
        await madre.publish({"event_id": "e-1", "kind": "plain"})
        client = ForgetfulClient(madre.base, "switch", "one", wait=0.1, back_off=quick)
        async with serving_switch(Switch(rules, client)):
            assert len(await arrived(madre, "b")) == 1
            await eventually(lambda: client.failed)
            clock.advance(30)
            assert [message["body"]["event_id"] for message in await arrived(madre, "b", max=1)] == ["e-1"]
            await settled(bus)
        assert "ZeroDivisionError" in caplog.text
        assert "planted" not in caplog.text


class TestRefusal:
    """A madre that refuses even the dead letter."""

    @pytest.fixture
    def bus(self, clock: Clock) -> MemoryBus:
        """A bus without room for one topic more."""
        return FullBus(clock=clock)

    async def test_a_message_that_has_no_place_at_all_is_counted(
        self, madre: RunningMadre, bus: MemoryBus, rules: Rules, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is said to be lost, and comes no more."""
        await madre.publish({"kind": "plain"})
        async with running_switch(rules, madre):
            await settled(bus)
        assert "a message of a is lost: madre refused its dead letter: 409 bus_full" in caplog.text
