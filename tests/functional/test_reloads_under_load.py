"""Sixty reloads, as fast as they go, under calls and streams: none of them notices."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.client import RawClient, request
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.editing import EVENTS, OTHER, REST, EditedGateway, edited, swap
from tests.functional.running import GOOD

RELOADS = 60
CLIENTS = 20
STREAMS = 500
ROUTES = 1000
LIMITS = "limits: {connections: 4000}\n"


@pytest.fixture
async def gateway(tmp_path: Path, upstream: ScriptedUpstream) -> AsyncIterator[EditedGateway]:
    """A gateway with room for them all."""
    gateway = EditedGateway(tmp_path / "tentaculo.yaml", edited(upstream.port, extra=LIMITS))
    await gateway.start()
    yield gateway
    await gateway.stop()
    gateway.check_log()


class Caller:
    """Calls without a pause on one connection, until it is told to end."""

    def __init__(self) -> None:
        self.calls = 0
        self.going = True

    async def run(self, client: RawClient) -> None:
        """Call; every call must come to a good end."""
        while self.going:
            await client.send(request("GET", "/status/200", GOOD))
            assert (await client.reply()).status == 200
            self.calls += 1


async def test_nobody_notices(gateway: EditedGateway, upstream: ScriptedUpstream) -> None:
    """No call fails, and no stream of an unchanged route ends."""
    streams = await asyncio.gather(*(gateway.open() for _ in range(STREAMS)))
    callers = [Caller() for _ in range(CLIENTS)]
    calling = [asyncio.ensure_future(caller.run(await gateway.client())) for caller in callers]
    for number in range(RELOADS):
        heartbeat = OTHER.replace("stream: {}", f"stream: {{heartbeat: {number + 1}s}}")
        routes = (EVENTS.replace("name: events", f"name: events-{number % 2}"), heartbeat, REST)
        swap(gateway.file, edited(upstream.port, *routes, extra=LIMITS))
        assert (await gateway.reload()).status == 200
    for caller in callers:
        caller.going = False
    await asyncio.gather(*calling)
    assert all(caller.calls for caller in callers)
    for number in range(STREAMS):
        upstream.events.put_nowait(b"data: %d\n\n" % number)
    for stream in streams:
        await stream.until(b"\n\n")
    assert gateway.logs.named("stream.ended") == []
    assert len([event for event in gateway.reports if event["event"] == "config.reloaded"]) >= RELOADS


async def test_old_snapshots_are_freed(gateway: EditedGateway, upstream: ScriptedUpstream) -> None:
    """With a stream open since each of them, none is left, and nothing had to be looked for."""
    relay = gateway.gateway._relay
    assert relay is not None
    cors = "cors: {origins: ['*']}"
    many = [f"{{name: r{number}, path: /r{number}/*, upstream: backend, {cors}}}" for number in range(ROUTES)]
    snapshots, plans = [weakref.ref(relay.snapshot)], []
    gc.disable()
    try:
        for number in range(5):
            rest = REST.removesuffix("}") + f", timeouts: {{response: {number + 1}s}}}}"
            swap(gateway.file, edited(upstream.port, EVENTS, *many, rest, extra=LIMITS))
            assert (await gateway.reload()).status == 200
            snapshots.append(weakref.ref(relay.snapshot))
            plans.append([weakref.ref(plan.cors) for plan in relay.snapshot.plans.values() if plan.cors])
            await gateway.open()
            assert (await gateway.call("/echo")).status == 200
        # The one in effect stays, and the watch may reload once more.
        await eventually(lambda: not any(one() for one in snapshots[:-1]))
        await eventually(lambda: not any(one() for part in plans[:-1] for one in part))
        assert all(len(part) == ROUTES + 1 for part in plans)
    finally:
        gc.enable()
