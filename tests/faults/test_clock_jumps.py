"""A wall clock that jumps under a running gateway: nothing but the log's times may follow it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.client import request
from tests.fakes.gates import soon
from tests.fakes.upstream import ScriptedUpstream
from tests.faults.launching import launch
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD
from tests.functional.tokens import (
    BROWSER,
    issue,
    open_stream,
    refusal,
    sample,
    stream_route,
    token_configuration,
)

HOUR = 3600
JUMPS = {"forward": 30 * 24 * HOUR, "back": -30 * 24 * HOUR}
LIMITS = "limits: {header_timeout: 1s, keep_alive: 60s}"


class FakedTime:
    """The wall clock of a gateway; its monotonic clock stays as it is."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "faketime"
        self.jump(0)

    @property
    def environ(self) -> dict[str, str]:
        """What a process needs to live by it."""
        return {
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, seconds: int) -> None:
        """Put the clock so far from the true time."""
        fresh = self._file.with_suffix(".fresh")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._file)


@pytest.fixture
def faked(tmp_path: Path) -> FakedTime:
    """A clock that is right at first."""
    return FakedTime(tmp_path)


@pytest.fixture
async def process(
    tmp_path: Path, faked: FakedTime, upstream: ScriptedUpstream
) -> AsyncIterator[GatewayProcess]:
    """A gateway that lives by it."""
    file = tmp_path / "tentaculo.yaml"
    routes = stream_route(terms="ttl: 60s"), stream_route("brief", terms="ttl: 2s")
    file.write_text(token_configuration(upstream.port, *routes, level="info", extra=LIMITS))
    process = await launch(file, under=("env", f"LD_PRELOAD={await _library()}"), environ=faked.environ)
    await process.started()
    yield process
    await process.kill()


async def _library() -> str:
    asking = await asyncio.create_subprocess_exec(
        "faketime", "-f", "+0d", "printenv", "LD_PRELOAD", stdout=asyncio.subprocess.PIPE
    )
    return (
        (await soon(asking.communicate()))[0].decode().strip().replace("libfaketime.so", "libfaketimeMT.so")
    )


@pytest.mark.parametrize("seconds", JUMPS.values(), ids=JUMPS)
async def test_jump(
    seconds: int, process: GatewayProcess, faked: FakedTime, upstream: ScriptedUpstream
) -> None:
    """Tokens live their seconds, streams and connections go on, timeouts are as long as ever."""
    kept = await process.client()
    await kept.send(request("GET", "/echo/x", GOOD))
    assert (await kept.reply()).status == 200
    first, second = await issue(process), await issue(process)
    stream = await open_stream(process, first.target)
    brief = await issue(process, "brief")

    faked.jump(seconds)

    upstream.events.put_nowait(b"data: after the jump\n\n")
    await stream.client.until(b"after the jump\n\n")
    await kept.send(request("GET", "/echo/x", GOOD))
    assert (await kept.reply()).status == 200
    await (await open_stream(process, second.target)).client.aclose()
    third = await issue(process)
    await (await open_stream(process, third.target)).client.aclose()
    slow = await process.client()
    began = asyncio.get_running_loop().time()
    await slow.send(b"GET / HTTP/1.1\r\n")
    assert (await slow.reply(seconds=5)).status == 408
    assert 0.5 < asyncio.get_running_loop().time() - began < 4
    async with asyncio.timeout(10):
        while await sample(process, "ephemeral_tokens_expired_total") < 1:  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.05)
    assert (await refusal(process, brief.target, BROWSER))[0] == 401
    await process.kill()
    _check_log(process, seconds)


def _check_log(process: GatewayProcess, seconds: int) -> None:
    lines = [json.loads(line) for line in process.lines]
    calls = [line for line in lines if line["event"] == "request.finished"]
    ages = [
        datetime.fromisoformat(line["timestamp"]).timestamp() - datetime.now(UTC).timestamp()
        for line in calls
    ]
    assert abs(ages[0]) < 60
    assert abs(ages[-1] - seconds) < 60
    assert all(0 <= line["seconds"] < 60 for line in lines if "seconds" in line)
