"""Clients that take what they are sent too slowly, or not at all."""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from contextlib import suppress

import pytest

from tentaculo.relay.downstream import DownstreamConnection
from tests.fakes.client import request
from tests.fakes.gates import eventually
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import HEAD, TIMES, Front, SlowClient, connected


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with ten seconds for a head and twenty for a client that takes nothing."""
    return await start_front(configuration(upstream.port, limits=TIMES))


# Clients that take nothing.


async def stuck(front: Front) -> DownstreamConnection:
    """Wait until nothing moves any more towards the one client."""
    (connection,) = front.listener.connections
    assert isinstance(connection, DownstreamConnection)
    await eventually(lambda: connection.writing_paused or connection.transport is None)
    return connection


def outstanding(connection: DownstreamConnection) -> int:
    """Bytes that the gateway's process and system hold for the client."""
    transport = connection.transport
    assert transport is not None
    descriptor = transport.get_extra_info("socket").fileno()
    queued = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))[0]
    return transport.get_write_buffer_size() + int(queued)


async def settle(connection: DownstreamConnection) -> None:
    """Wait until the system has taken all that it will."""
    before = -1
    while before != (before := outstanding(connection)):  # noqa: ASYNC110 - nothing tells of rest
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])
async def test_client_that_takes_nothing(
    warm: bool, front: Front, upstream: ScriptedUpstream, slow_client: SlowClient
) -> None:
    """A client without progress for `write_timeout` is cut, and the upstream let go."""
    if warm:
        await front.call()
        await front.closed()
    await slow_client.connect(front)
    await slow_client.send(request("GET", "/huge?bytes=100000000", GOOD))
    await settle(await stuck(front))
    front.pass_time(20)
    front.pass_time(20)  # the first look may have seen the last bytes go
    await upstream.exchanges[-1].gone()
    await front.closed()
    event = front.logs.named("request.finished")[-1]
    assert (event["status"], event["code"]) == (200, "slow_client")
    assert front.metric(r".*upstream_faults") == 0


async def test_slow_client_that_takes_a_little(
    front: Front, upstream: ScriptedUpstream, slow_client: SlowClient
) -> None:
    """Any progress within `write_timeout` gives a client its time again, and all of the body."""
    await slow_client.connect(front)
    await slow_client.send(request("GET", "/huge?bytes=2000000", GOOD))
    connection = await stuck(front)
    await settle(connection)
    front.pass_time(19)
    taken = 0
    for _ in range(4):
        before = outstanding(connection)
        taken += len(await slow_client.take(12_000))
        await eventually(lambda before=before: outstanding(connection) < before)  # type: ignore[misc]
        front.pass_time(20)
        assert connection.writing_paused, "all of this is one pause"
    taken += len(await slow_client.take(2_000_000 - taken))
    assert taken == 2_000_000
    await front.logs.wait_for("request.finished")
    assert front.logs.named("request.finished")[-1]["bytes_out"] == 2_000_000


@pytest.mark.parametrize("progress", [True, False])
async def test_reply_that_is_left_behind(
    progress: bool, front: Front, upstream: ScriptedUpstream, slow_client: SlowClient
) -> None:
    """What is unsent when a connection closes has its time too: with progress it all arrives."""
    await slow_client.connect(front)
    body = 60_000  # less than makes a client slow, more than the buffers of the system hold
    await slow_client.send(request("GET", f"/huge?bytes={body}", [*GOOD, ("Connection", "close")]))
    await front.logs.wait_for("request.finished")
    taken = b""
    if progress:
        front.pass_time(19)
        taken = await slow_client.take(20_000)
    front.pass_time(10)
    if not progress:
        front.pass_time(10)
        front.pass_time(20)
        await front.closed()
    try:
        taken += await slow_client.take(body + 1000)
    except ConnectionError:
        assert not progress
    assert (len(taken) > body) is progress


