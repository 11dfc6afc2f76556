"""How streams that the gateway ends say so, when they are too old, and what is counted of them."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tentaculo.relay.delivery import LAST_CHUNK, chunk
from tentaculo.relay.last_words import BEAT, last_event
from tentaculo.relay.open_stream import OpenStream
from tests.fakes.client import RawClient, request
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import GOOD
from tests.relay.conftest import running_fronts
from tests.relay.front import Front
from tests.relay.token_routes import issue, open_stream, token_configuration

ROUTES = """
  - {name: aged, path: /sse/aged, upstream: backend, access: ephemeral-token,
     stream: {max_age: 100s, retry: 10s}, ephemeral_token: {issue_path: /token/aged}}
  - {name: mute, path: /sse/mute, upstream: backend, access: ephemeral-token,
     stream: {max_age: 100s, last_event: false}, ephemeral_token: {issue_path: /token/mute}}
  - {name: plain, path: /sse/plain, upstream: backend, stream: {heartbeat: 15s}}
  - {name: endless, path: /sse/endless, upstream: backend, stream: {max_age: null}}
"""
GREETING = b"retry: 10000\n\n"
GZIPPED = "?fields=Content-Encoding:%20gzip%0d%0a"


@pytest.fixture
async def front(caplog: pytest.LogCaptureFixture, upstream: ScriptedUpstream) -> AsyncIterator[Front]:
    """A front with a movable clock, before a scripted upstream."""
    async with running_fronts(caplog) as start:
        yield await start(token_configuration(upstream, extra=ROUTES))


async def opened(front: Front, upstream: ScriptedUpstream, target: str) -> RawClient:
    """Open a stream with a principal token."""
    client = await front.client()
    await client.send(request("GET", target, GOOD))
    assert (await client.head()).status == 200
    await upstream.next()
    return client


# The last event.


async def _drain(front: Front, upstream: ScriptedUpstream, name: str, token: str) -> None:
    front.end_streams("draining")


async def _revoke(front: Front, upstream: ScriptedUpstream, name: str, token: str) -> None:
    await front.tokens.revoke("operator-ui")


async def _age(front: Front, upstream: ScriptedUpstream, name: str, token: str) -> None:
    front.pass_time(100)


async def _open_again(front: Front, upstream: ScriptedUpstream, name: str, token: str) -> None:
    await open_stream(front, upstream, name, token)


End = Callable[[Front, ScriptedUpstream, str, str], Awaitable[None]]
ENDS = {"draining": _drain, "revoked": _revoke, "deadline": _age, "superseded": _open_again}


@pytest.mark.parametrize(("reason", "end"), ENDS.items(), ids=ENDS)
@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
async def test_last_event(
    spread: float, reason: str, end: End, front: Front, upstream: ScriptedUpstream
) -> None:
    """Its time to come again lies between the route's own and twice that."""
    token = await issue(front, "aged")
    front.relay.spread = lambda: spread
    client, exchange = await open_stream(front, upstream, "aged", token)
    await end(front, upstream, "aged", token)
    words = last_event(reason, 10.0 + 10.0 * spread)
    assert await client.until(LAST_CHUNK) == chunk(GREETING) + chunk(words) + LAST_CHUNK
    await exchange.gone()
    event = await front.logs.wait_for("stream.ended")
    assert (event["end_reason"], event["bytes_out"]) == (reason, len(GREETING) + len(words))


async def test_clients_come_again_at_times_of_their_own(front: Front, upstream: ScriptedUpstream) -> None:
    """No two of many are told the same time, and where the route says none it is three seconds or more."""
    front.relay.spread = random.Random(4).random
    clients = [await opened(front, upstream, "/sse/plain") for _ in range(20)]
    front.end_streams("draining")
    times = []
    for client in clients:
        found = re.search(rb"retry: (\d+)\n", await client.until(LAST_CHUNK))
        assert found is not None
        times.append(int(found.group(1)))
    assert len(set(times)) == 20
    assert all(3000 <= time <= 6000 for time in times)
    assert max(times) - min(times) > 1500


