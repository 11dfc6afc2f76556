"""The end of a gateway that is at work: streams go in waves, calls are waited for, nothing is for ever."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest

from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually, soon
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway, StartInstance
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD, RunningGateway
from tests.functional.streams import ROUTES, open_stream

SHORT = "drain: {time: 300ms, hard_cap: 10s}\n"
CAPPED = "drain: {time: 50ms, hard_cap: 300ms}\n"
LONG = "drain: {time: 40s, hard_cap: 1m}\n"
PROXIED = 'drain: {time: 40s, hard_cap: 1m}\ntrusted_peers: ["127.0.0.1"]\n'
SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)


async def begin(gateway: RunningGateway | GatewayProcess, upstream: ScriptedUpstream, path: str) -> RawClient:
    """Begin an exchange that lasts until a gate opens, or for ever."""
    client = await gateway.client()
    await client.send(request("GET", path, GOOD))
    while (await upstream.next()).path != path:
        pass
    return client


def cut_count(gateway: RunningGateway, kind: str) -> float | None:
    """Return how many were counted as cut; nobody can scrape any more."""
    registry = gateway.gateway._metrics.registry
    return registry.get_sample_value("tentaculo_exchanges_cut_total", {"kind": kind})


# Streams and calls.


async def test_streams_end_and_calls_finish(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """All streams end well for the named reason; a call goes on, and as long the gateway is not ready."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES, extra=SHORT))
    streams = [await open_stream(gateway, "/sse/open") for _ in range(50)]
    for stream in streams:
        assert (await stream.head()).status == 200
    call, port = await begin(gateway, upstream, "/slow-head"), gateway.port
    stopping = asyncio.ensure_future(gateway.gateway.stop())
    for stream in streams:
        assert await stream.until(b"0\r\n\r\n")
    await gateway.logs.wait_for("stream.ended", count=50)
    assert {event["end_reason"] for event in gateway.logs.named("stream.ended")} == {"draining"}
    assert (await gateway.admin("/ready")).status == 503
    assert (await gateway.admin("/live")).status == 200
    assert await gateway.metric(r'.*streams_ended_total\{reason="draining",route="open"') == 50
    with pytest.raises(ConnectionError):
        await RawClient.connect("127.0.0.1", port)
    assert not stopping.done()
    upstream.gates.open("head")
    assert (await call.reply()).status == 200
    assert await soon(stopping)
    (stopped,) = gateway.logs.named("gateway.stopped")
    assert (stopped["streams_ended"], stopped["exchanges_cut"]) == (50, 0)
    assert stopped["seconds"] >= 0.25
    assert (cut_count(gateway, "call"), cut_count(gateway, "stream")) == (0, 0)


