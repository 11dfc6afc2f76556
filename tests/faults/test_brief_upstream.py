"""An upstream that closes idle connections sooner than the gateway would."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.client import request
from tests.fakes.gates import soon
from tests.faults.resting import comes_to_rest
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway

IDLE_SECONDS = 1.0
CLIENTS = 90
CALLS = 16  # of each client, half of them POST: 1,440
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Where such an upstream listens."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.brief_server", str(IDLE_SECONDS)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    yield int(await soon(process.stdout.readline(), 20))
    process.kill()
    await soon(process.wait())


async def call_now_and_then(gateway: RunningGateway, seed: int, seen: Counter[int]) -> None:
    """Call on one kept connection, pausing about as long as the upstream waits."""
    chance = random.Random(seed)
    client = await gateway.client()
    for number in range(CALLS):
        method = "POST" if number % 2 else "GET"
        await client.send(request(method, "/anything", GOOD, b"x" * (number % 2)))
        reply = await client.reply(method)
        seen[reply.status if reply.complete else 0] += 1
        await asyncio.sleep(chance.uniform(0.0, 1.2 * IDLE_SECONDS))  # the load itself: nothing waits for it
    client.leave()


@pytest.mark.slow
async def test_no_call_fails(start_gateway: StartGateway, port: int) -> None:
    """None of 1,440 calls fails, half of them such that may not be sent twice."""
    gateway = await start_gateway(configuration(port).replace("level: debug", "level: warning"))
    seen: Counter[int] = Counter()
    await asyncio.gather(*(call_now_and_then(gateway, seed, seen) for seed in range(CLIENTS)))
    assert seen == {200: CLIENTS * CALLS}
    await comes_to_rest(gateway)