async def test_slow_client_stops_the_upstream_until_it_reads(
    front: Front, upstream: ScriptedUpstream, slow_client: SlowClient
) -> None:
    """A client that reads again gets the rest, and nothing is counted against it."""
    await slow_client.connect(front)
    await slow_client.send(request("GET", "/huge?bytes=1000000", GOOD))
    connection = await stuck(front)
    taken = await slow_client.take(1_000_000)
    await eventually(lambda: not connection.writing_paused)
    front.pass_time(1000)
    await slow_client.send(HEAD + b"Connection: close\r\n\r\n")
    taken += await slow_client.take(1_000_000)
    _, _, rest = taken.partition(b"\r\n\r\n")
    assert rest[1_000_000:].startswith(b"HTTP/1.1 200 OK\r\n")


async def test_slow_client_of_answers_of_the_gateways_own(front: Front, slow_client: SlowClient) -> None:
    """What the gateway itself answered is timed like everything else, and arrives once it is read."""
    await slow_client.connect(front)
    await slow_client.send((HEAD + b"\r\n") * 999 + HEAD + b"Connection: close\r\n\r\n")
    await settle(await stuck(front))
    taken = await slow_client.take(10_000_000)
    assert taken.count(b"HTTP/1.1 200 OK\r\n") == 1000


async def test_head_in_pieces_does_not_help_a_stalled_client(front: Front, slow_client: SlowClient) -> None:
    """Whatever it sends, a client that takes nothing is cut."""
    await slow_client.connect(front)
    await slow_client.send((HEAD + b"\r\n") * 1000)
    connection = await stuck(front)
    await settle(connection)
    for piece in (HEAD, b"\r\n"):
        await slow_client.send(piece)
        await front.has_read()
    for _ in range(3):
        front.pass_time(20)
    await eventually(lambda: connection.transport is None)


async def answered_and_stuck(
    front: Front, upstream: ScriptedUpstream, client: SlowClient
) -> DownstreamConnection:
    """Have a reply written whole that the client does not take, and half a head read behind it."""
    upstream.canned["/big"] = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000)
    await client.connect(front)
    await client.send(request("GET", "/big", GOOD))
    connection = await stuck(front)
    await front.logs.wait_for("request.finished")
    await settle(connection)
    await client.send(HEAD)
    await front.has_read()
    return connection


async def test_head_in_pieces_behind_a_reply_that_is_not_taken(
    front: Front, upstream: ScriptedUpstream, slow_client: SlowClient
) -> None:
    """The same where the gateway is done with what was asked before."""
    connection = await answered_and_stuck(front, upstream, slow_client)
    await slow_client.send(b"\r\n")
    await front.has_read()
    for _ in range(3):
        front.pass_time(20)
    await eventually(lambda: connection.transport is None)


async def test_head_that_began_behind_a_reply_that_is_not_taken(
    front: Front, upstream: ScriptedUpstream, slow_client: SlowClient
) -> None:
    """Its time counts once the client has taken what came before."""
    connection = await answered_and_stuck(front, upstream, slow_client)
    front.pass_time(11)
    taken = await slow_client.take(100_000)
    await eventually(lambda: not connection.writing_paused)
    front.pass_time(0.1)
    taken += await slow_client.take(100_000)
    assert b"HTTP/1.1 408 " in taken[100_000:]


async def test_answers_to_a_stalled_client_are_bounded(front: Front, slow_client: SlowClient) -> None:
    """A client that asks on without taking the answers does not fill the gateway's memory."""
    await slow_client.connect(front)
    with suppress(TimeoutError):  # the gateway may stop reading
        async with asyncio.timeout(1):
            await slow_client.send((HEAD + b"\r\n") * 10_000)
    connection = await stuck(front)
    await settle(connection)
    assert outstanding(connection) < 512 * 1024


# Cutting.


async def test_cut_is_seen_as_one(front: Front, upstream: ScriptedUpstream) -> None:
    """A client that could take a cut reply for a whole one sees its connection reset."""
    client = await connected(front)
    await client.send(request("GET", "/drop-mid?framing=close", GOOD, version="1.0"))
    await client.until(b"data: part\n\n")
    upstream.gates.open("drop")
    with pytest.raises(Cut):
        await client.rest()
    assert client.wire.reset
