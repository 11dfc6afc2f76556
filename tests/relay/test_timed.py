"""Waiting for a client: heads that do not come, and bytes that are not taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tentaculo.errors import BadRequest
from tentaculo.relay.downstream import DownstreamConnection
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import HEAD, TIMES, Front, connected


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with ten seconds for a head and twenty for a client that takes nothing."""
    return await start_front(configuration(upstream.port, limits=TIMES))


async def heard(front: Front, client: RawClient, data: bytes) -> None:
    """Send bytes that make no whole request, and wait until the gateway has read them."""
    await client.send(data)
    await front.has_read()


# Heads.


async def test_silent_client_is_let_go_without_an_answer(front: Front) -> None:
    """Nothing asked, nothing answered, nothing logged."""
    client = await connected(front)
    front.pass_time(9.9)
    assert front.listener.connections
    front.pass_time(0.2)
    assert await client.rest() == b""
    assert front.logs.lines == []


async def test_head_that_does_not_end(front: Front) -> None:
    """A head has its time from the connection's beginning, however it trickles."""
    client = await connected(front)
    front.pass_time(6)
    await heard(front, client, HEAD)
    front.pass_time(3)
    await heard(front, client, b"X-A: b\r\n")
    front.pass_time(1.1)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (408, "request_timeout")
    assert reply.head.value("Connection") == "close"
    assert await client.ended()
    event = await front.logs.wait_for("request.finished", count=3)
    assert (event["code"], event["reason"]) == ("request_timeout", "head")


async def test_each_head_has_its_own_time(front: Front) -> None:
    """The time of the next head begins with its first byte; between heads only keep-alive counts."""
    client = await connected(front)
    front.pass_time(9)
    await client.send(HEAD + b"\r\n")
    assert (await client.reply()).status == 200
    front.pass_time(1000)
    await heard(front, client, HEAD)
    front.pass_time(9)
    await client.send(b"\r\n")
    assert (await client.reply()).status == 200
    await heard(front, client, HEAD)
    front.pass_time(10)
    assert (await client.reply()).status == 408


async def test_exchange_in_hand_has_no_time_for_its_head(front: Front, upstream: ScriptedUpstream) -> None:
    """A head that came is not timed any more."""
    client = await connected(front)
    await client.send(request("GET", "/slow-head", GOOD))
    await upstream.next()
    front.pass_time(20)  # less than the upstream may take
    upstream.gates.open("head")
    assert (await client.reply()).status == 200


async def test_head_behind_an_exchange_in_hand_need_not_hurry(
    front: Front, upstream: ScriptedUpstream
) -> None:
    """The next head has its time once there is nothing else to wait for."""
    client = await connected(front)
    await client.send(request("GET", "/slow-head", GOOD))
    await upstream.next()
    await heard(front, client, HEAD)
    front.pass_time(11)
    front.pass_time(11)
    upstream.gates.open("head")
    assert (await client.reply()).status == 200
    front.pass_time(11)
    assert (await client.reply()).status == 408


# Refused connections.


async def test_refused_connection_is_told_when_it_asks(front: Front) -> None:
    """A connection too many is answered by 503 to its first bytes, whole or not, and closed."""
    for count in (1, 2, 3):
        await connected(front, count)
    client = await connected(front, 4)
    await client.send(b"G")
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (503, "too_many_connections")
    assert (reply.head.value("Retry-After"), reply.head.value("Connection")) == ("1", "close")
    await client.send(HEAD + b"\r\n")
    assert await client.ended()


async def test_silent_refused_connection_does_not_last(front: Front) -> None:
    """One that asks nothing is closed after a second, without an answer."""
    for count in (1, 2, 3):
        await connected(front, count)
    client = await connected(front, 4)
    front.pass_time(1.1)
    assert await client.rest() == b""
    await eventually(lambda: front.listener.open_connections == 3)


@pytest.mark.parametrize("politely", [True, False], ids=["closed", "left"])
async def test_connection_that_is_gone(politely: bool, front: Front) -> None:
    """Whatever is still asked of a connection that is gone does nothing."""
    client = await connected(front)
    (connection,) = front.listener.connections
    assert isinstance(connection, DownstreamConnection)
    if politely:
        await client.send(HEAD + b"Connection: close\r\n\r\n")
        assert (await client.reply()).status == 200
    client.leave()
    await front.closed()
    logged = len(front.logs.lines)
    connection.cut()
    connection.refuse(BadRequest("too late"))
    connection.pause_writing()
    front.pass_time(1000)
    connection.resume_writing()
    connection.watch_close()
    connection.pause_writing()
    front.pass_time(1000)
    assert len(front.logs.lines) == logged


# What waits for the end of the turn.

ENDINGS: dict[str, Callable[[DownstreamConnection], None]] = {
    "closed": lambda connection: connection.force_close(),
    "client's end": lambda connection: connection.eof_received(),
    "refused": lambda connection: connection.refuse(BadRequest("late")),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
async def test_what_waits_is_written_before_an_end(
    end: Callable[[DownstreamConnection], None], front: Front
) -> None:
    """A reply that waits for the turn's end is not lost, and comes before what is written at once."""
    client = await connected(front)
    (connection,) = front.listener.connections
    assert isinstance(connection, DownstreamConnection)
    assert connection.transport is not None
    front.listener.outbox.post(connection.transport, b"reply")
    end(connection)
    connection.force_close()
    assert (await client.rest()).startswith(b"reply")
