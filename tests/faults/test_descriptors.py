"""A gateway that has only few file descriptors and very many clients."""

from __future__ import annotations

import asyncio
import json
import resource
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.fakes.client import request
from tests.fakes.gates import eventually, soon
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.faults.launching import drop_clients, launch
from tests.faults.resting import comes_to_rest, descriptors
from tests.functional.configuration import configuration
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD

DESCRIPTORS = 256
CLIENTS = 1000
REFUSED = 0
LINES_PER_SECOND = 10
Start = Callable[[str], Awaitable[GatewayProcess]]


@pytest.fixture
async def start_poor(tmp_path: Path) -> AsyncIterator[Start]:
    """Start gateways with few descriptors, which write only warnings and worse."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # this test has as many clients
    async with AsyncExitStack() as stack:

        async def start(text: str) -> GatewayProcess:
            file = tmp_path / "tentaculo.yaml"
            file.write_text(text)
            process = await launch(file, under=("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"))
            stack.push_async_callback(process.kill)
            await process.started()
            return process

        yield start
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def one_call(process: GatewayProcess) -> int:
    """Connect, call and stay; the status, or REFUSED where the connection was not taken or ended."""
    try:
        client = await process.client()
        await client.send(request("GET", "/echo", GOOD))
        reply = await client.reply(seconds=20)
    except (Cut, OSError):
        return REFUSED
    assert reply.complete
    return reply.status


@pytest.mark.slow
@pytest.mark.parametrize("limits", ["", "connections: 64"], ids=["no limit of its own", "a limit below"])
async def test_more_clients_than_descriptors(
    limits: str, start_poor: Start, upstream: ScriptedUpstream
) -> None:
    """Who is not served is refused cleanly, the log stays readable, and once they left all is as before."""
    text = configuration(upstream.port, limits=limits).replace("level: debug", "level: info")
    process = await start_poor(text)
    assert (await process.call("/echo", GOOD)).status == 200
    before, began = descriptors(process.pid), asyncio.get_running_loop().time()
    seen = Counter(await asyncio.gather(*(one_call(process) for _ in range(CLIENTS))))
    lasted = max(1.0, asyncio.get_running_loop().time() - began)
    assert set(seen) <= {REFUSED, 200, 503}, seen
    assert seen[200] > 0
    drop_clients(process)
    await comes_to_rest(process, seconds=10)
    for _ in range(50):
        assert (await process.call("/echo", GOOD)).status == 200
    await eventually(lambda: descriptors(process.pid) <= before + 2)
    await process.kill()
    told = [event for event in map(json.loads, process.lines) if event.get("status") != 200]
    assert len(told) / lasted < LINES_PER_SECOND, Counter(event["event"] for event in told)
    assert b"Traceback" not in b"".join(process.lines) + await soon(process.stderr())
