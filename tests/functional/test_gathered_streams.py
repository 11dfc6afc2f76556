"""Streams that are read together: each client gets all of its own events, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os

import pytest

from tentaculo.relay.delivery import LAST_CHUNK, chunk
from tentaculo.upstream.gathering import BULK_BYTES, PIECE_BYTES
from tests.fakes.client import RawClient, request
from tests.fakes.gates import eventually, soon
from tests.fakes.messages import Framing, body_pieces
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway

STREAMS = 40
EVENTS = 25
WHOLE_SECONDS = 60.0  # for all to be sent and heard
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ROUTES = """
routes:
  - {name: gathered, path: /slow-head/gathered, upstream: backend, stream: {gather: 1ms}}
  - {name: patient, path: /slow-head/patient, upstream: backend, stream: {gather: 2ms}}
  - {name: unasked, path: /slow-head/unasked, upstream: backend, stream: {}}
  - {name: ungathered, path: /slow-head/ungathered, upstream: backend, stream: {gather: null}}
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


@pytest.mark.parametrize("name", ["gathered", "unasked"])
@pytest.mark.parametrize("length", [1, BULK_BYTES, PIECE_BYTES + 1], ids=["small", "bulk", "pieces"])
async def test_each_client_gets_its_own_events(
    gateway: RunningGateway, upstream: ScriptedUpstream, name: str, length: int
) -> None:
    """However many come at one moment, and however long, none is lost or another's, and the order stays."""
    streams = [await opened(gateway, upstream, name) for _ in range(STREAMS)]

    async def say(number: int, exchange: Exchange) -> None:
        for event in range(EVENTS):
            await exchange.write(chunk(b"data: %d of %d %b\n\n" % (event, number, b"x" * length)))
        await exchange.write(LAST_CHUNK)

    async def hear(number: int, client: RawClient) -> None:
        pieces = [piece async for piece in body_pieces(client.wire.source, (Framing.CHUNKED, 0), [])]
        events = (b"data: %d of %d %b\n\n" % (event, number, b"x" * length) for event in range(EVENTS))
        assert b"".join(pieces) == b"".join(events)

    work = asyncio.gather(
        *(say(number, exchange) for number, (_, exchange) in enumerate(streams)),
        *(hear(number, client) for number, (client, _) in enumerate(streams)),
    )
    await soon(work, WHOLE_SECONDS)
    await gateway.logs.wait_for("stream.ended", count=STREAMS)


async def test_streams_of_one_time_are_read_by_one(
    gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """There is one more descriptor for each time while it has streams, and none for those that don't wait."""
    before = polls()
    plain = [(await opened(gateway, upstream, name))[0] for name in ("undeclared", "ungathered")]
    assert polls() == before
    streams = [await opened(gateway, upstream) for _ in range(3)]
    assert polls() == before + 1
    patient, _ = await opened(gateway, upstream, "patient")
    assert polls() == before + 2
    unasked, _ = await opened(gateway, upstream, "unasked")
    assert polls() == before + 3
    for client in (*plain, patient, unasked, *(client for client, _ in streams)):
        client.leave()
    await eventually(lambda: polls() == before)
