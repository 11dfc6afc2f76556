"""Limits, each with its own clear answer, and what happens to those who are too slow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.fakes.client import request, told
from tests.fakes.gates import soon
from tests.fakes.messages import Cut, Message
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway, StartUpstream
from tests.functional.running import GOOD


@pytest.mark.parametrize(
    "sent", [b"GET", b"GET /echo HTTP/1.1\r\nHost: gateway.test\r\nX-A: b\r\n"], ids=["line", "fields"]
)
async def test_slow_head(sent: bytes, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A head that is not in after `header_timeout` is 408, however it trickles."""
    gateway = await start_gateway(configuration(upstream.port, limits="header_timeout: 300ms"))
    client = await gateway.client()
    await client.send(sent)
    reply = await client.reply(seconds=3)
    assert (reply.status, told(reply)["code"]) == (408, "request_timeout")
    assert reply.head.value("Connection") == "close"
    assert await client.ended()


async def test_trickling_head(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Bytes that keep coming do not extend the time for the head."""
    gateway = await start_gateway(configuration(upstream.port, limits="header_timeout: 400ms"))
    client = await gateway.client()
    began = asyncio.get_running_loop().time()
    await client.send(b"GET /echo HTTP/1.1\r\n")
    while not client.wire.seen and not client.wire.gone.is_set():
        await client.send(b"X-A: b\r\n")
        await asyncio.sleep(0.05)
        assert asyncio.get_running_loop().time() - began < 3
    assert client.wire.seen.startswith(b"HTTP/1.1 408 ")


async def test_slow_second_head(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """The time for the head counts anew for each request of a connection."""
    gateway = await start_gateway(configuration(upstream.port, limits="header_timeout: 300ms"))
    client = await gateway.client()
    await client.send(request("GET", "/echo", GOOD))
    assert (await client.reply()).status == 200
    await client.send(b"GET /echo HT")
    assert (await client.reply(seconds=3)).status == 408


async def test_silent_connection_is_closed(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A connection on which nothing was ever sent is closed without an answer."""
    gateway = await start_gateway(configuration(upstream.port, limits="header_timeout: 300ms"))
    client = await gateway.client()
    assert await client.ended(3)


async def test_keep_alive_ends(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """An idle connection is closed after `keep_alive`."""
    gateway = await start_gateway(configuration(upstream.port, limits="keep_alive: 300ms"))
    client = await gateway.client()
    await client.send(request("GET", "/echo", GOOD))
    assert (await client.reply()).status == 200
    assert await client.ended(3)


@pytest.mark.parametrize(
    "frame", [("Content-Length", "100"), ("Transfer-Encoding", "chunked")], ids=["length", "chunked"]
)
async def test_slow_body(
    frame: tuple[str, str], start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A body that stops for longer than `body_timeout` is 408, and its upstream is let go."""
    gateway = await start_gateway(configuration(upstream.port, limits="body_timeout: 300ms"))
    client = await gateway.client()
    part = b"5\r\nhello\r\n" if frame[1] == "chunked" else b"hello"
    await client.send(request("POST", "/sink", [*GOOD, frame]) + part)
    reply = await client.reply("POST", 3)
    assert (reply.status, told(reply)["code"]) == (408, "request_timeout")
    assert await client.ended()
    await upstream.exchanges[0].gone()
    assert await gateway.metric(r".*upstream_faults") == 0


async def test_declared_body_too_large(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A length over the limit is 413 before the upstream is asked."""
    gateway = await start_gateway(configuration(upstream.port, limits="body: 1KiB"))
    reply = await gateway.call("/sink", [*GOOD, ("Content-Length", "1025")], b"x" * 1025, method="POST")
    assert (reply.status, told(reply)["code"]) == (413, "body_too_large")
    assert upstream.exchanges == []


async def test_chunked_body_too_large(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A chunked body that grows over the limit is 413, and the upstream never sees it whole."""
    gateway = await start_gateway(configuration(upstream.port, limits="body: 1KiB"))
    client = await gateway.client()
    await client.send(request("POST", "/sink", [*GOOD, ("Transfer-Encoding", "chunked")]))
    exchange = await upstream.next()
    await client.send((b"100\r\n" + b"x" * 256 + b"\r\n") * 5)
    reply = await client.reply("POST")
    assert reply.status == 413
    await soon(exchange.finished.wait())
    assert not exchange.complete


@pytest.mark.parametrize("size", [1023, 1024])
async def test_body_at_the_limit(size: int, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """The limit itself is allowed."""
    gateway = await start_gateway(configuration(upstream.port, limits="body: 1KiB"))
    assert (await gateway.call("/sink", GOOD, b"x" * size, method="POST")).body == str(size).encode()


@pytest.mark.parametrize(
    ("target", "fields", "limits", "status"),
    [
        ("/echo?" + "q" * 2000, [], "request_line: 1KiB", 414),
        ("/echo?" + "q" * 9000, [], "", 414),
        ("/echo?" + "q" * 20_000, [], "", 414),
        ("/echo", [("X-A", "v" * 2000)], "header: 1KiB", 431),
        ("/echo", [("X-A", "v" * 9000)], "", 431),
        ("/echo", [("X-" + "n" * 9000, "v")], "", 431),
        ("/echo", [(f"X-{n}", "v" * 4000) for n in range(20)], "", 431),
        ("/echo", [(f"X-{n}", "v" * 100) for n in range(20)], "headers: 1KiB", 431),
        ("/echo?" + "q" * 7000, [("X-A", "v" * 7000)], "", 200),
        ("/echo?" + "q" * 12_000, [], "request_line: 16KiB", 200),
        ("/echo", [("X-A", "v" * 12_000)], "header: 16KiB", 200),
    ],
)
async def test_head_sizes(
    target: str,
    fields: list[tuple[str, str]],
    limits: str,
    status: int,
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
) -> None:
    """A long request line is 414, a long field or too many of them 431; what is within passes."""
    gateway = await start_gateway(configuration(upstream.port, limits=limits))
    reply = await gateway.call(target, [*GOOD, *fields])
    assert reply.status == status
    assert len(upstream.exchanges) == (status == 200)


async def test_oversized_head_of_a_known_route_keeps_secrets(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """An answer to an oversized head echoes none of it."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call("/echo", [*GOOD, ("X-A", "my-own-secret" * 1000)])
    assert reply.status == 431
    assert b"my-own-secret" not in reply.body
    assert "my-own-secret" not in gateway.logs.text


async def test_connection_limit(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Past `connections` a client gets 503 with Retry-After, and a place that is given back is taken."""
    gateway = await start_gateway(configuration(upstream.port, limits="connections: 2"))
    held = [await gateway.client() for _ in range(2)]
    for client in held:
        await client.send(request("GET", "/echo", GOOD))
        assert (await client.reply()).status == 200
    refused = await gateway.client()
    await refused.send(request("GET", "/echo", GOOD))
    reply = await refused.reply()
    assert (reply.status, told(reply)["code"]) == (503, "too_many_connections")
    assert reply.head.value("Retry-After")
    assert await refused.ended()
    await held[0].aclose()
    await admitted(lambda: gateway.call("/echo"))


async def test_connections_per_client(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """One address may hold only so many connections."""
    gateway = await start_gateway(configuration(upstream.port, limits="connections_per_client: 1"))
    held = await gateway.client()
    await held.send(request("GET", "/echo", GOOD))
    assert (await held.reply()).status == 200
    reply = await gateway.call("/echo")
    assert (reply.status, told(reply)["code"]) == (503, "too_many_connections")
    await held.aclose()
    await admitted(lambda: gateway.call("/echo"))


async def test_admin_is_reachable_at_the_connection_limit(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Probes and metrics go on when the main listener is full."""
    gateway = await start_gateway(configuration(upstream.port, limits="connections: 1"))
    held = await gateway.client()
    await held.send(request("GET", "/echo", GOOD))
    await held.reply()
    assert (await gateway.admin("/live")).status == 200
    assert (await gateway.admin("/ready")).status == 200


async def test_stalled_reader_is_cut(start_gateway: StartGateway, start_upstream: StartUpstream) -> None:
    """A client that takes nothing for `write_timeout` is cut, and its upstream with it."""
    upstream = await start_upstream(keep=False)
    gateway = await start_gateway(configuration(upstream.port, limits="write_timeout: 400ms"))
    client = await gateway.client(limit=4096, keep=False)
    await client.send(request("GET", "/huge?bytes=1000000000", GOOD))
    exchange = await upstream.next()
    await exchange.gone(5)
    event = await gateway.logs.wait_for("request.finished")
    assert event["code"] == "slow_client"
    assert await gateway.metric(r".*upstream_faults") == 0


async def test_slow_reader_with_progress_is_not_cut(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """A client that takes little, but takes it, gets everything."""
    upstream = await start_upstream(keep=False)
    gateway = await start_gateway(configuration(upstream.port, limits="write_timeout: 500ms"))
    client = await gateway.client(limit=4096, keep=False)
    size = 8 * 1024 * 1024
    await client.send(request("GET", f"/huge?bytes={size}", GOOD))
    await client.head()
    received = 0
    began = asyncio.get_running_loop().time()
    while received < size:
        piece = await soon(client.wire.source.some())
        assert piece
        received += len(piece)
        if asyncio.get_running_loop().time() - began < 1.5:
            await asyncio.sleep(0.02)
    assert received == size


async def admitted(call: Callable[[], Awaitable[Message]]) -> None:
    """Wait until a call is admitted again: the listener learns of a close a moment after the client."""
    async with asyncio.timeout(5):
        while True:
            try:
                if (await call()).status == 200:
                    return
            except Cut:
                continue