@pytest.mark.parametrize(("reason", "end"), ENDS.items(), ids=ENDS)
@pytest.mark.parametrize(
    ("name", "sent"), [("mute", b""), ("aged", b"data: half an ev")], ids=["off", "mid-event"]
)
async def test_end_without_a_word(
    name: str, sent: bytes, reason: str, end: End, front: Front, upstream: ScriptedUpstream
) -> None:
    """Where the route wants none, or within an event, a stream just ends, in good order."""
    token = await issue(front, name)
    client, _ = await open_stream(front, upstream, name, token)
    if name == "aged":
        await client.until(chunk(GREETING))
    if sent:
        upstream.events.put_nowait(sent)
        await client.until(chunk(sent))
    await end(front, upstream, name, token)
    assert await client.until(LAST_CHUNK) == LAST_CHUNK
    assert (await front.logs.wait_for("stream.ended"))["end_reason"] == reason


async def test_encoded_stream_ends_without_a_word(front: Front, upstream: ScriptedUpstream) -> None:
    """Its client would take the bytes for a part of what is encoded."""
    client = await opened(front, upstream, f"/sse/plain{GZIPPED}")
    front.end_streams("draining")
    assert await client.until(LAST_CHUNK) == LAST_CHUNK


# Age.


async def test_ages_are_spread(front: Front, upstream: ScriptedUpstream) -> None:
    """Streams that opened together end apart, within the last fifth of their greatest age."""
    spread = iter((0.0, 0.5, 1.0))
    front.relay.spread = lambda: next(spread, 0.0)
    clients = [await opened(front, upstream, "/sse/aged") for _ in range(3)]
    front.pass_time(79.9)
    for left, client in ((2, clients[0]), (1, clients[1]), (0, clients[2])):
        assert ends(front) == [None] * (left + 1)
        front.pass_time(0.2)
        assert sorted(ends(front), key=str) == [None] * left + ["deadline"]
        assert await client.until(LAST_CHUNK)
        await front.logs.wait_for("stream.ended", count=3 - left)
        front.pass_time(9.8)


def ends(front: Front) -> list[str | None]:
    """Why each open stream is about to end."""
    return [each.end_reason for each in front.relay.streams.all_open() if isinstance(each, OpenStream)]


async def test_no_greatest_age(front: Front, upstream: ScriptedUpstream) -> None:
    """With null a stream has no end of its own."""
    client = await opened(front, upstream, "/sse/endless")
    front.pass_time(365 * 24 * 3600)
    upstream.events.put_nowait(b"data: a\n\n")
    assert await client.until(b"\n\n\r\n") == chunk(b"data: a\n\n")


# What is counted.


def counted(front: Front, name: str) -> float:
    """A count of the route."""
    return front.metric(rf'tentaculo_stream_{name}\{{route="plain"')


async def test_stream_is_counted_as_it_goes(front: Front, upstream: ScriptedUpstream) -> None:
    """Events, bytes and the wait for the first event, while it is open and at its end; the log too."""
    client = await opened(front, upstream, "/sse/plain")
    upstream.events.put_nowait(b": hello\n\n")
    await client.until(b"hello\n\n")
    front.clock.advance(1.5)
    for number in (1, 2):
        upstream.events.put_nowait(b"data: %d\n\n" % number)
        await client.until(b"data: %d\n\n" % number)
    assert (counted(front, "events_total"), counted(front, "bytes_total")) == (0, 0)
    front.relay.streams.settle()
    assert (counted(front, "events_total"), counted(front, "bytes_total")) == (2, 27)
    assert counted(front, "first_event_seconds_sum") == 1.5
    assert counted(front, "first_event_seconds_count") == 1
    front.pass_time(15)
    upstream.events.put_nowait(b"data: 3\n\n")
    upstream.events.put_nowait(None)
    await client.until(LAST_CHUNK)
    event = await front.logs.wait_for("stream.ended")
    size = 36 + len(BEAT)
    assert (counted(front, "events_total"), counted(front, "bytes_total")) == (3, size)
    assert (event["end_reason"], event["events"], event["bytes_out"]) == ("upstream_closed", 3, size)
    assert event["duration_ms"] == 16_500
    assert counted(front, "duration_seconds_sum") == 16.5
    assert front.metric(r'tentaculo_streams_ended_total\{reason="upstream_closed",route="plain"') == 1


async def test_encoded_stream_is_counted_in_bytes(front: Front, upstream: ScriptedUpstream) -> None:
    """Nothing is known of its events."""
    client = await opened(front, upstream, f"/sse/plain{GZIPPED}")
    upstream.events.put_nowait(b"data: 1\n\n")
    await client.until(b"\n\n")
    client.leave()
    event = await front.logs.wait_for("stream.ended")
    assert (event["events"], event["bytes_out"]) == (0, 9)
    assert (counted(front, "events_total"), counted(front, "bytes_total")) == (0, 9)
    assert counted(front, "first_event_seconds_count") == 0
