"""What a route may ask of its streams: to beat when idle, to end in silence, to say when to return."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tentaculo.relay.delivery import LAST_CHUNK, chunk
from tentaculo.relay.last_words import BEAT
from tests.fakes.client import RawClient, request
from tests.fakes.gates import eventually
from tests.fakes.messages import Cut
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront, running_fronts
from tests.relay.front import Front, SlowClient
from tests.wire.streams import BOM, read

ROUTES = """
routes:
  - {name: beating, path: /sse/beating, upstream: backend, stream: {heartbeat: 15s}}
  - {name: canned, path: /canned, upstream: backend, stream: {heartbeat: 15s, retry: 2500ms}}
  - {name: half, path: /slow-body, upstream: backend, stream: {heartbeat: 15s, retry: 2500ms}}
  - {name: idle, path: /sse/idle, upstream: backend, stream: {heartbeat: 15s, idle_timeout: 40s}}
  - {name: retrying, path: /sse/retrying, upstream: backend, stream: {heartbeat: 15s, retry: 2500ms}}
  - {name: optionless, path: /sse/optionless, upstream: backend, stream: {}}
  - {name: delegated, path: /sse/delegated, upstream: backend, access: upstream, stream: {}}
  - {name: unbeaten, path: /sse/unbeaten, upstream: backend, access: upstream, stream: {heartbeat: null}}
  - {name: undeclared, path: /sse/undeclared, upstream: backend}
"""
GZIPPED = "?fields=Content-Encoding:%20gzip%0d%0a"
EVENT = b"data: a\n\n"


@pytest.fixture
async def front(caplog: pytest.LogCaptureFixture, upstream: ScriptedUpstream) -> AsyncIterator[Front]:
    """A front with a movable clock, before a scripted upstream."""
    async with running_fronts(caplog) as start:
        yield await started(start, upstream)


async def started(start: StartFront, upstream: ScriptedUpstream) -> Front:
    """Start a front with routes of every kind."""
    return await start(configuration(upstream.port, routes=ROUTES, limits="write_timeout: 10m"))


class Stream:
    """A stream between a client and an upstream that do as they are told."""

    def __init__(self, client: RawClient, exchange: Exchange) -> None:
        self.client = client
        self.exchange = exchange

    async def relays(self, data: bytes, *, framed: bool = True) -> None:
        """Send from the upstream; that, and nothing before it, must come down."""
        self.exchange.upstream.events.put_nowait(data)
        expected = chunk(data) if framed else data
        assert await self.client.until(expected) == expected

    async def beats(self, *, framed: bool = True) -> None:
        """A heartbeat, and nothing before it, must come down."""
        expected = chunk(BEAT) if framed else BEAT
        assert await self.client.until(expected) == expected


async def opened(front: Front, upstream: ScriptedUpstream, target: str, version: str = "1.1") -> Stream:
    """Open a stream."""
    client = await front.client()
    await client.send(request("GET", target, GOOD, version=version))
    assert (await client.head()).status == 200
    return Stream(client, await upstream.next())


# Heartbeats.


@pytest.mark.parametrize(("version", "framed"), [("1.1", True), ("1.0", False)])
@pytest.mark.parametrize("path", ["beating", "beating?framing=close", "delegated"])
async def test_it_beats_only_when_idle(
    path: str, version: str, framed: bool, front: Front, upstream: ScriptedUpstream
) -> None:
    """Each time after so many seconds without a byte of the upstream, from the first on."""
    stream = await opened(front, upstream, f"/sse/{path}", version)
    front.pass_time(15)
    await stream.beats(framed=framed)
    for _ in range(3):
        front.pass_time(14.9)
        await stream.relays(EVENT, framed=framed)
    for _ in range(2):
        front.pass_time(14.9)
        front.pass_time(0.1)
        await stream.beats(framed=framed)


async def test_it_never_beats_within_an_event(front: Front, upstream: ScriptedUpstream) -> None:
    """A beat that is due there waits for the next time the stream is idle between events."""
    stream = await opened(front, upstream, "/sse/beating")
    for piece in (b"id", b": 1", b"\r", b"\nda", b"ta: a\r\n"):
        await stream.relays(piece)
        front.pass_time(40)
    await stream.relays(b"\r\n")
    front.pass_time(15)
    await stream.beats()


async def test_nothing_is_added_behind_the_end(front: Front, upstream: ScriptedUpstream) -> None:
    """The tick may come, or the drain, between the upstream's end and the exchange's own."""
    stream = await opened(front, upstream, "/sse/beating")
    await stream.relays(EVENT)
    (connection,) = front.relay.snapshot.upstreams["backend"].servers[0].pool._all
    front.clock.advance(15)
    connection.data_received(LAST_CHUNK)
    (open_stream,) = front.relay.streams.all_open()
    front.pass_time(15)
    front.end_streams("draining")
    front.pass_time(4 * 3600)
    assert front.relay.streams.all_open() == [open_stream]
    assert (await front.logs.wait_for("stream.ended"))["end_reason"] == "upstream_closed"
    await stream.client.send(request("GET", "/health"))
    assert (await stream.client.until(b"\r\n")) == LAST_CHUNK[:3]
    assert (await stream.client.until(b"\r\n")) == LAST_CHUNK[3:]
    assert (await stream.client.reply()).status == 200


SILENT = ["optionless", "unbeaten", "undeclared", f"beating{GZIPPED}", f"retrying{GZIPPED}"]


@pytest.mark.parametrize("path", SILENT)
async def test_no_beat(path: str, front: Front, upstream: ScriptedUpstream) -> None:
    """Nobody asked for one, or there is no place for it."""
    stream = await opened(front, upstream, f"/sse/{path}")
    front.pass_time(100)
    await stream.relays(EVENT)
    front.pass_time(100)
    await stream.relays(EVENT)


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\n"
JSON = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a":1}\n\n'


@pytest.mark.parametrize("reply", [LENGTH + EVENT, JSON], ids=["stream of a length", "JSON"])
async def test_whole_replies_are_left_alone(reply: bytes, front: Front, upstream: ScriptedUpstream) -> None:
    """Their bytes and lengths stay, and their connections serve on."""
    upstream.canned["/canned"] = reply
    client = await front.client()
    for _ in range(2):
        await client.send(request("GET", "/canned", GOOD))
        answer = await client.reply()
        assert (answer.complete, answer.head.value("Content-Length")) == (True, "9")
        assert reply.endswith(b"\r\n\r\n" + answer.body)


async def test_unfinished_replies_of_a_length_are_left_alone(
    front: Front, upstream: ScriptedUpstream
) -> None:
    """Neither a stream of a length nor another reply gets a beat while it waits for the rest."""
    upstream.canned["/canned"] = LENGTH + EVENT[:4]
    first = await opened(front, upstream, "/canned")
    second = await opened(front, upstream, "/slow-body")
    assert await first.client.until(EVENT[:4]) == EVENT[:4]
    assert await second.client.until(b"hello") == b"hello"
    front.pass_time(100)
    await first.exchange.write(EVENT[4:])
    upstream.gates.open("body")
    assert await first.client.until(b"\n\n") == EVENT[4:]
    assert await second.client.until(b"world") == b"world"


@pytest.mark.parametrize("pieces", [[BOM], [BOM[:1], BOM[1:]], [BOM[:2], BOM[2:]]], ids=len)
async def test_mark_behind_a_beat(pieces: list[bytes], front: Front, upstream: ScriptedUpstream) -> None:
    """An upstream's byte order mark counts at the very beginning only, where a beat has come before it."""
    stream = await opened(front, upstream, "/sse/beating", "1.0")
    front.pass_time(15)
    await stream.beats(framed=False)
    for piece in pieces:
        upstream.events.put_nowait(piece)
    await stream.relays(EVENT, framed=False)


