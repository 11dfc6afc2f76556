"""Servers that are away for a moment: calls wait for them, and nothing is left of those who do so in vain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually, soon
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import HEAD, PRINCIPALS
from tests.functional.conftest import StartEdited, StartGateway
from tests.functional.editing import REST, edited
from tests.functional.running import GOOD, RunningGateway

StartLate = Callable[[], Awaitable[ScriptedUpstream]]

ROUTES = """
routes:
  - {name: calls, path: /*, upstream: backend}
  - {name: events, path: /sse/open, upstream: backend, stream: {}}
  - {name: shared, path: /sse/shared, upstream: backend, stream: {shared: true}}
"""
FAULTS = r"tentaculo_upstream_(server_)?faults_total"
BIG = 64 * 1024 * 1024
KEPT = 16 * 1024 * 1024  # more than the sockets on the way and the gateway hold of a body


@pytest.fixture
async def start_late(quiet_port: int) -> AsyncIterator[StartLate]:
    """Start the upstream at the port that refused connections, once or again."""
    async with AsyncExitStack() as stack:

        async def start() -> ScriptedUpstream:
            late = ScriptedUpstream(BEHAVIOURS)
            await late.start(quiet_port)
            stack.push_async_callback(late.stop)
            return late

        yield start


def waiting(*ports: int, wait: str = "60s", options: str = "", extra: str = "") -> str:
    """Configure one upstream with a server at each port, that is waited for."""
    servers = ", ".join(f"'http://127.0.0.1:{port}'" for port in ports)
    backend = f"{{servers: [{servers}], retries: {{wait: {wait}}}, {options}}}"
    return f"{HEAD}{PRINCIPALS}upstreams:\n  backend: {backend}\n{extra}{ROUTES}"


async def wait_there(gateway: RunningGateway, count: int = 1) -> None:
    """Wait until so many calls wait, none of which connects now."""
    relay = gateway.gateway._relay
    assert relay is not None

    def waits() -> bool:
        servers = [server for one in relay.snapshot.upstreams.values() for server in one.servers]
        begun = sum(server.exchanges for server in servers)
        return (begun, sum(server.pool.load for server in servers)) == (count, 0)

    await eventually(waits)


async def begin(gateway: RunningGateway, sent: bytes) -> RawClient:
    """Make a call that waits."""
    client = await gateway.client()
    await client.send(sent)
    await wait_there(gateway)
    return client


# Calls.

CALLS = {
    "get": request("GET", "/echo", GOOD),
    "post": request("POST", "/echo", GOOD, b"hello"),
    "unfinished": request("POST", "/echo", [*GOOD, ("Content-Length", "5")]) + b"he",
    "chunked": request("POST", "/echo", [*GOOD, ("Transfer-Encoding", "chunked")]) + b"5\r\nhello\r\n",
}
RESTS = {"unfinished": b"llo", "chunked": b"0\r\n\r\n"}


@pytest.mark.parametrize("call", CALLS)
async def test_call_goes_on(
    call: str, start_gateway: StartGateway, start_late: StartLate, quiet_port: int
) -> None:
    """Whatever it is, it is sent once, and neither its caller nor a counter knows of a fault."""
    gateway = await start_gateway(waiting(quiet_port))
    client = await begin(gateway, CALLS[call])
    late = await start_late()
    await client.send(RESTS.get(call, b""))
    reply = await client.reply()
    assert (reply.status, told(reply)["body"]) == (200, "" if call == "get" else "hello")
    assert len(late.exchanges) == 1
    assert await gateway.metric(FAULTS) == 0
    assert await gateway.metric("tentaculo_upstream_server_requests_total") == 1
    event = await gateway.logs.wait_for("request.finished")
    assert (event["status"], event.get("code")) == (200, None)


async def test_big_body_is_held_back(
    start_gateway: StartGateway, start_late: StartLate, quiet_port: int
) -> None:
    """It waits at its client, but for what the way there holds; all of it arrives then."""
    gateway = await start_gateway(waiting(quiet_port))
    client = await begin(gateway, request("POST", "/sink", [*GOOD, ("Content-Length", str(BIG))]))
    client.wire.writer.write(b"x" * BIG)
    for _ in range(3):
        await gateway.call("/health", ())  # what was sent before has been read
        assert client.wire.writer.transport.get_write_buffer_size() > BIG - KEPT
    await start_late()
    assert told(await client.reply("POST", 60)) == BIG


async def test_client_that_expects_continue(
    start_gateway: StartGateway, start_late: StartLate, quiet_port: int
) -> None:
    """It is told to go on by the upstream, and by nobody before."""
    gateway = await start_gateway(waiting(quiet_port))
    fields = [*GOOD, ("Expect", "100-continue"), ("Content-Length", "5")]
    client = await begin(gateway, request("POST", "/100", fields))
    assert client.wire.seen == b""
    late = await start_late()
    late.gates.open("continue")
    assert (await client.head()).status == 100
    await client.send(b"hello")
    assert told(await client.reply("POST"))["body"] == "hello"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_upstream_that_starts_anew(
    method: str, start_gateway: StartGateway, start_late: StartLate, quiet_port: int
) -> None:
    """The connections that it kept are gone with it; callers notice nothing else."""
    gateway = await start_gateway(waiting(quiet_port))
    first = await start_late()
    assert (await gateway.call("/echo")).status == 200
    await first.stop()
    client = await begin(gateway, request(method, "/echo", GOOD))
    second = await start_late()
    assert (await client.reply(method)).status == 200
    assert (len(first.exchanges), len(second.exchanges)) == (1, 1)
    assert await gateway.metric(FAULTS) == 0


async def test_many_wait_together(
    start_gateway: StartGateway, start_late: StartLate, quiet_port: int
) -> None:
    """All of them go on, each once."""
    gateway = await start_gateway(waiting(quiet_port))
    clients = [await gateway.client() for _ in range(100)]
    for client in clients:
        await client.send(request("POST", "/echo", GOOD, b"x"))
    await wait_there(gateway, len(clients))
    late = await start_late()
    assert [(await client.reply("POST")).status for client in clients] == [200] * len(clients)
    assert len(late.exchanges) == len(clients)


async def test_time_is_over(start_gateway: StartGateway, quiet_port: int) -> None:
    """Then the fault is told, and counted once."""
    gateway = await start_gateway(waiting(quiet_port, wait="300ms"))
    reply = await gateway.call("/echo", body=b"hello", method="POST")
    assert (reply.status, told(reply)["code"]) == (502, "upstream_unreachable")
    event = await gateway.logs.wait_for("request.finished")
    assert event["reason"] == "refused"
    assert event["duration_ms"] >= 300
    assert await gateway.metric("tentaculo_upstream_faults_total") == 1
    assert await gateway.metric("tentaculo_upstream_server_faults_total") == 1


async def test_exchanges_that_wait_are_in_hand(
    start_gateway: StartGateway, start_late: StartLate, quiet_port: int
) -> None:
    """So their limit bounds how many may wait."""
    gateway = await start_gateway(waiting(quiet_port, options="limits: {exchanges: 1}"))
    client = await begin(gateway, request("GET", "/echo", GOOD))
    refused = await gateway.call("/echo")
    assert (refused.status, told(refused)["code"]) == (503, "upstream_busy")
    await start_late()
    assert (await client.reply()).status == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_other_server_is_asked_first(
    method: str, start_gateway: StartGateway, upstream: ScriptedUpstream, quiet_port: int
) -> None:
    """Nobody waits while another could answer."""
    gateway = await start_gateway(waiting(quiet_port, upstream.port))
    for _ in range(10):
        assert (await gateway.call("/echo", method=method)).status == 200
    assert len(upstream.exchanges) == 10


async def test_none_of_two_is_there(
    start_gateway: StartGateway, start_late: StartLate, quiet_port: int
) -> None:
    """With both away the one that was asked last is waited for."""
    gateway = await start_gateway(waiting(1, quiet_port))
    client = await begin(gateway, request("POST", "/echo", GOOD, b"hello"))
    late = await start_late()
    assert (await client.reply("POST")).status == 200
    assert len(late.exchanges) == 1


# Streams.


@pytest.mark.parametrize("path", ["/sse/open", "/sse/shared"])
async def test_stream_opens_late(
    path: str, start_gateway: StartGateway, start_late: StartLate, quiet_port: int
) -> None:
    """An opening waits like any call; those who share a stream wait together."""
    gateway = await start_gateway(waiting(quiet_port))
    client = await begin(gateway, request("GET", path, GOOD))
    late = await start_late()
    assert (await client.head()).status == 200
    late.events.put_nowait(b"data: hello\n\n")
    await client.until(b"data: hello\n\n")
    assert await gateway.metric(FAULTS) == 0


async def test_revoked_principal_waits_no_longer(start_gateway: StartGateway, quiet_port: int) -> None:
    """Its stream would not open, so it is told at once."""
    gateway = await start_gateway(waiting(quiet_port))
    client = await begin(gateway, request("GET", "/sse/open", GOOD))
    assert gateway.gateway._relay is not None
    gateway.gateway._relay.revoked("operator-ui")
    assert (await client.reply()).status == 401


# The end of waiting.


@pytest.mark.parametrize("politely", [True, False], ids=["close", "reset"])
@pytest.mark.parametrize("path", ["/echo", "/sse/open", "/sse/shared"])
async def test_client_that_leaves(
    path: str, politely: bool, start_gateway: StartGateway, start_late: StartLate, quiet_port: int
) -> None:
    """Nothing is left of its call, nobody is blamed, and the upstream never hears of it."""
    gateway = await start_gateway(waiting(quiet_port))
    await gateway.admin("/ready")
    before = len(asyncio.all_tasks())
    client = await begin(gateway, request("GET", path, GOOD))
    client.go(politely=politely)
    event = await gateway.logs.wait_for("request.finished", seconds=5)
    assert event["code"] == "client_gone"
    await wait_there(gateway, 0)
    await eventually(lambda: len(asyncio.all_tasks()) <= before)
    late = await start_late()
    assert (await gateway.call("/echo")).status == 200
    assert [exchange.path for exchange in late.exchanges] == ["/echo"]
    assert await gateway.metric(FAULTS) == 0


@pytest.mark.parametrize("path", ["/echo", "/sse/open"])
async def test_drain_does_not_outlast_its_cap(
    path: str, start_gateway: StartGateway, quiet_port: int
) -> None:
    """Who still waits then is told to come again."""
    gateway = await start_gateway(waiting(quiet_port, extra="drain: {time: 50ms, hard_cap: 300ms}\n"))
    client = await begin(gateway, request("GET", path, GOOD))
    assert not await soon(gateway.gateway.stop(), 5)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (503, "draining")
    (stopped,) = gateway.logs.named("gateway.stopped")
    assert stopped["exchanges_cut"] == 1
    assert stopped["seconds"] < 1


async def test_call_goes_on_within_a_drain(
    start_gateway: StartGateway, start_late: StartLate, quiet_port: int
) -> None:
    """A gateway that stops has time for it, as for any call."""
    gateway = await start_gateway(waiting(quiet_port, extra="drain: {time: 50ms, hard_cap: 30s}\n"))
    client = await begin(gateway, request("GET", "/echo", GOOD))
    stopping = asyncio.ensure_future(gateway.gateway.stop())
    assert (await gateway.admin("/ready")).status == 503
    await start_late()
    assert (await client.reply()).status == 200
    assert await soon(stopping)


@pytest.mark.parametrize("kept", [True, False], ids=["same server", "another server"])
async def test_reload(
    kept: bool,
    start_edited: StartEdited,
    start_late: StartLate,
    upstream: ScriptedUpstream,
    quiet_port: int,
) -> None:
    """Who waits goes on waiting for what it was sent to; who comes then is sent elsewhere."""
    wait = "retries: {wait: 60s}"
    gateway = await start_edited(edited(quiet_port, REST, upstream=wait))
    client = await begin(gateway, request("POST", "/echo", GOOD, b"hello"))
    text = edited(quiet_port) if kept else edited(upstream.port, REST, upstream=wait)
    assert (await gateway.edit(text))["event"] == "config.reloaded"
    assert (await gateway.call("/echo")).status == (502 if kept else 200)
    late = await start_late()
    assert (await client.reply("POST")).status == 200
    assert len(late.exchanges) == 1
