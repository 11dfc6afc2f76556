"""How an exchange ends that did not go well, or was a stream."""

from __future__ import annotations

import pytest

from tentaculo.relay.delivery import LAST_CHUNK, chunk
from tentaculo.relay.last_words import last_event
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually
from tests.fakes.messages import Cut
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.running import GOOD
from tests.relay.front import Front, SlowClient, began

FAULTS = r"tentaculo_upstream_faults_total\{"
WARM = pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])


# After it began.


@WARM
@pytest.mark.parametrize(
    "how",
    ["length", "length&fin", "chunked", "chunked&fin", "close"],
    ids=["length-reset", "length-fin", "chunked-reset", "chunked-fin", "close-reset"],
)
async def test_reply_that_is_cut(how: str, warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """A reply that breaks off is never ended as if it were whole, nor answered twice."""
    sent = request("GET", f"/drop-mid?framing={how}", GOOD)
    client, _ = await began(front, upstream, sent, warm=warm)
    await client.until(b"data: part\n\n")
    upstream.gates.open("drop")
    rest = await client.rest()
    assert b"0\r\n\r\n" not in rest
    assert b"HTTP/1.1" not in rest
    event = await front.last_event(1 + warm)
    assert (event["status"], event["code"]) == (200, "upstream_protocol_error")


@WARM
async def test_reply_that_ends_with_its_connection(
    warm: bool, front: Front, upstream: ScriptedUpstream
) -> None:
    """It is whole when the upstream closes in good order, and the client's connection goes on."""
    sent = request("GET", "/close-delimited", GOOD)
    client, _ = await began(front, upstream, sent * 2, warm=warm)
    for _ in range(2):
        assert (await client.reply()).body == b"until the end"


@WARM
async def test_unframed_reply_that_is_cut(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """A client of HTTP/1.0, which sees the end of a body by that of the connection, sees a reset."""
    sent = request("GET", "/drop-mid?framing=chunked", GOOD, version="1.0")
    client, _ = await began(front, upstream, sent, warm=warm)
    await client.until(b"data: part\n\n")
    upstream.gates.open("drop")
    with pytest.raises(Cut):
        await client.rest()
    assert client.wire.reset


@WARM
async def test_upstream_that_falls_silent(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """Nothing for `idle` in the middle of a body ends it."""
    client, exchange = await began(front, upstream, request("GET", "/slow-body", GOOD), warm=warm)
    await client.until(b"hello")
    front.pass_time(60.1)
    assert await client.rest() == b""
    await exchange.gone()
    assert (await front.last_event(1 + warm))["code"] == "upstream_timeout"


# Clients that leave, or take nothing.


@pytest.mark.parametrize(
    ("sent", "warm"),
    [
        (request("GET", "/slow-head", GOOD), False),
        (request("GET", "/slow-head", GOOD), True),
        (request("POST", "/slow-head", GOOD, b"x"), True),
        (request("GET", "/slow-body", GOOD), True),
        (request("POST", "/sink", [*GOOD, ("Content-Length", "10")]) + b"hello", False),
        (request("POST", "/stall", [*GOOD, ("Content-Length", "10")]) + b"hello", True),
    ],
    ids=["get", "warm-get", "post", "mid-body", "mid-upload", "unread-upload"],
)
@pytest.mark.parametrize("politely", [True, False], ids=["close", "reset"])
async def test_client_that_leaves(
    sent: bytes, warm: bool, politely: bool, front: Front, upstream: ScriptedUpstream
) -> None:
    """The upstream is let go in every phase, nobody is blamed, and nothing is left."""
    client, exchange = await began(front, upstream, sent, warm=warm)
    client.go(politely=politely)
    await eventually(exchange.wire.gone.is_set)
    event = await front.last_event(1 + warm)
    assert event["code"] == "client_gone"
    assert event["status"] == (200 if b"slow-body" in sent else 499)
    assert front.metric(FAULTS) == 0
    upstream.gates.open("stall")


async def test_client_that_is_stuck_already(
    front: Front, upstream: ScriptedUpstream, slow_client: SlowClient
) -> None:
    """A reply to a client that has not taken the last one waits, and comes whole after all."""
    await front.call()
    await slow_client.connect(front)
    size = 200_000
    again = [request("GET", f"/huge?bytes={size}", GOOD) for _ in range(3)]
    await slow_client.send(b"".join(again))
    (connection,) = front.listener.connections
    await eventually(lambda: connection.writing_paused)
    taken = await slow_client.take(3 * size)
    await front.logs.wait_for("request.finished", count=4)
    taken += await slow_client.take(100)
    assert taken.count(b"HTTP/1.1 200 OK") == 3


# Streams.


async def opened(
    front: Front, upstream: ScriptedUpstream, *, warm: bool = False
) -> tuple[RawClient, Exchange]:
    """Open a stream."""
    client, exchange = await began(front, upstream, request("GET", "/sse", GOOD), warm=warm)
    assert (await client.head()).status == 200
    assert len(front.relay.streams) == 1
    return client, exchange


@WARM
async def test_stream_of_an_upstream_that_ends(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """A stream is logged as it opens and as it ends, not as a request."""
    client, _ = await opened(front, upstream, warm=warm)
    upstream.events.put_nowait(b"data: 1\n\n")
    upstream.events.put_nowait(None)
    assert await client.until(b"0\r\n\r\n")
    event = await front.logs.wait_for("stream.ended")
    assert (event["end_reason"], event["bytes_out"], event["events"]) == ("upstream_closed", 9, 1)
    assert len(front.logs.named("stream.opened")) == 1
    assert len(front.logs.named("request.finished")) == warm
    assert len(front.relay.streams) == 0


@WARM
async def test_stream_that_the_gateway_ends(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """It ends in good order, the upstream is let go, and the client's connection serves other calls."""
    client, exchange = await opened(front, upstream, warm=warm)
    front.end_streams("revoked")
    assert await client.until(LAST_CHUNK) == chunk(last_event("revoked", 6.0)) + LAST_CHUNK
    await exchange.gone()
    assert (await front.logs.wait_for("stream.ended"))["end_reason"] == "revoked"
    for _ in range(2):
        await client.send(request("GET", "/echo", GOOD))
        assert (await client.reply()).status == 200


@WARM
async def test_request_behind_a_stream(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """It waits for as long as the stream is open, and is answered then."""
    client, _ = await opened(front, upstream, warm=warm)
    await client.send(request("GET", "/echo", GOOD))
    upstream.events.put_nowait(b"data: 1\n\n")
    await client.until(chunk(b"data: 1\n\n"))
    front.end_streams("deadline")
    await client.until(LAST_CHUNK)
    assert (await client.reply()).status == 200


@WARM
async def test_stream_that_ends_as_the_gateway_stops(
    warm: bool, front: Front, upstream: ScriptedUpstream
) -> None:
    """Its connection closes with it, though its head did not say so."""
    client, _ = await opened(front, upstream, warm=warm)
    front.relay.drain()
    front.end_streams("draining")
    assert await client.rest() == chunk(last_event("draining", 6.0)) + LAST_CHUNK


@WARM
async def test_client_that_is_stuck_as_its_stream_ends(
    warm: bool, front: Front, upstream: ScriptedUpstream, slow_client: SlowClient
) -> None:
    """Its connection is not kept for ever, whatever it was to be used for."""
    if warm:
        await front.call()
    await slow_client.connect(front)
    (connection,) = front.listener.connections
    await slow_client.send(request("GET", "/sse", GOOD))
    upstream.events.put_nowait(b"data: " + b"x" * 400_000)
    await eventually(lambda: connection.writing_paused)
    front.end_streams("revoked")
    await front.logs.wait_for("stream.ended")
    assert front.listener.open_connections == 1
    for _ in range(2):  # what its system took as it stopped was progress
        front.pass_time(60.1)
    await eventually(lambda: front.listener.open_connections == 0)


async def test_stream_of_a_client_that_leaves(front: Front, upstream: ScriptedUpstream) -> None:
    """Its end has a name; ending it again is nothing."""
    client, exchange = await opened(front, upstream)
    client.leave()
    await exchange.gone()
    assert (await front.logs.wait_for("stream.ended"))["end_reason"] == "client_gone"
    front.end_streams("draining")
    assert len(front.logs.named("stream.ended")) == 1


async def test_stream_that_is_over_already(front: Front, upstream: ScriptedUpstream) -> None:
    """Whoever still wants to end it comes too late."""
    client, _ = await opened(front, upstream)
    (stream,) = front.relay.streams._open
    upstream.events.put_nowait(None)
    await client.until(b"0\r\n\r\n")
    await front.logs.wait_for("stream.ended")
    stream.end_stream("draining")
    await client.send(request("GET", "/health"))
    assert (await client.reply()).status == 200
    assert [event["end_reason"] for event in front.logs.named("stream.ended")] == ["upstream_closed"]


@WARM
async def test_stream_too_many(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """Where the last place was taken meanwhile, the reply is refused and its upstream let go."""
    client, _ = await opened(front, upstream, warm=warm)
    second = await front.client()
    upstream.canned["/late"] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
    await second.send(request("GET", "/late", GOOD))
    reply = await second.reply()
    assert (reply.status, told(reply)["code"]) == (503, "too_many_streams")
    upstream.events.put_nowait(None)
    await client.until(b"0\r\n\r\n")
    await front.logs.wait_for("stream.ended")


async def test_errors_of_stream_routes_tell_no_referrer(front: Front) -> None:
    """The URL of a stream may hold a token, which must not go to another site."""
    policies = [(await front.call(target, ())).head.value("Referrer-Policy") for target in ("/sse", "/echo")]
    assert policies == ["no-referrer", None]


# Secrets.


async def test_log_holds_no_credential(front: Front, upstream: ScriptedUpstream) -> None:
    """A credential that stands in the URL too is masked there, before a route is known as after it."""
    secret = "a-credential-of-someone"
    fields = [("X-VX11-Token", secret)]
    for target in (f"/echo?q={secret}", f"/echo;{secret}"):
        assert (await front.call(target, fields)).status in (400, 401)
    assert len(front.logs.named("request.finished")) == 2
    assert secret not in front.logs.text
