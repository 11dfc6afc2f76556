"""A switch that listens, its rules, and what came out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from examples.vx11.bus_client import BackOff, BusClient
from examples.vx11.memory_bus import MemoryBus
from examples.vx11.rules import Rules
from examples.vx11.service import Service
from examples.vx11.switch import Switch
from tests.examples.vx11.madre_bench import RunningMadre
from tests.fakes.gates import soon

RULES = """
rules:
  - {from: a, when: {kind: plain}, to: b, set: {module: switch, kind: set}}
  - {from: a, when: {kind: both}, to: [b, c]}
"""


def quick() -> BackOff:
    """Return a back-off that hardly waits."""
    return BackOff(0.001, 0.01)


@asynccontextmanager
async def running_switch(rules: Rules, madre: RunningMadre) -> AsyncIterator[str]:
    """Run a switch for as long as the block, which gets its URL."""
    bus = BusClient(madre.base, "switch", "switch", wait=0.1, back_off=quick)
    async with serving_switch(Switch(rules, bus)) as url:
        yield url


@asynccontextmanager
async def serving_switch(switch: Switch) -> AsyncIterator[str]:
    """The same with a switch that was made before."""
    service = Service(switch.app(), "127.0.0.1", 0)
    async with AsyncExitStack() as stack:
        await service.start()
        stack.push_async_callback(service.stop)
        host, port = service.address
        yield f"http://{host}:{port}"


async def arrived(madre: RunningMadre, topic: str, **wanted: object) -> list[dict[str, Any]]:
    """Take from a topic as soon as there is something."""
    return await soon(madre.take(topics=[topic], wait_ms=30_000, **wanted))


async def settled(bus: MemoryBus) -> None:
    """Wait until the switch has taken and acknowledged everything."""
    async with asyncio.timeout(5):
        while True:
            states = [s for topic in await bus.topics() if topic.topic == "a" for s in topic.groups]
            if states and not any(state.pending or state.lag for state in states):
                return
            await asyncio.sleep(0.01)
