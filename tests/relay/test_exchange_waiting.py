"""Exchanges that wait for an upstream which is away, by a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually, soon
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.upstream.fakes import REPLY, ManualServer

WAIT = 30.0
RESPONSE = 5.0
TIMEOUTS = f"response: {RESPONSE:.0f}s}}, retries: {{wait: {WAIT:.0f}s"


@pytest.fixture
async def front(start_front: StartFront, quiet_port: int) -> Front:
    """A front before an upstream that is away."""
    return await start_front(configuration(quiet_port, timeouts=TIMEOUTS))


async def waiting(front: Front) -> RawClient:
    """Make a call that waits, with no try under way."""
    client = await front.client()
    await client.send(request("POST", "/echo", GOOD, b"hello"))
    (upstream,) = front.relay.snapshot.upstreams.values()
    (server,) = upstream.servers
    await eventually(lambda: server.exchanges == 1 and not server.pool.load)
    return client


async def test_response_is_timed_from_the_request(front: Front, quiet_port: int) -> None:
    """Waiting takes nothing from the time that the upstream has for its answer."""
    client = await waiting(front)
    front.pass_time(2 * RESPONSE)
    late = ScriptedUpstream(BEHAVIOURS)
    await late.start(quiet_port)
    reply = await client.reply("POST")
    assert (reply.status, told(reply)["body"]) == (200, "hello")
    await late.stop()


async def test_time_is_over(front: Front) -> None:
    """The fault is answered as without a wait."""
    client = await waiting(front)
    front.pass_time(WAIT)
    reply = await client.reply("POST")
    assert (reply.status, told(reply)["code"]) == (502, "upstream_unreachable")
    assert front.metric("tentaculo_upstream_faults_total") == 1


@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("PUT", b"hello")])
async def test_kept_connection_that_ends_with_its_upstream(
    method: str, body: bytes, start_front: StartFront, quiet_port: int
) -> None:
    """A request that was on it is sent again once the upstream is back, where that does no harm."""
    front, first = await start_front(configuration(quiet_port, timeouts=TIMEOUTS)), ManualServer()
    await first.start(quiet_port)
    client, second = await front.client(), ScriptedUpstream(BEHAVIOURS)
    await client.send(request("GET", "/echo", GOOD))
    wire = await first.accept()
    await soon(wire.source.until(b"\r\n\r\n"))
    wire.writer.write(REPLY)
    assert (await client.reply()).status == 200
    await client.send(request(method, "/echo", GOOD, body))
    await soon(wire.source.until(b"\r\n\r\n"))
    await first.stop()
    (upstream,) = front.relay.snapshot.upstreams.values()
    await eventually(lambda: not upstream.servers[0].pool.load)
    await second.start(quiet_port)
    assert (await client.reply(method)).status == 200
    assert [exchange.body for exchange in second.exchanges] == [body]
    await second.stop()


@pytest.mark.parametrize("turns", range(4))
async def test_cut_as_it_begins(turns: int, front: Front) -> None:
    """Whether it has begun to wait or is about to, it waits no longer; turns of the event loop tell that."""
    client = await front.client()
    client.wire.writer.write(request("GET", "/echo", GOOD))
    while not front.relay.open_exchanges:  # noqa: ASYNC110 - nothing else tells of that very moment
        await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    front.relay.cut_all()
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (503, "draining")
    assert front.metric("tentaculo_upstream_faults_total") == 0
