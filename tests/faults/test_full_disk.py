"""A log that can't be written: the gateway serves on, and says later what is missing."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.fakes.ports import free_ports
from tests.fakes.upstream import ScriptedUpstream
from tests.faults.launching import accepts, end, launch
from tests.functional.configuration import configuration
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD
from tests.functional.tokens import sample

CALLS = 300
ROOM = 8 * 1024
DROPPED = "tentaculo_log_lines_dropped_total"


Start = Callable[[Path], Awaitable[GatewayProcess]]


@pytest.fixture(params=["stdout", "log.file"])
async def start_logging_to(
    request: pytest.FixtureRequest, tmp_path: Path, upstream: ScriptedUpstream
) -> AsyncIterator[Start]:
    """Start gateways whose log is a file, by their own doing or as their standard output."""
    async with AsyncExitStack() as stack:

        async def start(log: Path) -> GatewayProcess:
            file, (port, admin_port) = tmp_path / "tentaculo.yaml", free_ports(2)
            text = configuration(upstream.port).replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{port}")
            text = text.replace("admin: 127.0.0.1:0", f"admin: 127.0.0.1:{admin_port}")
            if request.param == "log.file":
                text = text.replace("format: json", f"format: json, file: {log}")
            file.write_text(text)
            with log.open("ab") as target:
                stdout = target if request.param == "stdout" else asyncio.subprocess.DEVNULL
                process = await launch(file, stdout=stdout)
            stack.push_async_callback(end, process)
            process.port, process.admin_port = port, admin_port
            await accepts(process)
            return process

        yield start


async def all_served(process: GatewayProcess) -> None:
    """Make calls enough to fill the room."""
    for _ in range(CALLS):
        assert (await process.call("/echo", GOOD)).status == 200


async def test_no_space_at_all(start_logging_to: Start) -> None:
    """On a disk without space every call is served, and the lost lines are counted."""
    process = await start_logging_to(Path("/dev/full"))
    await all_served(process)
    assert await sample(process, DROPPED) > 0


async def test_space_runs_out_and_comes_back(start_logging_to: Start, tmp_path: Path) -> None:
    """Once there is space again the log goes on, in whole lines, and says how many are missing."""
    log = tmp_path / "log"
    process = await start_logging_to(log)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
    await all_served(process)
    await reaches_more(process, DROPPED)
    assert log.stat().st_size == ROOM
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    async with asyncio.timeout(5):
        while b"log.dropped" not in log.read_bytes():
            assert (await process.call("/echo", GOOD)).status == 200
    events = [json.loads(line) for line in log.read_bytes().splitlines()]
    missing = sum(event["dropped"] for event in events if event["event"] == "log.dropped")
    assert missing == await sample(process, DROPPED)


async def reaches_more(process: GatewayProcess, start: str) -> None:
    """Wait until a counter is no longer 0."""
    async with asyncio.timeout(5):
        while not await sample(process, start):  # noqa: ASYNC110 - nothing else reports it
            await asyncio.sleep(0.05)
