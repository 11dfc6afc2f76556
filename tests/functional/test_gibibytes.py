"""Two gibibytes through the real process, both ways and to a slow reader, with the memory they take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.behaviours import BEHAVIOURS, BLOCK
from tests.fakes.client import RawClient, request
from tests.fakes.messages import body_pieces, reply_framing
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.memory import MIB, resident_bytes
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD

SIZE = 2048 * MIB
GROWTH = 32 * MIB
SLOW_SECONDS = 4.0


@pytest.fixture
async def big_upstream() -> AsyncIterator[ScriptedUpstream]:
    """An upstream that keeps nothing."""
    upstream = ScriptedUpstream(BEHAVIOURS, keep=False, limit=256 * 1024)
    await upstream.start()
    yield upstream
    await upstream.stop()


@pytest.fixture
async def process(tmp_path: Path, big_upstream: ScriptedUpstream) -> AsyncIterator[GatewayProcess]:
    """A gateway process that has served one call."""
    path = tmp_path / "tentaculo.yaml"
    path.write_text(configuration(big_upstream.port))
    process = await GatewayProcess.launch(path)
    await process.started()
    assert (await process.call("/echo", GOOD)).status == 200
    yield process
    await process.kill()


class Peak:
    """The most memory that a process held while the block ran."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = resident_bytes(pid)
        self.growth = 0

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            self.growth = max(self.growth, resident_bytes(self._pid) - self._before)
            await asyncio.sleep(0.05)


async def watched(process: GatewayProcess, work: asyncio.Future[int]) -> tuple[int, int]:
    """Do the work and give back its result and the peak growth meanwhile."""
    peak = Peak(process.pid)
    watching = asyncio.ensure_future(peak.watch())
    try:
        return await work, peak.growth
    finally:
        watching.cancel()


async def download(client: RawClient, target: str) -> int:
    """Read a reply to its end and count it."""
    await client.send(request("GET", target, GOOD))
    head = await client.head()
    received = 0
    async for piece in body_pieces(client.wire.source, reply_framing(head, "GET"), []):
        received += len(piece)
    return received


async def upload(client: RawClient) -> int:
    """Send a body and give back how much of it the upstream counted."""
    await client.send(request("POST", "/sink", [*GOOD, ("Content-Length", str(SIZE))]))
    for _ in range(SIZE // len(BLOCK)):
        await client.send(BLOCK)
    return int((await client.reply("POST", 60)).body)


async def sip(client: RawClient, target: str) -> int:
    """Read a kibibyte a second for a while."""
    await client.send(request("GET", target, GOOD))
    received = 0
    async with asyncio.timeout(SLOW_SECONDS + 5):
        while received < SLOW_SECONDS * 1024:
            received += len(await client.wire.source.some(1024))
            await asyncio.sleep(1)
    return received


@pytest.mark.parametrize("framing", ["", "&chunked"], ids=["length", "chunked"])
async def test_big_download(framing: str, process: GatewayProcess) -> None:
    """2 GiB come down whole, and the gateway grows by less than 32 MiB."""
    client = await process.client(keep=False, limit=256 * 1024)
    work = asyncio.ensure_future(download(client, f"/huge?bytes={SIZE}{framing}"))
    received, growth = await watched(process, work)
    assert received == SIZE
    assert growth < GROWTH
    client.leave()


async def test_big_upload(process: GatewayProcess) -> None:
    """2 GiB go up whole, and the gateway grows by less than 32 MiB."""
    client = await process.client(keep=False)
    counted, growth = await watched(process, asyncio.ensure_future(upload(client)))
    assert counted == SIZE
    assert growth < GROWTH
    client.leave()


async def test_slow_reader(process: GatewayProcess) -> None:
    """A client that reads 1 KiB/s from a fast upstream costs as little."""
    client = await process.client(keep=False, limit=1024)
    work = asyncio.ensure_future(sip(client, f"/huge?bytes={SIZE}"))
    received, growth = await watched(process, work)
    assert received >= SLOW_SECONDS * 1024
    assert growth < GROWTH
    client.leave()
