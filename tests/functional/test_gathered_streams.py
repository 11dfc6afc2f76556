"""Streams that are read together: each client gets all of its own events, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os

import pytest

from tentaculo.relay.delivery import LAST_CHUNK, chunk
from tests.fakes.client import RawClient, request
from tests.fakes.gates import eventually
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway

STREAMS = 40
EVENTS = 25
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ROUTES = """
routes:
  - {name: gathered, path: /slow-head/gathered, upstream: backend, stream: {gather: 1ms}}
  - {name: patient, path: /slow-head/patient, upstream: backend, stream: {gather: 2ms}}
  - {name: everything, path: /*, upstream: backend}
"""


@pytest.fixture
async def gateway(start_gateway: StartGateway, upstream: ScriptedUpstream) -> RunningGateway:
    """A gateway whose routes gather, for one time or another, or do not."""
    return await start_gateway(configuration(upstream.port, routes=ROUTES))


async def opened(
    gateway: RunningGateway, upstream: ScriptedUpstream, name: str = "gathered"
) -> tuple[RawClient, Exchange]:
    """Open a stream, and return both of its ends."""
    client = await gateway.client()
    await client.send(request("GET", f"/slow-head/{name}", GOOD))
    exchange = await upstream.next()
    await exchange.write(HEAD)
    assert (await client.head()).status == 200
    return client, exchange


def polls() -> int:
    """How many descriptors of epoll this process has."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{name}") == "anon_inode:[eventpoll]"
        except FileNotFoundError:
            continue
    return found


async def test_each_client_gets_its_own_events(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """However many come at one moment, none is lost, none is another's, and the order stays."""
    streams = [await opened(gateway, upstream) for _ in range(STREAMS)]
    for event in range(EVENTS):
        said = (
            exchange.write(chunk(b"data: %d of %d\n\n" % (event, number)))
            for number, (_, exchange) in enumerate(streams)
        )
        await asyncio.gather(*said)
    await asyncio.gather(*(exchange.write(LAST_CHUNK) for _, exchange in streams))
    for number, (client, _) in enumerate(streams):
        got = await client.until(LAST_CHUNK)
        assert got == b"".join(
            [*(chunk(b"data: %d of %d\n\n" % (event, number)) for event in range(EVENTS)), LAST_CHUNK]
        )
    await gateway.logs.wait_for("stream.ended", count=STREAMS)


async def test_streams_of_one_time_are_read_by_one(
    gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """There is one more descriptor for each time while it has streams, and none for those that don't wait."""
    before = polls()
    plain, _ = await opened(gateway, upstream, "plain")
    assert polls() == before
    streams = [await opened(gateway, upstream) for _ in range(3)]
    assert polls() == before + 1
    patient, _ = await opened(gateway, upstream, "patient")
    assert polls() == before + 2
    for client in (plain, patient, *(client for client, _ in streams)):
        client.leave()
    await eventually(lambda: polls() == before)
