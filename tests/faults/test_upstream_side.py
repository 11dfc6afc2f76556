"""Each fault of the network between gateway and upstream, at each stage of a reply."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.client import request, told
from tests.fakes.fault_proxy import Course, Fault, FaultProxy, Plan
from tests.fakes.messages import Cut, Message
from tests.fakes.upstream import ScriptedUpstream
from tests.faults.conftest import StartProxy
from tests.faults.resting import comes_to_rest
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway

SHORT = "connect: 2s, response: 400ms, idle: 400ms"
PLENTY = "connect: 20s, response: 20s, idle: 20s"
ROUTES = """
routes:
  - {name: events, path: /sse, upstream: backend, stream: {heartbeat: 1s, idle_timeout: 2s}}
  - {name: canned-events, path: /canned-events, upstream: backend, stream: {idle_timeout: 1s}}
  - {name: rest, path: /*, upstream: backend}
"""
# Each reply breaks at its mark.
BEFORE = {
    "nothing came": b"|HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status line": b"HTTP/1.|1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "field": b"HTTP/1.1 200 OK\r\nContent-Le|ngth: 5\r\n\r\nhello",
    "last byte of the head": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r|\nhello",
}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
AFTER = {
    "no byte of the body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n|helloworld",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello|world",
    "last byte of the body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhelloworl|d",
    "size of a chunk": CHUNKED + b"5\r\nhello\r\n1|0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "mid-chunk": CHUNKED + b"5\r\nhello\r\n10\r\n01234|56789abcdef\r\n0\r\n\r\n",
    "between chunks": CHUNKED + b"5\r\nhello\r\n|0\r\n\r\n",
    "last chunk": CHUNKED + b"5\r\nhello\r\n0\r\n\r|\n",
    "mid-event": EVENTS + b"d\r\ndata: one\n\nda|\r\n8\r\nta: two\n\r\n0\r\n\r\n",
}
FAULTS = list(Fault)


def broken_at(reply: bytes) -> tuple[bytes, int]:
    """Split off the mark: the reply, and how many bytes are before it."""
    return reply.replace(b"|", b""), reply.index(b"|")


def by_value(fault: Fault) -> str:
    """Name a fault in a test's id."""
    return fault.value


async def gateway_before(
    start_gateway: StartGateway,
    start_proxy: StartProxy,
    upstream: ScriptedUpstream,
    plan: Plan,
    timeouts: str = SHORT,
) -> tuple[RunningGateway, FaultProxy]:
    """Start a gateway whose upstream is behind a proxy."""
    proxy = await start_proxy(upstream.port, plan)
    return await start_gateway(configuration(proxy.port, routes=ROUTES, timeouts=timeouts)), proxy


def is_whole_error(reply: Message, fault: Fault) -> bool:
    """Whether a reply is the gateway's own, the one for this fault."""
    expected = (504, "upstream_timeout") if fault is Fault.STALL else (502, told(reply)["code"])
    return reply.complete and (reply.status, told(reply)["code"]) == expected


async def goes_on(gateway: RunningGateway, proxy: FaultProxy) -> None:
    """All is let go of, and once the network is well, so is the next call."""
    proxy.plan = Plan()
    assert (await gateway.call("/echo")).status == 200
    await comes_to_rest(gateway)


@pytest.mark.parametrize("fault", FAULTS, ids=by_value)
async def test_on_connecting(
    fault: Fault, start_gateway: StartGateway, start_proxy: StartProxy, upstream: ScriptedUpstream
) -> None:
    """A connection that breaks before a byte of the request passed is 502, or 504 where nothing is heard."""
    plan = Plan(up=Course(fault))
    gateway, proxy = await gateway_before(start_gateway, start_proxy, upstream, plan)
    reply = await gateway.call("/echo", method="POST", body=b"x")
    assert is_whole_error(reply, fault), reply
    assert upstream.exchanges == []
    await goes_on(gateway, proxy)


@pytest.mark.parametrize("fault", FAULTS, ids=by_value)
async def test_within_the_request(
    fault: Fault, start_gateway: StartGateway, start_proxy: StartProxy, upstream: ScriptedUpstream
) -> None:
    """A request that does not arrive whole is answered by the gateway, and never seen whole upstream."""
    plan = Plan(up=Course(fault, after=200))
    gateway, proxy = await gateway_before(start_gateway, start_proxy, upstream, plan)
    reply = await gateway.call("/sink", method="POST", body=b"x" * 5000)
    assert is_whole_error(reply, fault), reply
    assert not any(exchange.complete for exchange in upstream.exchanges)
    await goes_on(gateway, proxy)


@pytest.mark.parametrize("fault", FAULTS, ids=by_value)
@pytest.mark.parametrize("stage", BEFORE)
async def test_before_the_head(
    stage: str, fault: Fault, start_gateway: StartGateway, start_proxy: StartProxy, upstream: ScriptedUpstream
) -> None:
    """What breaks before the head is whole is one clean answer of the gateway's."""
    upstream.canned["/canned"], after = broken_at(BEFORE[stage])
    gateway, proxy = await gateway_before(
        start_gateway, start_proxy, upstream, Plan(down=Course(fault, after=after))
    )
    reply = await gateway.call("/canned", method="POST", body=b"x")
    assert is_whole_error(reply, fault), reply
    assert len(upstream.exchanges) <= 1
    await goes_on(gateway, proxy)


@pytest.mark.parametrize("fault", FAULTS, ids=by_value)
@pytest.mark.parametrize("stage", AFTER)
async def test_after_the_head(
    stage: str, fault: Fault, start_gateway: StartGateway, start_proxy: StartProxy, upstream: ScriptedUpstream
) -> None:
    """What breaks later is cut for the client too: it has the first bytes, and sees that there were more."""
    raw, after = broken_at(AFTER[stage])
    path = "/canned-events" if stage == "mid-event" else "/canned"
    upstream.canned[path] = raw
    gateway, proxy = await gateway_before(
        start_gateway, start_proxy, upstream, Plan(down=Course(fault, after=after))
    )
    client = await gateway.client()
    await client.send(request("GET", path, GOOD))
    reply = await client.reply()
    assert (reply.status, reply.complete) == (200, False)
    if stage == "mid-event":
        assert reply.body in (b"data: one\n\n", b"data: one\n\nda")
    elif b"hello" in raw[:after]:
        assert reply.body.startswith(b"hello")
    assert client.wire.seen.count(b"HTTP/1.1") == 1
    await goes_on(gateway, proxy)


@pytest.mark.parametrize("stage", [*BEFORE, *AFTER])
@pytest.mark.parametrize(
    "course", [Course(piece=1), Course(piece=7, delay=0.001)], ids=["byte by byte", "slow"]
)
async def test_unharmed_in_pieces(
    stage: str,
    course: Course,
    start_gateway: StartGateway,
    start_proxy: StartProxy,
    upstream: ScriptedUpstream,
) -> None:
    """However a request and its reply are sliced and delayed, nothing is lost."""
    raw, _ = broken_at((BEFORE | AFTER)[stage])
    upstream.canned["/canned"] = raw
    gateway, _ = await gateway_before(
        start_gateway, start_proxy, upstream, Plan(up=course, down=course), PLENTY
    )
    reply = await gateway.call("/canned", method="POST", body=b"body of the request")
    assert (reply.status, reply.complete) == (200, True)
    assert upstream.exchanges[0].body == b"body of the request"
    await comes_to_rest(gateway)


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.CUT], ids=by_value)
async def test_kept_connection(
    fault: Fault, start_gateway: StartGateway, start_proxy: StartProxy, upstream: ScriptedUpstream
) -> None:
    """A kept connection that breaks with its next request costs an idempotent call nothing."""
    gateway, proxy = await gateway_before(start_gateway, start_proxy, upstream, Plan(), PLENTY)
    upstream.canned["/canned"] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    assert (await gateway.call("/canned")).status == 200
    link = await proxy.next()
    call = asyncio.ensure_future(gateway.call("/canned"))
    if fault is Fault.RESET:
        link.reset()
    else:
        link.cut()
    assert (await call).status == 200
    await comes_to_rest(gateway)


async def test_stalled_stream(
    start_gateway: StartGateway, start_proxy: StartProxy, upstream: ScriptedUpstream
) -> None:
    """A stream whose upstream falls silent is cut after `idle_timeout`, heartbeats or not."""
    gateway, proxy = await gateway_before(start_gateway, start_proxy, upstream, Plan())
    client = await gateway.client()
    await client.send(request("GET", "/sse", GOOD))
    await client.head()
    upstream.events.put_nowait(b"data: one\n\n")
    await client.until(b"data: one\n\n")
    (await proxy.next()).stall()
    upstream.events.put_nowait(b"data: two\n\n")
    with pytest.raises(Cut):
        await client.until(b"data: two\n\n", 5)
    ended = await gateway.logs.wait_for("stream.ended")
    assert ended["end_reason"] == "upstream_error"
    await goes_on(gateway, proxy)
