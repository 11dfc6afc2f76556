"""How streams end, each for a reason that the log names, and how many may be open."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.client import request
from tests.fakes.gates import soon
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway, StartUpstream
from tests.functional.running import GOOD
from tests.functional.streams import PATHS, ROUTES, open_stream


async def test_stream_is_logged_and_counted(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A stream is logged when it opens and when it ends, and counted while it is open."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    client = await open_stream(gateway, "/sse/plain")
    await client.head()
    opened = await gateway.logs.wait_for("stream.opened")
    assert (opened["route"], opened["principal"]) == ("checked", "operator-ui")
    assert await gateway.metric(r'.*streams_open\{.*route="checked"') == 1
    upstream.events.put_nowait(b"data: 1\n\n")
    upstream.events.put_nowait(None)
    ended = await gateway.logs.wait_for("stream.ended")
    assert (ended["end_reason"], ended["bytes_out"]) == ("upstream_closed", 9)
    assert await gateway.metric(r'.*streams_open\{.*route="checked"') == 0


async def test_gone_client_ends_the_stream_upstream(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The upstream sees within a second that the stream's client left."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    client = await open_stream(gateway, "/sse/plain")
    await client.head()
    exchange = await upstream.next()
    left_at = asyncio.get_running_loop().time()
    client.leave()
    assert await exchange.gone() - left_at < 1
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == "client_gone"


@pytest.mark.parametrize(("version", "fin"), [("1.1", "&fin"), ("1.1", ""), ("1.0", "&fin"), ("1.0", "")])
async def test_cut_stream_is_seen_as_cut(
    version: str, fin: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A stream whose upstream breaks off does not end cleanly."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    client = await open_stream(gateway, f"/drop-mid?framing=sse{fin}", version)
    await client.until(b"part\n\n")
    upstream.gates.open("drop")
    await client.ended(3)
    assert version == "1.1" or client.wire.reset
    assert b"0\r\n\r\n" not in client.wire.seen
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == "upstream_error"


async def test_stream_is_not_ended_by_idle_or_response_timeouts(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A silent stream outlives the timeouts of ordinary replies."""
    text = configuration(upstream.port, routes=ROUTES, timeouts="response: 150ms, idle: 150ms")
    gateway = await start_gateway(text)
    client = await open_stream(gateway, "/sse/delegated")
    await client.head()
    with pytest.raises(TimeoutError):
        await soon(client.wire.gone.wait(), 0.6)
    upstream.events.put_nowait(b"data: still here\n\n")
    assert await client.until(b"still here\n\n", 2)


async def test_stream_limit(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Past `limits.streams` a stream is 503 with Retry-After; others go on, and room is given back."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES, limits="streams: 1"))
    first = await open_stream(gateway, "/sse/plain")
    await first.head()
    for path in PATHS:
        reply = await gateway.call(path)
        assert reply.status == 503
        assert reply.head.value("Retry-After")
        assert b"too_many_streams" in reply.body
    assert (await gateway.call("/echo")).status == 200
    first.leave()
    await gateway.logs.wait_for("stream.ended")
    assert (await (await open_stream(gateway, "/sse/plain")).head()).status == 200


async def test_slow_client_of_a_stream_is_ended(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """A client that takes nothing for `write_timeout` ends as slow_client, and its upstream with it."""
    upstream = await start_upstream(keep=False)
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES, limits="write_timeout: 300ms"))
    client = await gateway.client(limit=4096, keep=False)
    await client.send(request("GET", "/sse/plain", GOOD))
    await client.head()
    exchange = await upstream.next()
    feeder = asyncio.ensure_future(feed(upstream))
    await exchange.gone(10)
    feeder.cancel()
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == "slow_client"


async def feed(upstream: ScriptedUpstream) -> None:
    """Send events for as long as they are taken."""
    while True:
        if upstream.events.qsize() < 4:
            upstream.events.put_nowait(b"data: " + b"x" * 60_000 + b"\n\n")
        await asyncio.sleep(0)


async def test_stop_ends_streams_in_good_order(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Stopping the gateway ends open streams with a complete reply, and their upstream exchanges."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    client = await open_stream(gateway, "/sse/plain")
    await client.head()
    exchange = await upstream.next()
    await gateway.shut_down()
    assert await client.until(b"0\r\n\r\n", 2)
    await exchange.gone()
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == "draining"
