"""Clients that take their time on purpose: heads that trickle, replies that nobody reads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.fakes.client import RawClient, request
from tests.fakes.gates import eventually, soon
from tests.fakes.stopwatch import Stopwatch, within
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.faults.resting import comes_to_rest
from tests.functional.configuration import configuration
from tests.functional.conftest import StartInstance
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD

ATTACKERS = 500
READERS = 20
HEADER_SECONDS = 2.0
WRITE_SECONDS = 1.0
LIMITS = f"header_timeout: {HEADER_SECONDS:g}s, write_timeout: {WRITE_SECONDS:g}s"
HUGE = 100 * 1024 * 1024
PATIENCE_SECONDS = 2.0  # of the others, for a call


class Bystander:
    """Another client, which calls all the time; `calls` counts, and each must be served soon."""

    def __init__(self) -> None:
        self.calls = 0
        self._stopping = False

    async def run(self, process: GatewayProcess) -> None:
        """Call, on a kept connection and on fresh ones in turn, until stopped."""
        kept = await process.client()
        while not self._stopping:
            await kept.send(request("GET", "/echo", GOOD))
            assert (await kept.reply(seconds=PATIENCE_SECONDS)).status == 200
            assert (await soon(process.call("/echo", GOOD), PATIENCE_SECONDS)).status == 200
            self.calls += 2
            await asyncio.sleep(0.01)
        kept.leave()

    def stop(self) -> None:
        """Call no more."""
        self._stopping = True


@asynccontextmanager
async def bystander(process: GatewayProcess) -> AsyncIterator[Bystander]:
    """Have another client served meanwhile."""
    other = Bystander()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(other.run(process))
        yield other
        other.stop()
    assert other.calls > 10


async def started(start_instance: StartInstance, upstream: ScriptedUpstream) -> GatewayProcess:
    """Start a gateway with little patience."""
    routes = "routes:\n  - {name: everything, path: /*, upstream: backend, access: public}\n"
    return await start_instance(configuration(upstream.port, limits=LIMITS, routes=routes))


async def trickle(client: RawClient) -> None:
    """Send a head that never ends, for as long as that is borne."""
    wire = client.wire
    await client.send(b"GET /echo HTTP/1.1\r\nHost: gateway.test\r\n")
    while not wire.gone.is_set():
        await client.send(b"X-More: b\r\n")
        with suppress(TimeoutError):
            await asyncio.wait_for(wire.gone.wait(), 0.2)


@pytest.mark.slow
async def test_slow_heads(start_instance: StartInstance, upstream: ScriptedUpstream) -> None:
    """500 heads that trickle are gone after `header_timeout`, and others are served all the time."""
    process = await started(start_instance, upstream)
    passed, had, clients = list[float](), list[float](), list[RawClient]()
    clock = asyncio.get_running_loop().time

    async def borne(client: RawClient, begun: float, begun_by_watch: float) -> None:
        await trickle(client)
        passed.append(clock() - begun)
        had.append(watch() - begun_by_watch)

    async with bystander(process):
        with Stopwatch() as watch:
            async with asyncio.TaskGroup() as attacks:
                for _ in range(ATTACKERS):
                    begun = clock(), watch()
                    clients.append(await process.client())
                    attacks.create_task(borne(clients[-1], *begun))
    assert max(had) < HEADER_SECONDS + 1.5
    assert min(passed) > HEADER_SECONDS - 0.5
    assert all(client.wire.seen.startswith(b"HTTP/1.1 408 ") for client in clients)
    await comes_to_rest(process)


@pytest.mark.slow
async def test_silent_connections(start_instance: StartInstance, upstream: ScriptedUpstream) -> None:
    """500 connections without a byte are gone after `header_timeout` too."""
    process = await started(start_instance, upstream)
    async with bystander(process):
        clients = [await process.client() for _ in range(ATTACKERS)]
        async with within(HEADER_SECONDS + 1.5):
            await asyncio.gather(*(client.wire.gone.wait() for client in clients))
    assert not any(client.wire.seen for client in clients)
    await comes_to_rest(process)


@pytest.mark.slow
async def test_replies_that_nobody_reads(start_instance: StartInstance, upstream: ScriptedUpstream) -> None:
    """Clients that ask for much and read nothing end after `write_timeout`, and so do their replies."""
    process = await started(start_instance, upstream)
    async with bystander(process):
        clients = [await process.client(limit=1024) for _ in range(READERS)]
        for client in clients:
            await client.send(request("GET", f"/huge?bytes={HUGE}", GOOD))
        await all_let_go_of(upstream, READERS)
    for client in clients:
        client.leave()
    await comes_to_rest(process)


async def all_let_go_of(upstream: ScriptedUpstream, count: int) -> None:
    """Wait until so many large replies were asked for, and given up soon after."""

    def huge() -> list[Exchange]:
        return [exchange for exchange in upstream.exchanges if exchange.path == "/huge"]

    await eventually(lambda: len(huge()) >= count, 10)
    await asyncio.gather(*(exchange.gone(WRITE_SECONDS + 4) for exchange in huge()))


async def attack(*arguments: str) -> str:
    """Run slowhttptest, and return what it says at its end."""
    process = await asyncio.create_subprocess_exec(
        "slowhttptest", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    said = await soon(process.stdout.read(), 30)
    await soon(process.wait())
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", said.decode(errors="replace"))


@pytest.mark.slow
async def test_slowhttptest_heads(
    start_instance: StartInstance, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """slowhttptest's slow heads are all closed by the gateway, before it would give up itself."""
    process = await started(start_instance, upstream)
    url = f"http://127.0.0.1:{process.port}/echo"
    async with bystander(process):
        said = await attack("-H", "-c", "500", "-r", "500", "-i", "1", "-l", "12", "-p", "3", "-u", url)
    assert "Exit status: No open connections left" in said, said[-800:]
    await comes_to_rest(process)


@pytest.mark.slow
async def test_slowhttptest_reads(start_instance: StartInstance, upstream: ScriptedUpstream) -> None:
    """slowhttptest's slow reads are all let go of after `write_timeout`, while it still holds on to them."""
    process = await started(start_instance, upstream)
    url = f"http://127.0.0.1:{process.port}/huge?bytes={HUGE}"
    slow = ("-X", "-c", str(READERS), "-r", str(READERS), "-w", "512", "-y", "1024", "-n", "5", "-z", "32")
    attacking = asyncio.ensure_future(attack(*slow, "-l", "8", "-p", "3", "-u", url))
    async with bystander(process):
        await all_let_go_of(upstream, READERS)
    assert not attacking.done()
    await comes_to_rest(process)
    await attacking
