"""What exchanges share: ids, counts, the end of all, and answers to what was no request."""

from __future__ import annotations

import asyncio

import pytest

from tentaculo.access.store import Lease
from tentaculo.errors import BadRequest, GatewayError, TooManyConnections
from tentaculo.relay.relay import random_request_id
from tentaculo.wire.forwarded import Peer
from tests.fakes.client import request, told
from tests.fakes.gates import soon
from tests.fakes.messages import Cut, read_reply, source_of
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.editing import EVENTS, OTHER, REST, edited
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import Front, began

OTHER_ROUTES = "routes:\n  - {name: other, path: /other, upstream: backend}\n"
PEER = Peer("192.0.2.7", trusted=False)


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with no limits of note."""
    return await start_front(configuration(upstream.port))


def test_request_ids() -> None:
    """They are 128 bits as hex, and no two are the same."""
    ids = {random_request_id() for _ in range(100)}
    assert len(ids) == 100
    assert {len(one) for one in ids} == {32}
    assert all(int(one, 16) >= 0 for one in ids)


async def test_request_id_is_the_same_everywhere(front: Front) -> None:
    """Client, upstream and log are told one id."""
    front.relay.new_request_id = lambda: "the-id"
    reply = await front.call()
    assert reply.head.values("X-Request-Id") == ["the-id"]
    assert ["X-Request-Id", "the-id"] in told(reply)["headers"]
    assert front.logs.named("request.finished")[-1]["request_id"] == "the-id"


async def test_finished_at_once(front: Front) -> None:
    """Without an exchange there is nothing to wait for."""
    assert await soon(front.relay.finished(60))


async def test_finished_waits_for_the_last(front: Front, upstream: ScriptedUpstream) -> None:
    """It comes back once the last exchange is over, whoever carries it."""
    await front.call()
    clients = [await front.client() for _ in range(2)]
    for client in clients:
        await client.send(request("GET", "/slow-head", GOOD))
    for _ in range(3):
        await upstream.next()
    finished = asyncio.ensure_future(front.relay.finished(60))
    clients[0].leave()
    await front.logs.wait_for("request.finished", count=2)
    assert not finished.done()
    upstream.gates.open("head")
    assert (await clients[1].reply()).status == 200
    assert await soon(finished)
    assert (await front.call()).status == 200, "what comes later is no matter"


async def test_finished_gives_up(front: Front, upstream: ScriptedUpstream) -> None:
    """It says so when time ran out; an exchange that ends later harms nobody."""
    client = await front.client()
    await client.send(request("GET", "/slow-head", GOOD))
    await upstream.next()
    assert not await soon(front.relay.finished(0.01))
    upstream.gates.open("head")
    assert (await client.reply()).status == 200
    assert await soon(front.relay.finished(60))


@pytest.mark.parametrize(
    ("error", "status", "refused"),
    [
        (BadRequest("why"), 400, 0),
        (TooManyConnections("connections", headers=(("Retry-After", "1"),)), 503, 1),
    ],
    ids=["malformed", "too-many"],
)
async def test_unparsed(error: GatewayError, status: int, refused: int, front: Front) -> None:
    """What never was a request is answered, logged and counted without one."""
    reply = await read_reply(source_of(front.relay.unparsed(PEER, error)))
    assert (reply.status, told(reply)["code"]) == (status, error.code)
    assert reply.head.value("Connection") == "close"
    (event,) = front.logs.named("request.finished")
    assert (event["client"], event["code"], event["reason"]) == ("192.0.2.7", error.code, error.reason)
    assert event["request_id"] == told(reply)["request_id"]
    assert front.metric(r"tentaculo_connections_refused_total\{") == refused
    assert front.metric(rf'tentaculo_requests_total\{{.*"{status // 100}xx"') == 1


async def test_snapshot_is_that_of_the_beginning(front: Front, upstream: ScriptedUpstream) -> None:
    """An exchange keeps the snapshot that it began with; the next one takes the new."""
    client = await front.client()
    await client.send(request("GET", "/slow-head", GOOD))
    await upstream.next()
    front.reload(configuration(upstream.port, routes=OTHER_ROUTES))
    upstream.gates.open("head")
    assert (await client.reply()).status == 200
    await client.send(request("GET", "/echo", GOOD))
    assert (await client.reply()).status == 404
    assert [event["route"] for event in front.logs.events if "route" in event] == ["everything"]


async def test_draining_closes_connections(front: Front) -> None:
    """While draining, every reply ends its connection, and the health says no."""
    front.relay.draining = True
    client = await front.client()
    await client.send(request("GET", "/echo", GOOD))
    reply = await client.reply()
    assert (reply.status, reply.head.value("Connection")) == (200, "close")
    assert await client.ended()
    assert (await front.call("/health", ())).status == 503


@pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])
async def test_cutting_before_a_reply(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """Whoever still waits for a reply is told, and the upstream let go."""
    client, exchange = await began(front, upstream, request("GET", "/slow-head", GOOD), warm=warm)
    front.relay.cut_all()
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (503, "draining")
    assert (reply.head.value("Retry-After"), reply.head.value("Connection")) == ("1", "close")
    await exchange.gone()
    assert await client.ended()
    assert await soon(front.relay.finished(60))


@pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])
async def test_cutting_a_reply(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """A reply that has begun is seen as cut."""
    client, exchange = await began(front, upstream, request("GET", "/slow-body", GOOD), warm=warm)
    await client.until(b"hello")
    front.relay.cut_all()
    assert await client.rest() == b""
    await exchange.gone()
    assert (await front.last_event(1 + warm))["code"] == "draining"


async def test_cutting_before_there_is_an_upstream(front: Front, upstream: ScriptedUpstream) -> None:
    """What has not reached its upstream is told, and never does."""
    client = await front.client()
    sent = request("GET", "/echo", GOOD)
    front.relay.new_request_id = lambda: _later(front)
    await client.send(sent)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (503, "draining")
    assert await client.ended()
    assert upstream.exchanges == []


def _later(front: Front) -> str:
    asyncio.get_running_loop().call_soon(front.relay.cut_all)  # comes before there is a connection
    return "id"


async def test_cutting_an_upload(front: Front, upstream: ScriptedUpstream) -> None:
    """Whoever still sends its request is told too."""
    sent = request("POST", "/sink", [*GOOD, ("Content-Length", "1000")]) + b"x"
    client, exchange = await began(front, upstream, sent, warm=False)
    front.relay.cut_all()
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (503, "draining")
    await exchange.gone()
    assert await soon(front.relay.finished(60))


@pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])
async def test_cutting_a_reply_without_framing(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """Where the end of the connection would end the reply, it is reset."""
    sent = request("GET", "/drop-mid?framing=chunked", GOOD, version="1.0")
    client, _ = await began(front, upstream, sent, warm=warm)
    await client.until(b"data: part")
    front.relay.cut_all()
    with pytest.raises(Cut):
        await client.rest()
    assert (await front.last_event(1 + warm))["code"] == "draining"


async def test_cutting_a_stream(front: Front, upstream: ScriptedUpstream) -> None:
    """A stream that opened while the others were ended is logged with that reason."""
    client, _ = await began(front, upstream, request("GET", "/drop-mid?framing=sse", GOOD), warm=True)
    await client.until(b"data: part")
    front.relay.cut_all()
    assert (await front.logs.wait_for("stream.ended"))["end_reason"] == "draining"


async def test_releases_are_waited_for(front: Front) -> None:
    """What the store is to be told at the end of a stream holds up no exchange, and is not forgotten."""
    front.relay.release(Lease(b"d", 1))
    assert "release" not in front.store.taken
    await front.relay.released()
    assert front.store.taken == ["release"]
    await front.relay.released()


async def test_open_streams(front: Front, upstream: ScriptedUpstream) -> None:
    """They are those that are open now, without calls, the oldest first."""
    clients = []
    for target in ("/sse/a", "/slow-body", "/sse/b", "/sse/c"):
        front.clock.advance(1)
        client, _ = await began(front, upstream, request("GET", target, GOOD), warm=False)
        await client.head()
        clients.append(client)
    first, second, third = front.relay.open_streams()
    assert [one.record.started_at - first.record.started_at for one in (second, third)] == [2, 3]
    second.end("revoked")
    assert front.relay.open_streams() == [first, third]
    clients[0].leave()
    await front.logs.wait_for("stream.ended", count=2)
    assert front.relay.open_streams() == [third]


async def test_streams_by_route(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """They count for their route by the name that it has now, whatever has its old one."""
    front = await start_front(edited(upstream.port))
    for target in ("/sse/events", "/sse/other", "/sse/other", "/slow-body"):
        client, _ = await began(front, upstream, request("GET", target, GOOD), warm=False)
        await client.head()
    assert front.relay.streams_by_route() == {"events": 1, "other": 2}
    names = [EVENTS.replace("name: events", "name: other"), OTHER.replace("name: other", "name: feed")]
    front.reload(edited(upstream.port, *names, REST))
    assert front.relay.streams_by_route() == {"other": 1, "feed": 2}
    changed = OTHER.replace("stream: {}", "stream: {heartbeat: 1h}").replace("name: other", "name: feed")
    front.reload(edited(upstream.port, names[0], changed, REST))
    assert front.relay.streams_by_route() == {"other": 1}, "those of a route that is gone are not in"


@pytest.mark.parametrize(
    ("edit", "revoked", "removed"),
    [
        (("", ""), 0, 0),
        (("name: operator-ui", "name: operators"), 1, 1),
        (("name: stream,", "name: renamed,"), 0, 0),
        (("stream: {}", "stream: {heartbeat: 1h}"), 0, 1),
    ],
    ids=["same", "principal", "name", "route"],
)
async def test_streams_after_a_reload(
    edit: tuple[str, str], revoked: int, removed: int, start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Those that may not go on end, first for their principal, then for their route; calls do not."""
    routes = "routes:\n  - {name: all, path: /*, upstream: backend}\n"
    routes += "  - {name: stream, path: /sse, upstream: backend, stream: {}}\n"
    text = configuration(upstream.port, routes=routes)
    front = await start_front(text)
    call, stream = await front.client(), await front.client()
    await call.send(request("GET", "/slow-head", GOOD))
    await stream.send(request("GET", "/sse", GOOD))
    assert (await stream.head()).status == 200
    front.reload(text.replace(*edit))
    front.relay.end_revoked()
    if revoked:
        assert (await front.logs.wait_for("stream.ended"))["end_reason"] == "revoked"
    front.relay.end_removed()
    if removed > revoked:
        assert (await front.logs.wait_for("stream.ended"))["end_reason"] == "route_removed"
    upstream.gates.open("head")
    assert (await call.reply()).status == 200
    assert len(front.logs.named("stream.ended")) == removed
