"""Upstreams that are killed in the middle of a stream: the client sees a cut, never a clean end."""

from __future__ import annotations

import pytest

from tentaculo.relay.delivery import LAST_CHUNK
from tests.fakes.client import RawClient, request, told
from tests.fakes.messages import Cut
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway
from tests.functional.tokens import BROWSER, issue, stream_route, token_configuration

# The upstream of these paths waits at a gate; the test answers in its place.
ROUTES = """
routes:
  - {name: declared, path: /slow-head/declared, upstream: backend, stream: {retry: 3s}}
  - {name: gathered, path: /slow-head/gathered, upstream: backend, stream: {gather: 1ms}}
  - {name: everything, path: /*, upstream: backend}
"""
GREETING = b"d\r\nretry: 3000\n\n\r\n"
TYPED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = TYPED + b"Transfer-Encoding: chunked\r\n\r\n"
EVENT = b"9\r\ndata: a\n\n\r\n"
# What the upstream sends before it is killed, and the last that its client hears.
PLACES = {
    "behind the head": (CHUNKED, b"\r\n\r\n"),
    "between events": (CHUNKED + EVENT, b"data: a\n\n\r\n"),
    "mid-event": (CHUNKED + EVENT + b"6\r\ndata: \r\n", b"data: \r\n"),
    "mid-chunk": (CHUNKED + b"20\r\ndata: a\n\ndata: b\n\nda", b"data: b\n\nda\r\n"),
    "mid-size": (CHUNKED + EVENT + b"2", b"data: a\n\n\r\n"),
    "mid-end": (CHUNKED + EVENT + b"0\r\n", b"data: a\n\n\r\n"),
    "mid-length": (TYPED + b"Content-Length: 99\r\n\r\ndata: a\n\n", b"data: a\n\n"),
}
KINDS = pytest.mark.parametrize("kind", ["declared", "gathered", "plain"])
METHODS = pytest.mark.parametrize("method", ["GET", "POST"])
DEATHS = pytest.mark.parametrize("reset", [True, False], ids=["reset", "fin"])


@pytest.fixture
async def gateway(start_gateway: StartGateway, upstream: ScriptedUpstream) -> RunningGateway:
    """A gateway whose routes declare streams, or do not."""
    return await start_gateway(configuration(upstream.port, routes=ROUTES))


async def asked(
    gateway: RunningGateway, upstream: ScriptedUpstream, kind: str, method: str = "GET", version: str = "1.1"
) -> tuple[RawClient, Exchange]:
    """Ask for a stream, until the upstream has heard of it."""
    client = await gateway.client()
    body = b"{}" if method == "POST" else b""
    await client.send(request(method, f"/slow-head/{kind}", GOOD, body, version=version))
    return client, await upstream.next()


async def kill(exchange: Exchange, *, reset: bool) -> None:
    """End the upstream's connection, as its system does for a process that was killed."""
    if reset:
        exchange.wire.abort()
    else:
        exchange.wire.writer.close()


async def check_blamed(gateway: RunningGateway) -> None:
    """The stream ended through its upstream, and is counted as that one's fault."""
    event = await gateway.logs.wait_for("stream.ended")
    assert event["end_reason"] == "upstream_error"
    assert await gateway.metric(r'tentaculo_streams_ended_total\{.*reason="upstream_error"') == 1
    assert await gateway.metric(r".*upstream_faults") == 1
    assert await gateway.metric(r".*streams_open\{") == 0


@KINDS
@METHODS
@DEATHS
@pytest.mark.parametrize(("sent", "last"), PLACES.values(), ids=PLACES)
async def test_killed_after_the_head(
    sent: bytes,
    last: bytes,
    reset: bool,
    method: str,
    kind: str,
    gateway: RunningGateway,
    upstream: ScriptedUpstream,
) -> None:
    """Wherever it was, what it had said stands, nothing is added, and the reply stays unfinished."""
    client, exchange = await asked(gateway, upstream, kind, method)
    await exchange.write(sent)
    await client.until(last)
    if kind == "declared" and sent == CHUNKED:
        assert await client.until(GREETING) == GREETING
    await kill(exchange, reset=reset)
    assert await client.rest() == b""
    assert LAST_CHUNK not in client.wire.seen
    await check_blamed(gateway)


@DEATHS
@pytest.mark.parametrize("sent", [CHUNKED + EVENT, CHUNKED + EVENT[:-5]], ids=["between", "mid-event"])
async def test_client_of_http10(
    sent: bytes, reset: bool, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """One that sees the end of a stream by that of its connection sees a reset."""
    client, exchange = await asked(gateway, upstream, "plain", version="1.0")
    await exchange.write(sent)
    await client.until(b"data: ")
    await kill(exchange, reset=reset)
    with pytest.raises(Cut):
        await client.rest()
    assert client.wire.reset
    await check_blamed(gateway)


async def test_stream_that_ends_with_its_connection(
    gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """A close is its end, a reset is not."""
    for reset in (False, True):
        client, exchange = await asked(gateway, upstream, "plain")
        await exchange.write(TYPED + b"\r\ndata: a\n\n")
        await client.until(b"data: a\n\n\r\n")
        await kill(exchange, reset=reset)
        assert (await client.until(LAST_CHUNK) if not reset else await client.rest()) == LAST_CHUNK * (
            not reset
        )
    await gateway.logs.wait_for("stream.ended", count=2)
    reasons = [event["end_reason"] for event in gateway.logs.named("stream.ended")]
    assert reasons == ["upstream_closed", "upstream_error"]


@KINDS
@METHODS
@DEATHS
@pytest.mark.parametrize("sent", [b"", b"HT", TYPED[:-1], TYPED + b"Conte", CHUNKED[:-2], CHUNKED[:-1]])
async def test_killed_before_the_head_is_whole(
    sent: bytes, reset: bool, method: str, kind: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """Then there is an answer: 502, which names no stream that opened."""
    client, exchange = await asked(gateway, upstream, kind, method)
    if sent:
        await exchange.write(sent)
    await kill(exchange, reset=reset)
    reply = await client.reply(method)
    assert reply.status == 502
    expected = {"upstream_protocol_error" if sent else "upstream_unreachable"}
    if reset:  # which may overtake what was sent
        expected.add("upstream_unreachable")
    assert told(reply)["code"] in expected
    event = await gateway.logs.wait_for("request.finished")
    assert event["code"] == told(reply)["code"]
    assert gateway.logs.named("stream.opened") == []
    assert await gateway.metric(r".*upstream_faults") == 1


@DEATHS
async def test_stream_that_a_token_opened(
    reset: bool, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Its client comes back with the same token, to whatever the upstream is by then."""
    route = stream_route().replace("/sse/events", "/slow-head/events")
    gateway = await start_gateway(token_configuration(upstream.port, route))
    issued = await issue(gateway)
    for count in (1, 2):
        client = await gateway.client()
        await client.send(request("GET", issued.target, BROWSER))
        exchange = await upstream.next()
        await exchange.write(CHUNKED + EVENT)
        await client.until(EVENT)
        await kill(exchange, reset=reset)
        assert await client.rest() == b""
        assert (await gateway.logs.wait_for("stream.ended", count=count))["end_reason"] == "upstream_error"