async def test_connections_are_good_for_one_more(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Calls are answered while it drains, streams open to be ended, and the connections close."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES, extra=LONG))
    idle, calling = await gateway.client(), await gateway.client()
    waiting = await begin(gateway, upstream, "/late-sse")
    stopping = asyncio.ensure_future(gateway.gateway.stop())
    assert (await gateway.admin("/ready")).status == 503
    await idle.send(request("GET", "/sse/open", GOOD))
    await calling.send(request("GET", "/echo", GOOD))
    head, reply = await idle.head(), await calling.reply()
    assert (head.status, head.value("Connection")) == (200, "close")
    assert (reply.status, reply.head.value("Connection")) == (200, "close")
    upstream.gates.open("head")
    assert (await waiting.head()).value("Connection") == "close"
    await gateway.logs.wait_for("stream.ended", count=2)
    assert {event["end_reason"] for event in gateway.logs.named("stream.ended")} == {"draining"}
    assert await soon(stopping)


async def test_connections_of_a_proxy_stay_until_they_are_used(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Nothing is open, but a call may be on its way into one; those of anybody else close at once."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES, extra=PROXIED))
    kept = await gateway.client()
    await kept.send(request("GET", "/echo", GOOD))
    assert (await kept.reply()).head.value("Connection") is None
    stopping = asyncio.ensure_future(gateway.gateway.stop())
    listening = gateway.gateway._listening
    assert listening is not None
    await eventually(lambda: not listening.is_open)
    assert not stopping.done()
    await kept.send(request("POST", "/echo", GOOD, b"sent as it stops"))
    reply = await kept.reply()
    assert (reply.status, reply.head.value("Connection")) == (200, "close")
    assert await soon(stopping)


async def test_proxy_that_was_not_told_may_call_behind_a_stream(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The head of its stream went out before the drain: its connection is good for one more call."""
    gateway = await start_gateway(
        configuration(upstream.port, routes=ROUTES, extra=SHORT + PROXIED.partition("\n")[2])
    )
    stream = await open_stream(gateway, "/sse/open")
    assert (await stream.head()).value("Connection") is None
    relay = gateway.gateway._relay
    assert relay is not None
    relay.drain()
    relay.streams.all_open()[0].end_stream("draining")
    assert await stream.until(b"0\r\n\r\n")
    await stream.send(request("POST", "/echo", GOOD, b"sent as it stops"))
    reply = await stream.reply()
    assert (reply.status, reply.head.value("Connection")) == (200, "close")


async def test_streams_that_come_after_the_last_wave_do_not_open(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Nobody would end them; their clients are to come again."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES, extra=SHORT))
    waiting = await begin(gateway, upstream, "/late-sse")
    stopping = asyncio.ensure_future(gateway.gateway.stop())
    relay = gateway.gateway._relay
    assert relay is not None
    await eventually(lambda: relay.streams.closed)
    upstream.gates.open("head")
    refusal = await waiting.reply()
    assert (refusal.status, told(refusal)["code"]) == (503, "draining")
    assert refusal.head.value("Connection") == "close"
    assert await soon(stopping)


async def test_stuck_calls_are_cut_at_the_cap(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """They are told, their upstreams let go, and it is counted what was cut."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES, extra=CAPPED))
    stream = await open_stream(gateway, "/sse/open")
    await stream.head()
    unanswered = await begin(gateway, upstream, "/slow-head")
    half = await begin(gateway, upstream, "/slow-body")
    await half.until(b"hello")
    assert not await soon(gateway.gateway.stop())
    assert await stream.until(b"0\r\n\r\n")
    reply = await unanswered.reply()
    assert (reply.status, told(reply)["code"]) == (503, "draining")
    assert await half.rest() == b""
    for exchange in upstream.exchanges:
        await exchange.gone()
    (stopped,) = gateway.logs.named("gateway.stopped")
    assert (stopped["streams_ended"], stopped["exchanges_cut"]) == (1, 2)
    assert stopped["seconds"] >= 0.3
    assert (cut_count(gateway, "call"), cut_count(gateway, "stream")) == (2, 0)


# The process.


@SIGNALS
async def test_signal_drains_the_process(
    number: signal.Signals, start_instance: StartInstance, upstream: ScriptedUpstream
) -> None:
    """Streams end in good order, and all is well."""
    process = await start_instance(configuration(upstream.port, routes=ROUTES, extra=SHORT))
    streams = [await begin(process, upstream, "/sse/open") for _ in range(5)]
    for stream in streams:
        assert (await stream.head()).status == 200
    process.signal(number)
    for stream in streams:
        assert await stream.until(b"0\r\n\r\n")
    assert await process.ended() == 0
    stopped = last_event(process)
    assert (stopped["streams_ended"], stopped["exchanges_cut"]) == (5, 0)


async def test_stuck_call_fails_the_process(
    start_instance: StartInstance, upstream: ScriptedUpstream
) -> None:
    """The exit code tells that something was cut."""
    process = await start_instance(configuration(upstream.port, routes=ROUTES, extra=CAPPED))
    client = await begin(process, upstream, "/slow-head")
    process.signal(signal.SIGTERM)
    assert (await client.reply()).status == 503
    assert await process.ended() == 1
    assert last_event(process)["exchanges_cut"] == 1


@SIGNALS
async def test_second_signal_cuts(
    number: signal.Signals, start_instance: StartInstance, upstream: ScriptedUpstream
) -> None:
    """It waits for nothing then, though there is much time left."""
    process = await start_instance(configuration(upstream.port, routes=ROUTES, extra=LONG))
    client = await begin(process, upstream, "/slow-head")
    process.signal(signal.SIGTERM)
    await drains(process)
    process.signal(number)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (503, "draining")
    assert await process.ended(5) == 1
    assert last_event(process)["exchanges_cut"] == 1


async def drains(process: GatewayProcess) -> None:
    """Wait until the first signal was heard."""
    async with asyncio.timeout(5):
        while (await process.call("/ready", admin=True)).status != 503:
            pass


def last_event(process: GatewayProcess) -> dict[str, Any]:
    """Return the last line of the log, which tells of the end."""
    event: dict[str, Any] = json.loads(process.lines[-1])
    assert event["event"] == "gateway.stopped"
    return event
