"""A silent partition before the upstream: every wait has its bound, and all is well once it heals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.fakes.client import request, told
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.faults.partitions import Namespace, Partition, StalledProxy
from tests.faults.resting import comes_to_rest
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway

TIMEOUTS = "connect: 500ms, response: 500ms, idle: 500ms"
ROUTES = """
routes:
  - {name: events, path: /sse, upstream: backend, stream: {heartbeat: 1s, idle_timeout: 2s}}
  - {name: rest, path: /*, upstream: backend}
"""


@pytest.fixture(params=["proxy", "namespaces"])
async def partition(request: pytest.FixtureRequest, upstream: ScriptedUpstream) -> AsyncIterator[Partition]:
    """A network that can fall silent; namespaces where this process may make them."""
    made: Partition | None = None
    if request.param == "namespaces":
        made = await Namespace.open(upstream)
    made = made or await StalledProxy.open(upstream)
    yield made
    await made.aclose()


@pytest.fixture
async def gateway(start_gateway: StartGateway, partition: Partition) -> RunningGateway:
    """A gateway on this side of it."""
    text = configuration(9, routes=ROUTES, timeouts=TIMEOUTS)
    text = text.replace("timeouts:", "breaker: {open_for: 1s}, timeouts:")
    return await start_gateway(text.replace("127.0.0.1:9'", f"{partition.address}'"))


async def heals(partition: Partition, gateway: RunningGateway) -> None:
    """Once it is well again, calls are served, and nothing of before is left."""
    await partition.heal()
    async with asyncio.timeout(20):
        while (await gateway.call("/echo")).status != 200:  # noqa: ASYNC110 - the server may be ejected
            await asyncio.sleep(0.05)
    await comes_to_rest(gateway)


async def test_while_waiting_for_a_head(
    gateway: RunningGateway, partition: Partition, upstream: ScriptedUpstream
) -> None:
    """A reply that is lost on the way is 504 after `response`, and so is every later call."""
    assert (await gateway.call("/echo")).status == 200
    call = asyncio.ensure_future(gateway.call("/slow-head", method="POST", body=b"x"))
    await upstream.next()
    await upstream.next()
    await partition.fall_silent()
    upstream.gates.open("head")
    reply = await call
    assert (reply.status, told(reply)["code"]) == (504, "upstream_timeout")
    for method in ("GET", "POST"):
        reply = await gateway.call("/echo", method=method, seconds=5)
        assert reply.status in (503, 504)
    await heals(partition, gateway)


async def test_within_a_body(
    gateway: RunningGateway, partition: Partition, upstream: ScriptedUpstream
) -> None:
    """A body that stops is cut after `idle`."""
    client = await gateway.client()
    await client.send(request("GET", "/slow-body", GOOD))
    await client.until(b"hello")
    await partition.fall_silent()
    upstream.gates.open("body")
    with pytest.raises(Cut):
        await client.until(b"world", 5)
    await heals(partition, gateway)


async def test_within_a_stream(
    gateway: RunningGateway, partition: Partition, upstream: ScriptedUpstream
) -> None:
    """A stream ends after `idle_timeout` for its upstream's sake; heartbeats don't hide that."""
    client = await gateway.client()
    await client.send(request("GET", "/sse", GOOD))
    await client.head()
    upstream.events.put_nowait(b"data: one\n\n")
    await client.until(b"data: one\n\n")
    await partition.fall_silent()
    upstream.events.put_nowait(b"data: two\n\n")
    with pytest.raises(Cut):
        await client.until(b"data: two\n\n", 5)
    assert b"\n:" in client.wire.seen
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == "upstream_error"
    await heals(partition, gateway)
