"""Where one request ends and the next begins, however the bytes are cut into packets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.fakes.client import request, told
from tests.fakes.gates import soon
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway

BODY = b"line one\r\nline two\r\n\r\nGET /api/smuggled HTTP/1.1\r\n\r\n"


async def taken(gateway: RunningGateway) -> None:
    """Make sure that what was sent before has been read: a later connection is served."""
    client = await gateway.client()
    await client.send(request("GET", "/health"))
    assert (await client.reply()).status == 200
    client.leave()


async def test_body_in_packets_behind_a_request_in_hand(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A body that looks like heads, cut anywhere behind other requests, stays that request's body."""
    gateway = await start_gateway(configuration(upstream.port))
    post = request("POST", "/echo?post", GOOD, BODY)
    sent = request("GET", "/echo?first", GOOD) + post + request("GET", "/echo?last", GOOD)
    for cut in range(len(sent) - 200, len(sent), 7):
        client = await gateway.client()
        await client.send(request("GET", "/echo?warm", GOOD))
        await client.reply()
        await client.send(sent[:cut])
        await taken(gateway)
        await client.send(sent[cut:])
        answers = [told(await client.reply(method)) for method in ("GET", "POST", "GET")]
        assert [answer["target"] for answer in answers] == ["/echo?first", "/echo?post", "/echo?last"]
        assert answers[1]["body"] == BODY.decode()


async def test_head_in_two_packets_at_once_with_the_connection(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A head may come in pieces, the first of them before the gateway has seen the connection."""
    gateway = await start_gateway(configuration(upstream.port))
    head = request("GET", "/echo", [*GOOD, ("Cookie", "x" * 1500)])
    loop = asyncio.get_running_loop()
    for cut in range(1, len(head), 97):
        with socket.create_connection((gateway.host, gateway.port)) as client:
            client.sendall(head[:cut])
            await taken(gateway)
            client.sendall(head[cut:])
            client.setblocking(False)
            assert (await loop.sock_recv(client, 12)).startswith(b"HTTP/1.1 200")


async def test_slow_head_at_once_with_the_connection(start_gateway: StartGateway) -> None:
    """The header timeout holds for a head that begins before the gateway has seen the connection."""
    gateway = await start_gateway(configuration(9, limits="header_timeout: 300ms"))
    with socket.create_connection((gateway.host, gateway.port)) as client:
        client.sendall(b"GET /echo HTTP/1.1\r\nHo")
        client.setblocking(False)
        answer = await soon(asyncio.get_running_loop().sock_recv(client, 12))
    assert answer == b"HTTP/1.1 408"


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "other/1"])
async def test_nothing_is_taken_behind_an_upgrade(
    protocol: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A request that asks for an upgrade is answered as an ordinary one, and is the last."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    asks = [*GOOD, ("Connection", "upgrade"), ("Upgrade", protocol)]
    behind = request("POST", "/echo?behind", GOOD, request("GET", "/echo?smuggled", GOOD))
    await client.send(request("POST", "/echo?asks", asks, b"hello") + behind[:-40])
    reply = await client.reply("POST")
    assert (told(reply)["target"], reply.head.value("Connection")) == ("/echo?asks", "close")
    await client.send(behind[-40:])
    assert await client.ended()
    assert [exchange.head.target for exchange in upstream.exchanges] == ["/echo?asks"]


async def test_large_head_behind_a_request_at_work(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The limit on all fields holds for a head that comes while another request is at work."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    head = request("GET", "/echo?large", [*GOOD, *((f"X-{n}", "v" * 7000) for n in range(30))])
    await client.send(request("POST", "/slow-head", GOOD, b"body"))
    await upstream.next()
    for start in range(0, len(head), 16000):
        await client.send(head[start : start + 16000])
        await taken(gateway)
    upstream.gates.open("head")
    assert (await client.reply("POST")).status == 200
    assert (await client.reply()).status == 431
    assert [exchange.head.target for exchange in upstream.exchanges] == ["/slow-head"]
