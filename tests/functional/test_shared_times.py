"""What time does to shared streams: beats, ages, a grace after the last client, patience with upstreams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tentaculo.relay.delivery import LAST_CHUNK
from tentaculo.relay.last_words import BEAT, RESYNC
from tests.fakes.behaviours import chunk
from tests.fakes.client import RawClient, request
from tests.fakes.gates import eventually, soon
from tests.fakes.quiet_port import QuietPort
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.running import GOOD
from tests.relay.front import Front, SlowClient
from tests.relay.shared_parts import event, events, plan_in, shared_configuration, shared_route

ROUTES = (
    shared_route(name="sse", path="/sse/*"),
    shared_route("max_age: 1h", name="aging", path="/sse/aging", heartbeat="50m"),
    shared_route("replay: {age: 60s}", name="replay", path="/sse/replay"),
    shared_route(name="beating", path="/sse/beating", heartbeat="10s"),
)
LARGE = 16 * 1024 * 1024
NO_MORE = b"HTTP/1.1 204 Over\r\n\r\n"


@pytest.fixture
async def front(upstream: ScriptedUpstream) -> AsyncIterator[Front]:
    """A gateway's front on a clock that moves when it is told to."""
    front = Front(shared_configuration(upstream.port, *ROUTES))
    await front.start()
    yield front
    await front.aclose()
    assert front.relay.open_exchanges == 0
    await nothing_left(front)


async def nothing_left(front: Front) -> None:
    """Wait until there are no shared streams, nothing of theirs is done, and no upstream is open."""
    pool = plan_in(front, "/sse/a").upstream.servers[0].pool
    await eventually(lambda: len(front.relay.shared) == 0 and pool.open_connections == 0)
    await eventually(lambda: "shared stream" not in {task.get_name() for task in asyncio.all_tasks()})


async def opened(front: Front, path: str = "/sse/a", last_event_id: str = "") -> RawClient:
    """Open a stream."""
    client = await front.client()
    fields = [*GOOD, *([("Last-Event-ID", last_event_id)] if last_event_id else [])]
    await client.send(request("GET", path, fields))
    assert (await client.head()).status == 200
    return client


async def sends(upstream: ScriptedUpstream, data: bytes, *clients: RawClient) -> None:
    """Send something to clients that are open, and wait until they have got it."""
    upstream.events.put_nowait(data)
    for client in clients:
        await client.until(data)


def body(client: RawClient) -> bytes:
    """Return what a client got behind its head, with the frames."""
    return client.wire.seen.partition(b"\r\n\r\n")[2]


async def lost(exchange: Exchange, front: Front, count: int = 1) -> None:
    """Break an upstream stream, and wait until that is known."""
    exchange.wire.abort()
    await front.logs.wait_for("shared_stream.lost", count=count)


async def leave(front: Front, *clients: RawClient) -> None:
    """Have clients go, and wait until the gateway knows."""
    before = front.relay.open_exchanges
    for client in clients:
        client.leave()
    await eventually(lambda: front.relay.open_exchanges == before - len(clients))


# Beats.


async def test_beats_stand_between_events(front: Front, upstream: ScriptedUpstream) -> None:
    """Also where the upstream's bytes end in the middle of one."""
    one, other = await opened(front, "/sse/beating"), await opened(front, "/sse/beating")
    await sends(upstream, event(1), one, other)
    upstream.events.put_nowait(b"id: 2\ndata: ev")
    for _ in range(3):
        front.pass_time(10)
        await one.until(BEAT)
    await sends_rest(upstream, b"ent 2\n\n", event(2), one, other)
    for client in (one, other):
        text = body(client)
        assert text.count(BEAT) == 3
        assert text.index(b"event 1") < text.index(BEAT)
        assert text.rindex(BEAT) < text.index(b"id: 2\ndata: event 2\n\n")


async def sends_rest(upstream: ScriptedUpstream, rest: bytes, whole: bytes, *clients: RawClient) -> None:
    """Send the rest of an event, and wait for all of it."""
    upstream.events.put_nowait(rest)
    for client in clients:
        await client.until(whole)


async def test_beats_while_the_upstream_is_away(front: Front, upstream: ScriptedUpstream) -> None:
    """Clients need not know."""
    client = await opened(front, "/sse/beating")
    await sends(upstream, event(1), client)
    exchange = upstream.exchanges[0]
    upstream.canned["/sse/beating"] = b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n"
    await lost(exchange, front)
    front.pass_time(10)
    await client.until(BEAT)
    front.pass_time(10)
    await client.until(BEAT)
    del upstream.canned["/sse/beating"]
    await front.logs.wait_for("shared_stream.reopened")
    await sends(upstream, event(2), client)


