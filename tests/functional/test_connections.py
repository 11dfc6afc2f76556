"""Connections of clients: kept, pipelined, closed, and never confused about where a request begins."""

from __future__ import annotations

import pytest

from tests.fakes.client import request, told
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD


async def test_keep_alive_serves_many(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """One connection carries request after request, on one upstream connection."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    for number in range(20):
        await client.send(request("POST", f"/echo?n={number}", GOOD, b"x" * number))
        assert told(await client.reply("POST"))["target"] == f"/echo?n={number}"
    assert len(upstream.wires) == 1


async def test_pipelined_requests_are_answered_in_order(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Requests sent in one go, with and without bodies, are answered one after the other."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(b"".join(request("POST", f"/echo?n={n}", GOOD, b"b" * n) for n in range(10)))
    for number in range(10):
        answer = told(await client.reply("POST"))
        assert (answer["target"], answer["body"]) == (f"/echo?n={number}", "b" * number)


@pytest.mark.parametrize("fields", [GOOD, []], ids=["forwarded", "refused"])
async def test_many_more_pipelined_requests_than_are_held(
    fields: list[tuple[str, str]], start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Reading stops while many requests wait, and goes on when they are answered."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(b"".join(request("GET", "/status/200", fields) for _ in range(500)))
    statuses = {(await client.reply()).status for _ in range(500)}
    assert statuses == {200 if fields else 401}


@pytest.mark.parametrize(
    ("version", "connection", "stays"),
    [
        ("1.1", None, True),
        ("1.1", "close", False),
        ("1.1", "keep-alive", True),
        ("1.1", "Close", False),
        ("1.1", "X-Other, close", False),
        ("1.0", None, False),
        ("1.0", "keep-alive", True),
        ("1.0", "close", False),
    ],
)
async def test_connection_persistence(
    version: str, connection: str | None, stays: bool, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The connection stays open, or ends, as the client's version and `Connection` say."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    extra = [("Connection", connection)] if connection else []
    await client.send(request("GET", "/status/200", [*GOOD, *extra], version=version))
    reply = await client.reply()
    assert reply.body == b"status body"
    if stays:
        await client.send(request("GET", "/status/200", GOOD, version=version))
        assert (await client.reply()).status == 200
    else:
        assert reply.head.value("Connection") == "close"
        assert await client.ended()


async def test_http10_client_without_host(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """HTTP/1.0 needs no Host; the upstream still gets one."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(f"GET /echo HTTP/1.0\r\nX-VX11-Token: {GOOD[0][1]}\r\n\r\n".encode())
    reply = await client.reply()
    assert reply.status == 200
    assert len(upstream.exchanges[0].head.values("Host")) == 1


async def test_error_reply_to_http10_is_framed_for_it(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A refusal for HTTP/1.0 has a length and ends the connection."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("GET", "/echo", version="1.0"))
    reply = await client.reply()
    assert (reply.status, reply.complete) == (401, True)
    assert await client.ended()


async def test_refused_body_is_not_taken_for_a_request(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """After a refusal the connection ends, or the unread body is skipped."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    hidden = request("GET", "/echo?hidden", GOOD)
    await client.send(request("POST", "/echo", [], hidden))
    assert (await client.reply("POST")).status == 401
    await client.send(request("GET", "/echo?next", GOOD))
    try:
        assert told(await client.reply())["target"] == "/echo?next"
    except Cut:
        assert client.wire.gone.is_set()
    assert "hidden" not in "".join(e.head.target for e in upstream.exchanges)
