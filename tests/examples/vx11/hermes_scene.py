"""A madre with a memory bus, and a hermes on it that can go and come back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

from examples.vx11.bus_client import BackOff, BusClient
from examples.vx11.hermes import EVENTS_PATH, STREAM_PATH, Hermes, HermesOptions
from examples.vx11.madre import build_madre
from examples.vx11.memory_bus import MemoryBus
from tests.examples.vx11.services import fields, listening, no_pause
from tests.examples.vx11.sse import read_event
from tests.fakes.clock import Clock


class Scene:
    """A madre, a hermes that can go and come back, and somebody who publishes and reads."""

    def __init__(self, folder: Path) -> None:
        self.options = HermesOptions(database=folder / "events.db", heartbeat=3600)
        self.clock = Clock()
        self.bus = MemoryBus(clock=self.clock)
        self.stack = AsyncExitStack()
        self.running = AsyncExitStack()
        self.session: aiohttp.ClientSession
        self.publisher: BusClient
        self.madre = ""
        self.url = ""

    async def start(self) -> None:
        """Start both services."""
        self.session = await self.stack.enter_async_context(aiohttp.ClientSession())
        self.madre = await self.stack.enter_async_context(listening(build_madre(self.bus).app()))
        self.publisher = await self.stack.enter_async_context(BusClient(self.madre, "test", "test"))
        await self.bring()

    async def bring(self) -> None:
        """Start hermes, on the port of the one before."""
        client = BusClient(self.madre, "hermes", "hermes-1", wait=0.1, back_off=no_pause)
        hermes = Hermes(client, self.options, wall_clock=self.clock, back_off=_short_pause)
        port = int(self.url.rpartition(":")[2] or 0)
        self.url = await self.running.enter_async_context(listening(hermes.app(), port))

    async def take_away(self) -> None:
        """Stop hermes."""
        await self.running.aclose()

    async def stop(self) -> None:
        """End all of it."""
        await self.take_away()
        await self.stack.aclose()

    async def say(self, *event_ids: str) -> None:
        """Publish events."""
        for event_id in event_ids:
            await self.publisher.publish("events", fields(event_id))

    async def open(self, **headers: str) -> aiohttp.ClientResponse:
        """Open the stream; the first block, which tells where it begins, is still to be read."""
        stream = await self.session.get(self.url + STREAM_PATH, headers=headers)
        self.stack.callback(stream.close)
        return stream

    async def listed(self, **query: str) -> list[dict[str, Any]]:
        """Return the list of events."""
        async with self.session.get(self.url + EVENTS_PATH, params=query) as response:
            assert response.status == 200
            return list((await response.json())["events"])

    async def kept(self, count: int) -> list[dict[str, Any]]:
        """Return the list once there are so many."""
        stream = await self.open(**{"Last-Event-ID": "0"})
        for _ in range(count):
            await read_event(stream.content)
        stream.close()
        return await self.listed(limit="1000")

    async def acknowledged(self) -> None:
        """Return once the bus has nothing to give again."""
        async with asyncio.timeout(5):
            while any(group.pending for topic in await self.bus.topics() for group in topic.groups):  # noqa: ASYNC110 - nothing else reports it
                await asyncio.sleep(0.01)


def _short_pause() -> BackOff:
    # Long enough for another process to write to the file in between.
    return BackOff(first=0.05, most=0.2)