async def test_beat_is_put_off_by_events(front: Front, upstream: ScriptedUpstream) -> None:
    """Nothing is said that need not be."""
    client = await opened(front, "/sse/beating")
    for number in range(1, 4):
        front.pass_time(9)
        await sends(upstream, event(number), client)
    assert BEAT not in client.wire.seen


# The longest life.


async def test_longest_life_is_each_clients_own(front: Front, upstream: ScriptedUpstream) -> None:
    """One that came later goes on, on the same upstream stream."""
    first = await opened(front, "/sse/aging")
    front.pass_time(1800)
    second = await opened(front, "/sse/aging")
    front.pass_time(1800)
    assert b"event: deadline\n" in await first.until(b"0\r\n\r\n")
    await sends(upstream, event(1), second)
    front.pass_time(1800)
    assert b"event: deadline\n" in await second.until(b"0\r\n\r\n")
    assert len(upstream.exchanges) == 1


# The grace.


@pytest.mark.parametrize(("path", "seconds"), [("/sse/a", 5), ("/sse/replay", 60)])
async def test_upstream_is_closed_after_the_grace(
    path: str, seconds: float, front: Front, upstream: ScriptedUpstream
) -> None:
    """A while after the last client left nothing is left, of the upstream, the stream or its clients."""
    clients = [await opened(front, path) for _ in range(3)]
    await leave(front, *clients)
    front.pass_time(seconds - 0.1)
    exchange = upstream.exchanges[0]
    assert len(front.relay.shared) == 1
    assert not exchange.wire.gone.is_set()
    front.pass_time(0.1)
    await exchange.gone()
    await nothing_left(front)
    assert front.metric("tentaculo_shared_stream") == 0
    assert front.metric("tentaculo_streams_open") == 0


async def test_client_that_comes_within_the_grace(front: Front, upstream: ScriptedUpstream) -> None:
    """It joins the stream that there is, and misses nothing where events are kept."""
    client = await opened(front, "/sse/replay")
    await sends(upstream, event(1), client)
    await leave(front, client)
    upstream.events.put_nowait(events(2, 3))
    front.pass_time(59)
    client = await opened(front, "/sse/replay", "1")
    await client.until(events(2, 3))
    front.pass_time(100)
    await sends(upstream, event(4), client)
    assert len(upstream.exchanges) == 1


async def test_client_that_comes_after_the_grace(front: Front, upstream: ScriptedUpstream) -> None:
    """It gets another stream, and is told that it missed something."""
    client = await opened(front, "/sse/replay")
    await sends(upstream, event(1), client)
    await leave(front, client)
    front.pass_time(60)
    await upstream.exchanges[0].gone()
    client = await opened(front, "/sse/replay", "1")
    await client.until(RESYNC)
    await sends(upstream, event(5), client)
    assert [exchange.head.value("Last-Event-ID") for exchange in upstream.exchanges] == [None, None]


# Upstreams that are away.


async def test_upstream_that_is_away_for_too_long(front: Front, upstream: ScriptedUpstream) -> None:
    """After half a minute the clients are cut: none takes it for a good end; who comes then is told."""
    clients = [await opened(front) for _ in range(3)]
    await sends(upstream, event(1), *clients)
    port = upstream.port
    await upstream.stop()
    quiet = QuietPort(port)
    await front.logs.wait_for("shared_stream.lost", count=2)
    front.pass_time(30.1)
    for client in clients:
        await client.ended()
        assert body(client) == chunk(event(1))
    await front.logs.wait_for("stream.ended", count=3)
    assert {line["end_reason"] for line in front.logs.named("stream.ended")} == {"upstream_error"}
    assert (await front.call("/sse/a")).status == 502
    await nothing_left(front)
    await upstream.start(port)
    quiet.close()
    client = await opened(front)
    await sends(upstream, event(2), client)


@pytest.mark.parametrize(("status", "reason"), [(204, "upstream_closed"), (404, "upstream_error")])
async def test_upstream_that_has_no_more(
    status: int, reason: str, front: Front, upstream: ScriptedUpstream
) -> None:
    """When it is asked again and says so, the clients end with that."""
    clients = [await opened(front) for _ in range(3)]
    await sends(upstream, event(1), *clients)
    length = b"" if status == 204 else b"Content-Length: 0\r\n"
    upstream.canned["/sse/a"] = b"HTTP/1.1 %d Over\r\n%b\r\n" % (status, length)
    await lost(upstream.exchanges[0], front)
    for client in clients:
        if status == 204:
            await client.until(LAST_CHUNK)
        else:
            assert LAST_CHUNK not in await client.rest()
    await front.logs.wait_for("stream.ended", count=3)
    assert {line["end_reason"] for line in front.logs.named("stream.ended")} == {reason}
    await nothing_left(front)


