"""The end of several workers: drained together, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.fakes.client import request
from tests.fakes.redis_server import RedisServer
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartWorkers
from tests.functional.running import GOOD
from tests.functional.tokens import Stream, open_stream, scrape
from tests.functional.workers import WorkersProcess, all_gone, shared

STREAMS = 12


@pytest.fixture
async def workers(
    start_workers: StartWorkers, redis_server: RedisServer, upstream: ScriptedUpstream
) -> WorkersProcess:
    """A gateway of two workers."""
    return await start_workers(shared(upstream.port, redis_server))


async def streams_of(front: WorkersProcess) -> list[Stream]:
    """Open streams, more than one worker would get."""
    return [await open_stream(front, "/sse/events", GOOD) for _ in range(STREAMS)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_drain(workers: WorkersProcess, number: signal.Signals) -> None:
    """One signal drains all workers, and the exit code says that nothing was cut."""
    streams = await streams_of(workers)
    workers.signal(number)
    for stream in streams:
        assert b"event: draining\n" in await stream.last()
    assert await workers.ended() == 0
    one, two = [event for event in workers.events if event["event"] == "worker.ended"]
    last = workers.events[-1]
    assert last["event"] == "gateway.stopped"
    assert (one["exit_code"], two["exit_code"]) == (0, 0)
    assert (last["streams_ended"], last["exchanges_cut"]) == (STREAMS, 0)
    assert one["streams_ended"] + two["streams_ended"] == STREAMS


@pytest.mark.parametrize("signals", [1, 2], ids=["capped", "hurried"])
async def test_cut(
    signals: int, start_workers: StartWorkers, redis_server: RedisServer, upstream: ScriptedUpstream
) -> None:
    """What is left at the hard cap, or at a second signal, is cut in all workers; the exit code says so."""
    drain = f"drain: {{time: 200ms, hard_cap: {'300ms' if signals == 1 else '60s'}}}"
    workers = await start_workers(shared(upstream.port, redis_server, extra=drain))
    clients = [await workers.client() for _ in range(STREAMS)]
    for client in clients:
        await client.send(request("GET", "/slow-head", GOOD))
        assert (await upstream.next()).path == "/slow-head"
    for _ in range(signals):
        workers.signal(signal.SIGTERM)
        await drains(workers)
    for client in clients:
        assert (await client.reply()).status == 503
    assert await workers.ended() == 1
    assert workers.events[-1]["exchanges_cut"] == STREAMS


async def drains(front: WorkersProcess) -> None:
    """Wait until the first signal was heard."""
    async with asyncio.timeout(5):
        while (await scrape(front, "/ready")).status != 503:
            pass


async def test_ctrl_c_reaches_the_supervisor_alone(workers: WorkersProcess) -> None:
    """A terminal's signals go to its own session, in which no worker is."""
    own = os.getsid(workers.pid)
    assert all(os.getsid(pid) != own for pid in workers.workers.values())


async def test_nothing_is_left_of_a_killed_supervisor(workers: WorkersProcess) -> None:
    """Its workers see that it is gone, let go of their clients and end."""
    streams = await streams_of(workers)
    pids = list(workers.workers.values())
    workers.signal(signal.SIGKILL)
    for stream in streams:
        assert b"event: draining\n" in await stream.last()
    await all_gone(pids)


async def test_end_while_a_worker_starts(workers: WorkersProcess) -> None:
    """A worker that has just been killed keeps nobody from ending well."""
    os.kill(workers.workers[2], signal.SIGKILL)
    await workers.logged("worker.ended", worker=2)
    workers.signal(signal.SIGTERM)
    assert await workers.ended() == 0
