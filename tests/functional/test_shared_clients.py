"""Clients of shared streams: each is let in, answered and ended for itself, and none is forgotten."""

from __future__ import annotations

import asyncio

import pytest

from tentaculo.relay.relay import Relay
from tests.fakes.client import request, told
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartGateway
from tests.functional.crowd import all_got, disperse, join_crowd
from tests.functional.running import GOOD, RunningGateway
from tests.functional.shared import OTHER, opened, shared_gateway
from tests.functional.tokens import issue, revoke


@pytest.fixture
async def gateway(start_gateway: StartGateway, upstream: ScriptedUpstream) -> RunningGateway:
    """A gateway with shared routes of every kind."""
    return await start_gateway(shared_gateway(upstream.port))


def shared_tasks() -> list[asyncio.Task[object]]:
    """Return the tasks of shared streams."""
    return [task for task in asyncio.all_tasks() if task.get_name() == "shared stream"]


def relay_of(gateway: RunningGateway) -> Relay:
    """Return what the exchanges share."""
    relay = gateway.gateway._relay
    assert relay is not None
    return relay


# Each client for itself.


@pytest.mark.parametrize("target", ["/sse/a", "/sse/events", "/sse/events?token=none"])
async def test_client_without_access(
    target: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """It is refused, whether or not there is such a stream already, and the upstream is not asked for it."""
    assert (await gateway.call(target, [])).status == 401
    assert upstream.wires == []
    path = target.partition("?")[0]
    if path == "/sse/a":
        await opened(gateway, path)
    else:
        await opened(gateway, (await issue(gateway)).target, [])
    assert (await gateway.call(target, [])).status == 401
    assert len(upstream.exchanges) == 1


async def test_one_principal_is_revoked(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Its clients end, with the reason; the others go on."""
    revoked = [(await opened(gateway))[0] for _ in range(2)]
    other, _ = await opened(gateway, fields=OTHER)
    upstream.events.put_nowait(b"data: one\n\n")
    for client in (*revoked, other):
        await client.until(b"data: one\n\n")
    assert (await revoke(gateway, "operator-ui")).status == 200
    for client in revoked:
        assert b"event: revoked\n" in await client.until(b"0\r\n\r\n")
    upstream.events.put_nowait(b"data: two\n\n")
    await other.until(b"data: two\n\n")
    ended = gateway.logs.named("stream.ended")
    assert [(line["end_reason"], line["events"]) for line in ended] == [("revoked", 1)] * 2
    assert len(upstream.exchanges) == 1


async def test_waiting_client_is_revoked(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """The other one is still answered."""
    clients = []
    for fields in (GOOD, OTHER):
        clients.append(await gateway.client())
        await clients[-1].send(request("GET", "/late-sse", fields))
    await upstream.next()
    await eventually(lambda: relay_of(gateway).open_exchanges == 2)
    await revoke(gateway, "operator-ui")
    assert (await clients[0].reply()).status == 401
    upstream.gates.open("head")
    assert (await clients[1].head()).status == 200


async def test_caps_hold_for_each_client(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """A shared stream's clients are streams like any others; whoever is refused leaves the others be."""
    client, _ = await opened(gateway, "/sse/single")
    refusal = await gateway.call("/sse/single")
    assert (refusal.status, told(refusal)["code"]) == (429, "stream_limit_reached")
    await opened(gateway, "/sse/single", OTHER)
    upstream.events.put_nowait(b"data: one\n\n")
    await client.until(b"data: one\n\n")


async def test_draining(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Each client is told; the upstream is let go of, and nothing is left."""
    crowd = await join_crowd(gateway.port, 20, "/sse/a")
    await all_got(crowd, b"\r\n\r\n")
    await opened(gateway, "/sse/silent")
    await gateway.shut_down()
    for member in crowd:
        await member.lost.wait()
        assert member.body.startswith(b"retry: ")
        assert b"event: draining\n" in member.body
        assert member.data.endswith(b"0\r\n\r\n")
    for exchange in upstream.exchanges:
        await exchange.gone()
    assert {line["end_reason"] for line in gateway.logs.named("stream.ended")} == {"draining"}
    await eventually(lambda: not shared_tasks())


async def test_old_clients(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """One that knows no chunks gets the same events, up to the connection's end."""
    old, head = await opened(gateway, version="1.0")
    new, _ = await opened(gateway)
    assert head.values("Transfer-Encoding") == []
    assert head.values("Connection") == ["close"]
    for number in range(3):
        upstream.events.put_nowait(b"data: %d\n\n" % number)
        for client in (old, new):
            await client.until(b"data: %d\n\n" % number)
    await revoke(gateway, "operator-ui")
    assert b"event: revoked\n" in await old.rest()
    assert old.wire.seen.partition(b"\r\n\r\n")[2].startswith(b"data: 0\n\ndata: 1\n\ndata: 2\n\n")


async def test_pipelined_requests(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """A request behind one that is denied is answered too, though others have the same fate at that time."""
    upstream.canned["/sse/a"] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    clients = [await gateway.client() for _ in range(2)]
    for client in clients:
        await client.send(request("GET", "/sse/a", GOOD) * 3)
    for client in clients:
        assert [(await client.reply()).status for _ in range(3)] == [404] * 3


async def test_body_is_refused(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """A stream that others get too can't depend on one."""
    reply = await gateway.call("/sse/a", GOOD, b"body")
    assert (reply.status, told(reply)["code"]) == (400, "bad_request")
    assert upstream.wires == []


# The upstream's first answer.

ANSWERS = {
    "nobody": (None, 502, "upstream_unreachable"),
    "404": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\npage", 404, None),
    "503": (b"HTTP/1.1 503 Away\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\npage", 503, None),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, None),
    "HTML": (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\npage", 502, "not_an_event_stream"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 502, "upstream_redirect"),
    "gzip": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n",
        502,
        "upstream_protocol_error",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_no_stream_is_to_be_had(case: str, gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """All who wait are told the same, and may ask again."""
    answer, status, code = ANSWERS[case]
    if answer is None:
        await upstream.stop()
    else:
        upstream.canned["/sse/a"] = answer
    clients = [await gateway.client() for _ in range(5)]
    for client in clients:
        await client.send(request("GET", "/sse/a", GOOD))
    for client in clients:
        reply = await client.reply()
        assert (reply.status, reply.complete) == (status, True)
        assert reply.head.value("Retry-After") == ("7" if case == "503" else None)
        assert reply.body == b"" if code is None else told(reply)["code"] == code
        await client.send(request("GET", "/sse/b", GOOD))
    if answer is not None:
        assert [(await client.head()).status for client in clients] == [200] * 5
    assert len(upstream.wires) <= 7


# Nothing is left.


async def test_all_leave_before_the_answer(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """The upstream is stopped at once, and nothing is left."""
    crowd = await join_crowd(gateway.port, 10, "/late-sse")
    exchange, relay = await upstream.next(), relay_of(gateway)
    await eventually(lambda: relay.open_exchanges == 10)
    disperse(crowd[1:])
    await eventually(lambda: relay.open_exchanges == 1)
    assert not exchange.wire.gone.is_set()
    disperse(crowd)
    await exchange.gone()
    await eventually(lambda: len(relay.shared) == 0 and not shared_tasks())
