"""Clients of a shared stream that stop reading: they cost nothing, delay nobody, and end past their bound."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.client import request
from tests.fakes.event_server import EventServer
from tests.fakes.gates import eventually
from tests.functional.conftest import StartGateway
from tests.functional.crowd import SMALL, Counter, all_got, disperse, gather_crowd, join_crowd
from tests.functional.memory import MIB, resident_bytes
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD, RunningGateway
from tests.functional.tokens import sample
from tests.relay.shared_parts import shared_configuration, shared_route

CLIENTS = 200
EVENT_BYTES = 16 * 1024
STEP = 512 * 1024 // EVENT_BYTES
STEPS = 16
GROWTH = 8 * MIB  # if each of the stalled ones held what it may lack, it would be 200 MiB
SLOW = 'tentaculo_streams_ended_total{reason="slow_client",route="events"}'
ASK = request("GET", "/events", GOOD)


@pytest.fixture
async def process(tmp_path: Path, server: EventServer) -> AsyncIterator[GatewayProcess]:
    """A gateway process with a shared stream, which logs no more than it must."""
    path = tmp_path / "tentaculo.yaml"
    path.write_text(shared_configuration(server.port).replace("level: debug", "level: info"))
    process = await GatewayProcess.launch(path)
    await process.started()
    yield process
    await process.kill()


async def opened(crowd: list[Counter]) -> None:
    """Wait until all have got a head."""
    await asyncio.gather(*(member.heard() for member in crowd))


@pytest.mark.slow
async def test_stalled_readers(process: GatewayProcess, server: EventServer) -> None:
    """The others get every event in order, memory stays flat, and the stalled ones end as slow clients."""
    good = await gather_crowd(Counter, process.port, CLIENTS, ASK)
    stalled = await gather_crowd(Counter, process.port, CLIENTS, ASK, small=True)
    await opened([*good, *stalled])
    for member in stalled:
        member.transport.pause_reading()
    peaks = []
    for step in range(1, STEPS + 1):
        await server.emit(STEP, size=EVENT_BYTES)
        await asyncio.gather(*(member.reaches(step * STEP) for member in good))
        peaks.append(resident_bytes(process.pid))
    assert {member.last for member in good} == {STEP * STEPS}
    assert not any(member.lost.is_set() for member in good)
    assert await sample(process, SLOW) == CLIENTS
    await process.logged("stream.ended", count=CLIENTS, end_reason="slow_client")
    assert max(peaks) - peaks[0] < GROWTH, [peak // MIB for peak in peaks]
    assert len(await server.requests()) == 1
    disperse([*good, *stalled])


def lagging(gateway: RunningGateway) -> int:
    """Return how many clients of the one shared stream lag."""
    relay = gateway.gateway._relay
    assert relay is not None
    (stream,) = relay.shared._streams.values()
    return len(stream._lagging)


def shrink_buffers(gateway: RunningGateway) -> None:
    """Have the system hold little of what clients do not take."""
    listener = gateway.gateway._listener
    assert listener is not None
    for connection in listener.connections:
        assert connection.transport is not None
        sock = connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)


async def test_slow_clients_catch_up(start_gateway: StartGateway, server: EventServer) -> None:
    """Those that stop again and again, within their bound, have all in the end, once and in order."""
    gateway = await start_gateway(shared_configuration(server.port))
    slow = await gather_crowd(Counter, gateway.port, 20, ASK, small=True)
    (good,) = await gather_crowd(Counter, gateway.port, 1, ASK)
    await opened([*slow, good])
    shrink_buffers(gateway)
    for step in range(1, 6):
        for member in slow[step:]:
            member.transport.pause_reading()
        await server.emit(STEP, size=EVENT_BYTES)
        await good.reaches(step * STEP)
        await asyncio.gather(*(member.reaches(step * STEP) for member in slow[:step]))
        assert lagging(gateway) == len(slow) - step
        for member in slow[step:]:
            member.transport.resume_reading()
        await asyncio.gather(*(member.reaches(step * STEP) for member in slow[step:]))
        await eventually(lambda: lagging(gateway) == 0)
    await server.emit(1)
    await asyncio.gather(*(member.reaches(5 * STEP + 1) for member in [*slow, good]))
    assert not any(member.lost.is_set() for member in slow)
    disperse([*slow, good])
    await gateway.logs.wait_for("stream.ended", count=21)
    assert {line["events"] for line in gateway.logs.named("stream.ended")} == {5 * STEP + 1}


async def test_bound_is_the_routes(start_gateway: StartGateway, server: EventServer) -> None:
    """With a small one a client ends sooner; an event that is larger than it is no reason by itself."""
    route = shared_route("slow_client: 64KiB")
    gateway = await start_gateway(shared_configuration(server.port, route))
    (good,) = await join_crowd(gateway.port, 1)
    (stalled,) = await gather_crowd(Counter, gateway.port, 1, ASK, small=True)
    await all_got([good], b"\r\n\r\n")
    await opened([stalled])
    await server.emit(1, size=256 * 1024)
    await asyncio.gather(good.until(b"data: event 1 "), stalled.reaches(1))
    stalled.transport.pause_reading()
    while not gateway.logs.named("stream.ended"):
        await server.emit(4, size=EVENT_BYTES)
        await good.until(b"data: event %d " % server.emitted)
        assert server.emitted < 1000
    (ended,) = gateway.logs.named("stream.ended")
    assert ended["end_reason"] == "slow_client"
    assert ended["bytes_out"] < len(good.data)
    assert await gateway.metric('tentaculo_streams_ended_total.*reason="slow_client"') == 1
    stalled.transport.resume_reading()
    await eventually(stalled.lost.is_set)
    assert good.numbers == list(range(1, server.emitted + 1))
    disperse([good])
