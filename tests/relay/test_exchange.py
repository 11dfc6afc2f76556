"""One exchange from its first byte up to its log line: who carries it, how it ends, what is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from tentaculo.relay.plan import RoutePlan
from tentaculo.routing import RouteTable
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually, soon
from tests.fakes.messages import Cut
from tests.fakes.sockets import Wire
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import Front, SlowClient
from tests.upstream.fakes import REPLY, ManualServer, reset

ROUTES = """
routes:
  - {name: everything, path: /*, upstream: backend}
  - {name: stream, path: /sse, upstream: backend, stream: {}}
  - {name: delegated, path: /redirect, upstream: backend, access: upstream, stream: {}}
"""
LIMITS = "streams: 1, body: 1MiB, body_timeout: 200ms"
TIMEOUTS = "connect: 1s, response: 30s, idle: 60s"
CHUNKED = ("Transfer-Encoding", "chunked")
FAULTS = r"tentaculo_upstream_faults_total\{"
WARM = pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front before a scripted upstream."""
    return await start_front(configuration(upstream.port, routes=ROUTES, limits=LIMITS, timeouts=TIMEOUTS))


@pytest.fixture
async def server() -> AsyncIterator[ManualServer]:
    """An upstream whose bytes the test writes."""
    manual = ManualServer()
    await manual.start()
    yield manual
    await manual.stop()


@pytest.fixture
async def before(start_front: StartFront, server: ManualServer) -> Front:
    """A front before that upstream."""
    return await start_front(configuration(server.port))


async def began(
    front: Front, upstream: ScriptedUpstream, sent: bytes, *, warm: bool
) -> tuple[RawClient, Exchange]:
    """Send a request, with an idle upstream connection at hand or without, until it came up."""
    if warm:
        await front.call()
        await upstream.next()
    client = await front.client()
    await client.send(sent)
    return client, await upstream.next()


async def last_event(front: Front, count: int = 1) -> dict[str, object]:
    """The last of so many exchanges, from the log."""
    return await front.logs.wait_for("request.finished", count=count)


# The ordinary way.


@WARM
async def test_reply(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """A reply comes back whole, and is logged and counted once."""
    client, _ = await began(front, upstream, request("GET", "/echo?a=b", GOOD), warm=warm)
    reply = await client.reply()
    assert (reply.status, told(reply)["target"]) == (200, "/echo?a=b")
    event = await last_event(front, 1 + warm)
    assert (event["method"], event["url"], event["status"]) == ("GET", "/echo?a=b", 200)
    assert (event["route"], event["principal"], event["bytes_out"]) == (
        "everything",
        "operator-ui",
        len(reply.body),
    )
    assert len(front.logs.named("request.finished")) == 1 + warm
    assert front.metric(r'tentaculo_requests_total\{.*"everything"') == 1 + warm


async def test_connections_are_used_again(front: Front, upstream: ScriptedUpstream) -> None:
    """One after another they need one upstream connection, whoever carries them."""
    client = await front.client()
    for method, body in (("GET", b""), ("POST", b"x"), ("GET", b""), ("DELETE", b"")):
        await client.send(request(method, "/echo", GOOD, body))
        assert (await client.reply()).status == 200
    assert len(upstream.wires) == 1


@WARM
async def test_upload(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """A body goes up as it comes, and is counted."""
    sent = request("POST", "/sink", [*GOOD, ("Content-Length", "10")]) + b"hello"
    client, exchange = await began(front, upstream, sent, warm=warm)
    await eventually(lambda: exchange.received == 5)
    await client.send(b"world")
    assert (await client.reply("POST")).body == b"10"
    assert (await last_event(front, 1 + warm))["bytes_in"] == 10


@WARM
async def test_unfinished_upload_that_is_answered(
    warm: bool, front: Front, upstream: ScriptedUpstream
) -> None:
    """A reply ends an upload that nobody wants, and the connection with it."""
    sent = request("POST", "/early", [*GOOD, ("Content-Length", "10")]) + b"hello"
    client, _ = await began(front, upstream, sent, warm=warm)
    reply = await client.reply("POST")
    assert (reply.status, reply.head.value("Connection")) == (413, "close")
    assert (await last_event(front, 1 + warm))["bytes_in"] == 5


# The health.


@pytest.mark.parametrize(
    ("method", "draining", "status", "body"),
    [
        ("GET", False, 200, b'{"status":"ok"}'),
        ("HEAD", False, 200, b""),
        ("GET", True, 503, b'{"status":"draining"}'),
        ("POST", False, 405, None),
    ],
)
@pytest.mark.parametrize("sent", [b"", b"x"], ids=["at-once", "in-a-task"])
async def test_health(
    method: str, draining: bool, status: int, body: bytes | None, sent: bytes, front: Front
) -> None:
    """The health needs no credential, and says when the gateway drains."""
    front.relay.draining = draining
    reply = await front.call("/health", (), sent, method=method)
    assert reply.status == status
    assert body is None or (reply.body, reply.head.value("Content-Type")) == (body, "application/json")


# Before the reply began.


@WARM
@pytest.mark.parametrize(
    ("target", "code"), [("/bad-head", "upstream_protocol_error"), ("/redirect", "upstream_redirect")]
)
async def test_reply_that_does_not_begin(
    target: str, code: str, warm: bool, front: Front, upstream: ScriptedUpstream
) -> None:
    """Problem details take the place of a reply that can't be passed on; the client may go on."""
    client, exchange = await began(front, upstream, request("GET", target, GOOD), warm=warm)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (502, code)
    await exchange.gone()
    assert front.metric(rf'{FAULTS}.*"{code}"') == 1
    await client.send(request("GET", "/echo", GOOD))
    assert (await client.reply()).status == 200


@WARM
async def test_upstream_that_takes_too_long(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """No reply within `response` is 504, and the upstream is let go."""
    client, exchange = await began(front, upstream, request("GET", "/slow-head", GOOD), warm=warm)
    front.pass_time(29)
    assert not exchange.wire.gone.is_set()
    front.pass_time(1.1)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (504, "upstream_timeout")
    await exchange.gone()


async def test_upstream_that_is_not_there(front: Front, upstream: ScriptedUpstream) -> None:
    """Without a connection it is 502, and the client may try again."""
    await upstream.stop()
    client = await front.client()
    for method, body in (("GET", b""), ("POST", b"x")):
        await client.send(request(method, "/echo", GOOD, body))
        reply = await client.reply(method)
        assert (reply.status, told(reply)["code"]) == (502, "upstream_unreachable")
    assert front.metric(FAULTS) == 2


@pytest.mark.parametrize(
    ("framing", "body", "status", "code"),
    [
        (("Content-Length", "10"), b"hello", 408, "request_timeout"),
        (CHUNKED, b"5\r\nhello\r\nzz\r\n", 400, "bad_request"),
        (CHUNKED, b"5\r\nhello\r\n100000\r\n" + b"x" * 1048576, 413, "body_too_large"),
    ],
    ids=["slow", "broken", "too-large"],
)
async def test_upload_that_fails(
    framing: tuple[str, str], body: bytes, status: int, code: str, front: Front, upstream: ScriptedUpstream
) -> None:
    """A body that can't be passed on whole is the client's fault; the upstream never sees its end."""
    client = await front.client()
    await client.send(request("POST", "/sink", [*GOOD, framing]) + body[:10])
    exchange = await upstream.next()
    await client.send(body[10:])
    reply = await client.reply("POST")
    assert (reply.status, told(reply)["code"], reply.head.value("Connection")) == (status, code, "close")
    await soon(exchange.finished.wait())
    assert not exchange.complete
    assert front.metric(FAULTS) == 0


async def test_whole_body_that_is_too_large(front: Front, upstream: ScriptedUpstream) -> None:
    """The limit holds for chunks that came with the head too."""
    front.reload(configuration(upstream.port, limits="body: 4"))
    client = await front.client()
    await client.send(
        request("POST", "/sink", [*GOOD, ("Transfer-Encoding", "chunked")]) + b"5\r\nhello\r\n0\r\n\r\n"
    )
    reply = await client.reply("POST")
    assert (reply.status, told(reply)["code"]) == (413, "body_too_large")
    assert upstream.exchanges == []


@WARM
async def test_head_is_refused_without_a_body(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """An answer to HEAD has a length and no body, whoever gives it."""
    if warm:
        await front.call()
    client = await front.client()
    await client.send(request("HEAD", "/bad-head", GOOD) + request("HEAD", "/x") + request("GET", "/health"))
    assert [(await client.reply(method)).status for method in ("HEAD", "HEAD", "GET")] == [502, 401, 200]


class BrokenTable(RouteTable[RoutePlan]):
    """A route table with a bug."""

    def match(self, host: str, path: str, method: str) -> RoutePlan:
        """Fail."""
        raise RuntimeError(path)


@pytest.mark.parametrize("body", [b"", b"x"], ids=["at-once", "in-a-task"])
async def test_fault_of_the_gateways_own(body: bytes, front: Front) -> None:
    """A bug is a 500 that tells nothing, and a log line that tells where."""
    front.relay.snapshot = replace(front.relay.snapshot, table=BrokenTable(()))
    client = await front.client()
    await client.send(request("POST", "/a-bug?token=my-own-secret", GOOD, body))
    reply = await client.reply("POST")
    assert (reply.status, told(reply)["code"]) == (500, "internal_error")
    assert "a-bug" not in reply.body.decode()
    assert (await last_event(front))["reason"] == "RuntimeError"
    (event,) = front.logs.named("exchange.failed")
    assert event["request_id"] == told(reply)["request_id"]
    assert "in match" in event["exception"]
    assert "my-own-secret" not in front.logs.text


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
    event = await last_event(front, 1 + warm)
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
    assert (await last_event(front, 1 + warm))["code"] == "upstream_timeout"


# Stale connections.


async def stale(front: Front, server: ManualServer, sent: bytes) -> tuple[RawClient, Wire]:
    """Use an idle upstream connection that ends as the request arrives there."""
    first = await front.client()
    await first.send(request("GET", "/x", GOOD))
    wire = await server.accept()
    await soon(wire.source.until(b"\r\n\r\n"))
    wire.writer.write(REPLY)
    assert (await first.reply()).body == b"hello"
    client = await front.client()
    await client.send(sent)
    await soon(wire.source.until(b"\r\n\r\n"))
    return client, wire


@pytest.mark.parametrize("end", [reset, lambda wire: wire.writer.close()], ids=["reset", "fin"])
@pytest.mark.parametrize(
    "sent",
    [
        request("GET", "/stale", GOOD),
        request("HEAD", "/stale", GOOD),
        request("DELETE", "/stale", GOOD),
        request("PUT", "/stale", GOOD, b"body"),
    ],
    ids=["get", "head", "delete", "whole-put"],
)
async def test_stale_connection_is_replaced(
    sent: bytes, end: Callable[[Wire], None], before: Front, server: ManualServer
) -> None:
    """What may be done twice is sent again, whole, on a new connection."""
    client, wire = await stale(before, server, sent)
    end(wire)
    again = await server.accept()
    assert await soon(again.source.until(b"\r\n\r\n")) in wire.seen
    if b"body" in sent:
        assert await soon(again.source.exactly(4)) == b"body"
    again.writer.write(REPLY)
    reply = await client.reply(sent.partition(b" ")[0].decode())
    assert reply.status == 200
    assert before.metric(FAULTS) == 0
    assert [event["status"] for event in before.logs.named("request.finished")] == [200, 200]


async def test_stale_connection_is_replaced_once(before: Front, server: ManualServer) -> None:
    """A new connection that breaks as well is a fault."""
    client, wire = await stale(before, server, request("GET", "/stale", GOOD))
    reset(wire)
    again = await server.accept()
    await soon(again.source.until(b"\r\n\r\n"))
    reset(again)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (502, "upstream_unreachable")
    assert before.metric(FAULTS) == 1


async def test_others_idle_connections_are_not_tried(before: Front, server: ManualServer) -> None:
    """The second attempt is on a new connection, though another idle one is at hand."""
    others = [await before.client() for _ in range(2)]
    wires = []
    for other in others:
        await other.send(request("GET", "/x", GOOD))
        wires.append(await server.accept())
    for other, wire in zip(others, wires, strict=True):
        await soon(wire.source.until(b"\r\n\r\n"))
        wire.writer.write(REPLY)
        assert (await other.reply()).status == 200
    client = await before.client()
    await client.send(request("GET", "/stale", GOOD))
    await soon(wires[1].source.until(b"\r\n\r\n"))
    reset(wires[1])
    again = await server.accept()
    await soon(again.source.until(b"\r\n\r\n"))
    again.writer.write(REPLY)
    assert (await client.reply()).status == 200


@pytest.mark.parametrize("sent", [b"", b"body"], ids=["at-once", "in-a-task"])
async def test_what_may_not_be_done_twice_is_not(sent: bytes, before: Front, server: ManualServer) -> None:
    """A POST whose connection breaks is a fault, though nothing was answered."""
    client, wire = await stale(before, server, request("POST", "/stale", GOOD, sent))
    reset(wire)
    reply = await client.reply("POST")
    assert (reply.status, told(reply)["code"]) == (502, "upstream_unreachable")


async def test_upload_that_began_is_not_sent_twice(before: Front, server: ManualServer) -> None:
    """Of a body that came in pieces the first ones are gone."""
    sent = request("PUT", "/stale", [*GOOD, ("Content-Length", "10")]) + b"hello"
    client, wire = await stale(before, server, sent)
    await soon(wire.source.exactly(5))
    reset(wire)
    assert (await client.reply("PUT")).status == 502


async def test_reply_that_began_is_not_asked_for_again(before: Front, server: ManualServer) -> None:
    """A byte of a reply means that the request was seen."""
    client, wire = await stale(before, server, request("GET", "/stale", GOOD))
    wire.writer.write(b"H")
    await asyncio.sleep(0)
    wire.writer.close()
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (502, "upstream_protocol_error")


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
    if politely:
        client.wire.writer.close()
    else:
        client.leave()
    await eventually(exchange.wire.gone.is_set)
    event = await last_event(front, 1 + warm)
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
    assert (event["end_reason"], event["bytes_out"]) == ("upstream_closed", 9)
    assert len(front.logs.named("stream.opened")) == 1
    assert len(front.logs.named("request.finished")) == warm
    assert len(front.relay.streams) == 0


@WARM
async def test_stream_that_the_gateway_ends(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """It ends in good order, and the upstream is let go."""
    client, exchange = await opened(front, upstream, warm=warm)
    front.relay.streams.end_all("draining")
    assert await client.rest() == b"0\r\n\r\n"
    await exchange.gone()
    assert (await front.logs.wait_for("stream.ended"))["end_reason"] == "draining"


async def test_stream_of_a_client_that_leaves(front: Front, upstream: ScriptedUpstream) -> None:
    """Its end has a name; ending it again is nothing."""
    client, exchange = await opened(front, upstream)
    client.leave()
    await exchange.gone()
    assert (await front.logs.wait_for("stream.ended"))["end_reason"] == "client_gone"
    front.relay.streams.end_all("draining")
    assert len(front.logs.named("stream.ended")) == 1


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