# Slow clients.


async def test_slow_client(front: Front, upstream: ScriptedUpstream, slow_client: SlowClient) -> None:
    """While it takes nothing it gets no beat, and the upstream, which is not read, is not too silent."""
    await slow_client.connect(front)
    await slow_client.send(request("GET", "/sse/idle", GOOD, version="1.0"))
    exchange = await upstream.next()
    events = b"".join(b"data: %d %b\n\n" % (number, b"x" * 60_000) for number in range(40))
    (connection,) = front.listener.connections
    upstream.events.put_nowait(events)
    await eventually(lambda: connection.writing_paused)
    for _ in range(3):
        front.pass_time(41)
    assert front.logs.named("stream.ended") == []
    taken = await slow_client.take(len(events))
    while len(read(taken.partition(b"\r\n\r\n")[2]).events) < 40:
        taken += await slow_client.take(1)
    assert taken.partition(b"\r\n\r\n")[2] == events
    front.pass_time(15)
    assert await slow_client.take(len(BEAT)) == BEAT
    front.pass_time(25)
    await exchange.gone()
    assert (await front.logs.wait_for("stream.ended"))["end_reason"] == "upstream_error"


@pytest.fixture
async def slow_client() -> AsyncIterator[SlowClient]:
    """A client that takes no byte unless told to."""
    client = SlowClient()
    yield client
    client.close()


# The idle timeout.


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_idle_timeout(version: str, front: Front, upstream: ScriptedUpstream) -> None:
    """Only the upstream's own bytes put it off; it ends as a fault, and the client sees a cut."""
    framed = version == "1.1"
    stream = await opened(front, upstream, "/sse/idle", version)
    for _ in range(3):
        front.pass_time(39)
        await stream.beats(framed=framed)
        await stream.relays(b": sign of life\n", framed=framed)
    for _ in range(2):
        front.pass_time(15)
        await stream.beats(framed=framed)
    assert front.logs.named("stream.ended") == []
    front.pass_time(10)
    if framed:
        assert await stream.client.rest() == b""
    else:
        with pytest.raises(Cut):
            await stream.client.rest()
        assert stream.client.wire.reset
    await stream.exchange.gone()
    event = await front.logs.wait_for("stream.ended")
    assert (event["end_reason"], event["code"], event["reason"]) == (
        "upstream_error",
        "upstream_timeout",
        "idle",
    )


async def test_no_idle_timeout(front: Front, upstream: ScriptedUpstream) -> None:
    """Without the option an upstream may be silent for as long as a stream lives."""
    stream = await opened(front, upstream, "/sse/optionless")
    front.pass_time(3 * 3600)
    await stream.relays(EVENT)


# When to come again.


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_retry(version: str, front: Front, upstream: ScriptedUpstream) -> None:
    """It is said before anything else; one of the upstream's own comes later, and counts."""
    stream = await opened(front, upstream, "/sse/retrying", version)
    framed = version == "1.1"
    greeting = b"retry: 2500\n\n"
    expected = chunk(greeting) if framed else greeting
    assert await stream.client.until(expected) == expected
    await stream.relays(b"retry: 7\n\n", framed=framed)
    assert read(greeting + b"retry: 7\n\n").retry == 7
    upstream.events.put_nowait(None)
    assert (await front.logs.wait_for("stream.ended"))["bytes_out"] == len(greeting) + 10


@pytest.mark.parametrize("path", ["optionless", "beating", f"retrying{GZIPPED}"])
async def test_no_retry(path: str, front: Front, upstream: ScriptedUpstream) -> None:
    """An encoded stream, or one that nobody asks to say it, begins with the upstream's first byte."""
    await (await opened(front, upstream, f"/sse/{path}")).relays(EVENT)
