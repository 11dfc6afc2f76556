"""What is special about the bus in memory; what it promises is in tests/contracts."""

from __future__ import annotations

import asyncio

import pytest

from examples.vx11.memory_bus import MemoryBus
from tests.fakes.gates import soon


async def test_ids_of_one_process_mean_nothing_to_the_next() -> None:
    """A consumer that outlives the bus acknowledges none of the next bus's messages by mistake."""
    before, after = MemoryBus(), MemoryBus()
    old_id = await before.publish("a", b"{}", "c")
    new_id = await after.publish("a", b"{}", "c")
    await after.take("g", "one", ["a"], 10)
    assert old_id.rpartition("-")[2] == new_id.rpartition("-")[2]
    assert await after.ack("g", "a", [old_id]) == 0
    assert await after.ack("g", "a", [new_id]) == 1


async def test_a_waiting_that_is_given_up_leaves_nothing_behind() -> None:
    """Polls that come and go for years must not add up."""
    bus = MemoryBus()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await soon(bus.arrival("g", ["a"], 60), 0.01)
    waiting = asyncio.create_task(bus.arrival("g", ["a"], 60))
    await asyncio.sleep(0)
    assert bus.waiting_count == 1
    waiting.cancel()
    await asyncio.wait([waiting])
    assert bus.waiting_count == 0
