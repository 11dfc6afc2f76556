"""The real process: it starts, serves, says what is wrong, and ends when it is told to."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.fakes.client import request, told
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD

Launch = Callable[[str], Awaitable[GatewayProcess]]


@pytest.fixture
async def launch(tmp_path: Path) -> AsyncIterator[Launch]:
    """Launch processes on YAML text; each is gone after the test."""
    async with AsyncExitStack() as stack:

        async def start(text: str) -> GatewayProcess:
            path = tmp_path / "tentaculo.yaml"
            path.write_text(text)
            process = await GatewayProcess.launch(path)
            stack.push_async_callback(process.kill)
            return process

        yield start


async def test_serves_and_probes(launch: Launch, upstream: ScriptedUpstream) -> None:
    """It forwards calls, answers probes, and shows metrics, on two listeners."""
    process = await launch(configuration(upstream.port))
    await process.started()
    assert (await process.call("/echo")).status == 401
    assert told(await process.call("/echo?a=b", GOOD))["target"] == "/echo?a=b"
    assert (await process.call("/health")).status == 200
    assert (await process.call("/live", admin=True)).status == 200
    assert (await process.call("/ready", admin=True)).status == 200
    metrics = (await process.call("/metrics", admin=True)).body.decode()
    assert 'route="everything"' in metrics
    for path in ("/live", "/ready", "/metrics"):
        assert (await process.call(path)).status == 401


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_ends_when_told_to(number: signal.Signals, launch: Launch, upstream: ScriptedUpstream) -> None:
    """A signal ends an idle gateway at once with exit code 0 and whole log lines."""
    process = await launch(configuration(upstream.port))
    await process.started()
    assert (await process.call("/echo", GOOD)).status == 200
    process.signal(number)
    assert await process.ended(5) == 0
    events = [json.loads(line)["event"] for line in process.lines]
    assert events[-1] == "gateway.stopped"
    assert "request.finished" in events


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_ends_with_an_open_stream(
    number: signal.Signals, launch: Launch, upstream: ScriptedUpstream
) -> None:
    """An open stream is ended in good order and does not hold the process up."""
    process = await launch(configuration(upstream.port))
    await process.started()
    client = await process.client()
    await client.send(request("GET", "/sse", GOOD))
    await client.head()
    upstream.events.put_nowait(b"data: 1\n\n")
    await client.until(b"data: 1\n\n")
    process.signal(number)
    assert await client.until(b"0\r\n\r\n", 10)
    assert await process.ended(10) == 0
    ended = [e for e in map(json.loads, process.lines) if e["event"] == "stream.ended"]
    assert [e["end_reason"] for e in ended] == ["draining"]
    await upstream.exchanges[0].gone()
    client.leave()


async def test_ends_with_an_idle_connection(launch: Launch, upstream: ScriptedUpstream) -> None:
    """A kept-alive client that says nothing does not hold the process up."""
    process = await launch(configuration(upstream.port))
    await process.started()
    client = await process.client()
    await client.send(request("GET", "/echo", GOOD))
    await client.reply()
    process.signal(signal.SIGTERM)
    assert await process.ended(5) == 0
    assert await client.ended()


async def test_finishes_the_exchange_in_hand(launch: Launch, upstream: ScriptedUpstream) -> None:
    """A call that is under way when the signal comes still gets its whole reply."""
    process = await launch(configuration(upstream.port))
    await process.started()
    client = await process.client()
    await client.send(request("GET", "/slow-body", GOOD))
    await client.until(b"hello")
    process.signal(signal.SIGTERM)
    await not_ready(process)
    upstream.gates.open("body")
    assert await client.until(b"world", 5) == b"world"
    assert await process.ended(10) == 0


async def not_ready(process: GatewayProcess) -> None:
    """Wait until the gateway takes no new connections."""
    async with asyncio.timeout(5):
        while True:
            try:
                client = await process.client()
            except ConnectionError:
                return
            client.leave()
            await asyncio.sleep(0.01)


async def test_bad_configuration(launch: Launch) -> None:
    """A file with mistakes is told apart from a failure: code 2, each problem on stderr with its place."""
    text = (
        configuration(9)
        .replace("everything", "every thing")
        .replace("listen: 127.0.0.1:0", "listne: 127.0.0.1:0")
    )
    process = await launch(text)
    assert await process.ended(20) == 2
    told_problems = (await process.stderr()).decode()
    assert "tentaculo.yaml:2:" in told_problems
    assert "listne" in told_problems
    assert "listen" in told_problems
    assert "Traceback" not in told_problems


@pytest.mark.parametrize("text", ["", "a: [", "\x00", "- 1"], ids=["empty", "broken", "nul", "list"])
async def test_unreadable_configuration(text: str, launch: Launch) -> None:
    """A file that is no configuration at all is code 2 too, without a traceback."""
    process = await launch(text)
    assert await process.ended(20) == 2
    stderr = (await process.stderr()).decode()
    assert stderr.strip()
    assert "Traceback" not in stderr


async def test_missing_configuration(tmp_path: Path) -> None:
    """A file that is not there is code 2 and one sentence."""
    process = await GatewayProcess.launch(tmp_path / "nowhere.yaml")
    assert await process.ended(20) == 2
    stderr = (await process.stderr()).decode()
    assert "nowhere.yaml" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize("key", ["listen", "admin"])
async def test_port_in_use(key: str, launch: Launch) -> None:
    """A taken port is code 1 and one clear sentence."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await launch(configuration(9).replace(f"{key}: 127.0.0.1:0", f"{key}: 127.0.0.1:{port}"))
        assert await process.ended(20) == 1
    lines = (await process.stderr()).decode().strip().splitlines()
    assert len(lines) == 1
    assert str(port) in lines[0]
    assert "Traceback" not in lines[0]
