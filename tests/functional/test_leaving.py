"""Clients that leave: in every phase the upstream knows within a second, and nobody blames it."""

from __future__ import annotations

import pytest

from tests.fakes.behaviours import BLOCK
from tests.fakes.client import request
from tests.fakes.gates import eventually, soon
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.backlog import FullBacklog
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway, StartUpstream
from tests.functional.running import GOOD, RunningGateway

FAULTS = r".*upstream_faults"


async def check_gone(gateway: RunningGateway, exchange: Exchange, left_at: float) -> None:
    """Within a second the upstream knew; nobody blames it."""
    assert await exchange.gone(2) - left_at < 1
    event = await gateway.logs.wait_for("request.finished")
    assert event["code"] == "client_gone"
    assert await gateway.metric(FAULTS) == 0


@pytest.mark.parametrize("politely", [True, False], ids=["close", "reset"])
async def test_gone_while_connecting(
    politely: bool, start_gateway: StartGateway, full_backlog: FullBacklog
) -> None:
    """A client that leaves while the gateway connects ends the attempt."""
    gateway = await start_gateway(configuration(full_backlog.port, timeouts="connect: 30s"))
    client = await gateway.client()
    await client.send(request("GET", "/echo", GOOD))
    await eventually(lambda: full_backlog.attempts() == 1, 10)
    client.go(politely=politely)
    await eventually(lambda: full_backlog.attempts() == 0, 10)
    event = await gateway.logs.wait_for("request.finished", seconds=1)
    assert event["code"] == "client_gone"
    assert await gateway.metric(FAULTS) == 0


@pytest.mark.parametrize("politely", [True, False], ids=["close", "reset"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_gone_before_the_first_byte(
    method: str, politely: bool, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A client that leaves before the reply began ends the upstream's work."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request(method, "/slow-head", GOOD, b"body" if method == "POST" else b""))
    exchange = await upstream.next()
    await check_gone(gateway, exchange, client.go(politely=politely))


@pytest.mark.parametrize("politely", [True, False], ids=["close", "reset"])
async def test_gone_in_the_middle_of_a_body(
    politely: bool, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A client that leaves while nothing flows ends the upstream's work."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("GET", "/slow-body", GOOD))
    await client.until(b"hello")
    exchange = await upstream.next()
    await check_gone(gateway, exchange, client.go(politely=politely))


async def test_gone_while_a_body_flows(start_gateway: StartGateway, start_upstream: StartUpstream) -> None:
    """A client that leaves in full flow ends the upstream's work."""
    upstream = await start_upstream(keep=False)
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client(keep=False, limit=65_536)
    await client.send(request("GET", "/huge?bytes=100000000000", GOOD))
    await client.head()
    for _ in range(200):
        await client.wire.source.some()
    exchange = await upstream.next()
    await check_gone(gateway, exchange, client.go(politely=False))


@pytest.mark.parametrize("politely", [True, False], ids=["close", "reset"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_gone_in_the_middle_of_an_upload(
    framing: str, politely: bool, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A client that leaves mid-upload ends the upstream's work, which never sees a whole request."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    frame = ("Content-Length", "1000000") if framing == "length" else ("Transfer-Encoding", "chunked")
    part = b"x" * 5000 if framing == "length" else b"1388\r\n" + b"x" * 5000 + b"\r\n"
    await client.send(request("POST", "/sink", [*GOOD, frame]) + part)
    exchange = await upstream.next()
    await eventually(lambda: exchange.received >= 5000)
    await check_gone(gateway, exchange, client.go(politely=politely))
    await soon(exchange.finished.wait())
    assert not exchange.complete


async def test_gone_while_an_upload_flows(start_gateway: StartGateway, start_upstream: StartUpstream) -> None:
    """The same with bytes in full flow."""
    upstream = await start_upstream(keep=False, limit=65_536)
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client(keep=False)
    await client.send(request("POST", "/sink", [*GOOD, ("Content-Length", "100000000000")]))
    for _ in range(100):
        await client.send(BLOCK)
    exchange = await upstream.next()
    await check_gone(gateway, exchange, client.go(politely=False))


@pytest.mark.parametrize("politely", [True, False], ids=["close", "reset"])
async def test_gone_behind_unread_bytes(
    politely: bool, start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """Behind an upstream that reads nothing a client that left is noticed within `write_timeout`."""
    upstream = await start_upstream(keep=False, limit=65_536)
    gateway = await start_gateway(configuration(upstream.port, limits="write_timeout: 500ms"))
    client = await gateway.client(keep=False)
    await client.send(request("POST", "/stall", [*GOOD, ("Content-Length", "100000000")]))
    exchange = await upstream.next()
    for _ in range(300):
        client.wire.writer.write(BLOCK)
    client.go(politely=politely)
    await gateway.logs.wait_for("request.finished", seconds=3)
    upstream.gates.open("stall")
    await soon(exchange.finished.wait())
    assert not exchange.complete


async def test_pipelining_client_that_leaves(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Requests queued behind the one in hand are not started for a client that left."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("GET", "/slow-head", GOOD) + request("POST", "/echo", GOOD, b"x"))
    exchange = await upstream.next()
    await check_gone(gateway, exchange, client.go(politely=False))
    assert [e.path for e in upstream.exchanges] == ["/slow-head"]


async def test_gateway_serves_on_after_many_who_left(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A crowd that leaves costs the next client nothing."""
    gateway = await start_gateway(configuration(upstream.port))
    clients = [await gateway.client() for _ in range(50)]
    for client in clients:
        await client.send(request("GET", "/slow-head", GOOD))
    exchanges = [await upstream.next() for _ in clients]
    for client in clients:
        client.leave()
    for exchange in exchanges:
        await exchange.gone()
    assert (await gateway.call("/echo")).status == 200
    assert await gateway.metric(FAULTS) == 0
