"""Connections under TLS: slow clients, and ends that can be told from cuts."""

from __future__ import annotations

import pytest

from tentaculo.relay.downstream import DownstreamConnection
from tests.fakes.behaviours import BLOCK
from tests.fakes.client import request
from tests.fakes.gates import eventually
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import GOOD
from tests.relay.conftest import Secure
from tests.relay.front import HEAD, SMALL, Front
from tests.relay.parts import RecordingTransport
from tests.relay.secure_parts import SecureSlowClient, made, outstanding, settle, stuck


@pytest.fixture
def front(secured_front: Front) -> Front:
    """All of this is under TLS."""
    return secured_front


# Ends.


async def test_cut_is_seen_as_one(front: Front, upstream: ScriptedUpstream, secure: Secure) -> None:
    """A cut reply that only its end would frame has no goodbye: the connection is reset."""
    client = await secure()
    await client.send(request("GET", "/drop-mid?framing=close", GOOD, version="1.0"))
    await client.until(b"data: part\n\n")
    upstream.gates.open("drop")
    with pytest.raises(Cut):
        await client.rest()
    assert client.wire.reset


async def test_end_that_frames_a_reply_has_a_goodbye(
    front: Front, upstream: ScriptedUpstream, secure_slow_client: SecureSlowClient
) -> None:
    """A whole reply to HTTP/1.0 ends with a close_notify, so that nobody takes it for a cut one."""
    upstream.canned["/whole"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole"
    await secure_slow_client.connect(front)
    await secure_slow_client.send(request("GET", "/whole?close", GOOD, version="1.0"))
    assert (await secure_slow_client.take(10_000)).endswith(b"\r\n\r\nwhole")
    assert secure_slow_client.said_goodbye


async def test_client_that_says_no_goodbye(front: Front, secure_slow_client: SecureSlowClient) -> None:
    """One that took all and keeps its end open is let go after a second."""
    await secure_slow_client.connect(front)
    await secure_slow_client.send(HEAD + b"Connection: close\r\n\r\n")
    assert (await secure_slow_client.take(10_000)).startswith(b"HTTP/1.1 200 ")
    assert front.listener.open_connections == 1
    front.pass_time(1.1)
    await front.closed()


async def nearly_stuck(
    front: Front, upstream: ScriptedUpstream, client: SecureSlowClient
) -> DownstreamConnection:
    """Stream until the system takes no more, but not so much that the client counts as slow."""
    await client.connect(front)
    (connection,) = await made(front)
    await client.send(request("GET", "/sse", GOOD))
    exchange = await upstream.next()
    while not outstanding(connection) > 3 * SMALL or not connection.transport.get_write_buffer_size():  # type: ignore[union-attr]
        await exchange.write(b"800\r\n%b\r\n" % bytes(2048))
        await settle(connection)
    assert not connection.writing_paused
    return connection


@pytest.mark.parametrize("politely", [True, False], ids=["goodbye", "half-closed"])
async def test_client_that_ends_and_takes_nothing(
    politely: bool,
    front: Front,
    upstream: ScriptedUpstream,
    secure_slow_client: SecureSlowClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is left for it has its time, like everything else; nothing is written behind that."""
    connection = await nearly_stuck(front, upstream, secure_slow_client)
    if politely:
        await secure_slow_client.say_goodbye()
    else:
        secure_slow_client.half_close()
    await settle(connection)
    for seconds in (0.9, 0.2, 19, 2, 20):
        for _ in range(10):
            upstream.events.put_nowait(b"data: 1\n\n")
        await settle(connection)
        front.pass_time(seconds)
    await upstream.exchanges[-1].gone()
    await front.closed()
    assert not caplog.records


@pytest.mark.parametrize("politely", [True, False], ids=["goodbye", "half-closed"])
async def test_client_that_ends_when_it_is_stuck(
    politely: bool, front: Front, upstream: ScriptedUpstream, secure_slow_client: SecureSlowClient
) -> None:
    """The same for one that has counted as slow before."""
    await secure_slow_client.connect(front)
    (connection,) = await made(front)
    await secure_slow_client.send(request("GET", "/huge?bytes=100000000", GOOD))
    await stuck(connection)
    if politely:
        await secure_slow_client.say_goodbye()
    else:
        secure_slow_client.half_close()
    for seconds in (1.1, 20, 20, 20):
        await settle(connection)
        front.pass_time(seconds)
    await upstream.exchanges[-1].gone()
    await front.closed()


async def test_cut_of_a_connection_that_is_lost_already(front: Front, secure: Secure) -> None:
    """Under TLS there is a moment without a socket, before the connection learns of its end."""
    await secure()
    (connection,) = await made(front)
    transport, connection.transport = connection.transport, (lost := RecordingTransport())
    connection.cut()
    assert lost.aborted
    connection.transport = transport


# Clients that take little.


async def test_client_that_takes_nothing(
    front: Front, upstream: ScriptedUpstream, secure_slow_client: SecureSlowClient
) -> None:
    """A client without progress for `write_timeout` is cut, and little is held for it until then."""
    await secure_slow_client.connect(front)
    (connection,) = await made(front)
    await secure_slow_client.send(request("GET", "/huge?bytes=100000000", GOOD))
    await stuck(connection)
    assert outstanding(connection) < 512 * 1024
    front.pass_time(20)
    front.pass_time(20)
    await upstream.exchanges[-1].gone()
    await front.closed()
    event = front.logs.named("request.finished")[-1]
    assert (event["status"], event["code"]) == (200, "slow_client")


async def test_slow_client_that_takes_a_little(
    front: Front, upstream: ScriptedUpstream, secure_slow_client: SecureSlowClient
) -> None:
    """Any progress within `write_timeout` gives a client its time again, and all of the body."""
    await secure_slow_client.connect(front)
    (connection,) = await made(front)
    await secure_slow_client.send(request("GET", "/huge?bytes=2000000", GOOD))
    await stuck(connection)
    front.pass_time(19)
    taken = b""
    for _ in range(8):
        before = outstanding(connection)
        taken += await secure_slow_client.take(20_000)
        await eventually(lambda before=before: outstanding(connection) != before)  # type: ignore[misc]
        await settle(connection)
        front.pass_time(20)
    _, _, body = taken.partition(b"\r\n\r\n")
    body += await secure_slow_client.take(2_000_000 - len(body))
    assert body == (BLOCK * (2_000_000 // len(BLOCK) + 1))[:2_000_000]
    await front.logs.wait_for("request.finished")


async def test_reply_that_is_left_behind(
    front: Front, upstream: ScriptedUpstream, secure_slow_client: SecureSlowClient
) -> None:
    """What is unsent when a connection closes has its time too: with progress it all arrives."""
    await secure_slow_client.connect(front)
    (connection,) = await made(front)
    await secure_slow_client.send(request("GET", "/huge?bytes=60000", [*GOOD, ("Connection", "close")]))
    await front.logs.wait_for("request.finished")
    await settle(connection)
    front.pass_time(1.1)
    taken = b""
    for _ in range(3):
        taken += await secure_slow_client.take(10_000)
        front.pass_time(19)
    taken += await secure_slow_client.take(60_000)
    assert len(taken.partition(b"\r\n\r\n")[2]) == 60_000
    assert secure_slow_client.said_goodbye


async def test_reply_that_is_left_behind_and_not_taken(
    front: Front, upstream: ScriptedUpstream, secure_slow_client: SecureSlowClient
) -> None:
    """Without progress it is cut."""
    await secure_slow_client.connect(front)
    await secure_slow_client.send(request("GET", "/huge?bytes=60000", [*GOOD, ("Connection", "close")]))
    await front.logs.wait_for("request.finished")
    front.pass_time(1.1)
    assert front.listener.open_connections == 1
    front.pass_time(20)
    front.pass_time(20)
    await front.closed()