@pytest.fixture
async def slow_client(front: Front) -> AsyncIterator[SlowClient]:
    """A client that takes no byte unless told to; it ends before the front does."""
    client = SlowClient()
    yield client
    client.close()


async def lags(front: Front, upstream: ScriptedUpstream, slow_client: SlowClient) -> bytes:
    """Have a slow client lag, and a good one take all; return what the slow one has to get."""
    await slow_client.connect(front)
    (connection,) = front.listener.connections
    await slow_client.send(request("GET", "/sse/a", GOOD, version="1.0"))
    await upstream.next()
    client = await opened(front)
    data = b"".join(event(number, 10_000) for number in range(1, 81))
    upstream.events.put_nowait(data)
    await soon(took(client, len(chunk(data))))
    await eventually(lambda: connection.writing_paused)
    return data


async def refuses(front: Front, upstream: ScriptedUpstream, answer: bytes) -> None:
    """Break the upstream stream, and have the upstream say this when it is asked again."""
    upstream.canned["/sse/a"] = answer
    await lost(upstream.exchanges[0], front)
    await eventually(lambda: len(front.relay.shared) == 0)


async def test_slow_client_gets_all_before_a_good_end(
    front: Front, upstream: ScriptedUpstream, slow_client: SlowClient
) -> None:
    """The others have ended; it takes what it lacks, and then ends as they did."""
    data = await lags(front, upstream, slow_client)
    await refuses(front, upstream, NO_MORE)
    await front.logs.wait_for("stream.ended")
    assert front.relay.open_exchanges == 1
    taken = await slow_client.take(2 * len(data))
    assert taken.partition(b"\r\n\r\n")[2] == data
    await front.logs.wait_for("stream.ended", count=2)
    for line in front.logs.named("stream.ended"):
        assert (line["end_reason"], line["events"], line["bytes_out"]) == ("upstream_closed", 80, len(data))


async def test_stalled_client_is_not_awaited_for_ever(
    front: Front, upstream: ScriptedUpstream, slow_client: SlowClient
) -> None:
    """It has as long as any client that takes nothing."""
    await lags(front, upstream, slow_client)
    await refuses(front, upstream, NO_MORE)
    await front.logs.wait_for("stream.ended")
    front.pass_time(59)
    assert front.relay.open_exchanges == 1
    for _ in range(2):  # what its system took as it stopped was progress
        front.pass_time(60)
    await front.logs.wait_for("stream.ended", count=2)
    reasons = [line["end_reason"] for line in front.logs.named("stream.ended")]
    assert reasons == ["upstream_closed", "slow_client"]


async def test_slow_client_is_cut_at_a_bad_end(
    front: Front, upstream: ScriptedUpstream, slow_client: SlowClient
) -> None:
    """It can come again and go on from where it was."""
    await lags(front, upstream, slow_client)
    await refuses(front, upstream, b"HTTP/1.1 404 Over\r\nContent-Length: 0\r\n\r\n")
    await front.logs.wait_for("stream.ended", count=2)
    assert {line["end_reason"] for line in front.logs.named("stream.ended")} == {"upstream_error"}
    assert front.relay.open_exchanges == 0


async def test_stream_that_ends_well_is_opened_again(front: Front, upstream: ScriptedUpstream) -> None:
    """Clients notice nothing; the upstream is asked once, on the connection that is still good."""
    client = await opened(front)
    await sends(upstream, event(1), client)
    upstream.events.put_nowait(None)
    await front.logs.wait_for("shared_stream.reopened")
    await sends(upstream, event(2), client)
    assert [exchange.head.value("Last-Event-ID") for exchange in upstream.exchanges] == [None, "1"]


async def took(client: RawClient, size: int) -> None:
    """Wait until a client has taken so many bytes."""
    before = client.wire.source.taken
    while client.wire.source.taken < before + size:
        assert await client.wire.source.some()


async def test_event_that_is_too_large(front: Front, upstream: ScriptedUpstream) -> None:
    """It ends the stream for everyone; one that is as large as may be goes through."""
    clients = [await opened(front) for _ in range(2)]
    largest = b"data: " + b"x" * (LARGE - 8) + b"\n\n"
    upstream.events.put_nowait(largest)
    for client in clients:
        await soon(took(client, len(chunk(largest))), 20)
    upstream.events.put_nowait(b"data: " + b"x" * LARGE)
    for client in clients:
        assert await client.ended()
    await front.logs.wait_for("stream.ended", count=2)
    ended = front.logs.named("stream.ended")
    assert {(line["end_reason"], line["reason"]) for line in ended} == {("upstream_error", "event_too_large")}
    await nothing_left(front)
