"""The one upstream stream of many clients: how it is asked for, what it sends, and its first answer."""

from __future__ import annotations

import asyncio

import pytest

from tentaculo.access.principals import Principal
from tentaculo.errors import GatewayError, UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable
from tentaculo.relay.shared_source import BLOCKS_A_TURN, upstream_request
from tentaculo.relay.sharing import Wanted
from tentaculo.upstream.connection import UpstreamConnection
from tentaculo.upstream.reply import ReplyHead
from tentaculo.wire.target import parse_target
from tests.fakes.behaviours import SSE_HEAD, chunk
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.relay.carried import REFUSALS, Carried, reply
from tests.relay.front import Front
from tests.relay.shared_parts import LAST_CHUNK, event, events, plan_in

STREAM = SSE_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


# What the upstream is asked.


def test_request(source_front: Front, upstream: ScriptedUpstream) -> None:
    """It is the gateway's own, with nothing of any client but what the stream varies by."""
    wanted = Wanted(("", "", b"", ""), "", parse_target("/sse?a=b", "a"), b"accept-language: es\r\n", None)
    request = upstream_request(plan_in(source_front, "/sse"), wanted, last_id=b"41", request_id="id-1")
    assert request.split(b"\r\n") == [
        b"GET /sse?a=b HTTP/1.1",
        b"Host: 127.0.0.1:%d" % upstream.port,
        b"Accept: text/event-stream",
        b"accept-language: es",
        b"Last-Event-ID: 41",
        b"X-Backend: the-own-secret",
        b"Accept-Encoding: identity",
        b"Via: 1.1 tentaculo",
        b"X-Request-Id: id-1",
        b"",
        b"",
    ]


def test_request_of_a_stream_that_begins(source_front: Front) -> None:
    """Without an id there is nothing to go on after; a principal is named where the key has it."""
    wanted = Wanted(("", "", b"", ""), "", parse_target("/sse", "a"), b"", Principal("alice"))
    plan = plan_in(source_front, "/sse")
    lines = upstream_request(plan, wanted, last_id=b"", request_id="id-1").split(b"\r\n")
    assert not [line for line in lines if line.startswith(b"Last-Event-ID")]
    assert b"X-Tentaculo-Principal: alice" in lines


# What it sends.


async def test_whole_events_are_handed_on(carried: Carried) -> None:
    """However the bytes come, clients get an event when it is whole."""
    await carried.opened(event(1))
    for byte in events(2, 3):
        carried.upstream.events.put_nowait(bytes([byte]))
    await carried.hears(events(1, 3))
    carried.upstream.events.put_nowait(b"data: unfinished\n")
    carried.upstream.events.put_nowait(b"\n\n" + event(4) + b"data: half")
    await carried.hears(events(1, 3) + b"data: unfinished\n\n" + event(4))
    await carried.cancelled()


def connection_of(carried: Carried) -> UpstreamConnection:
    """Return the connection that the source reads from."""
    assert carried.source._upstream is not None
    return carried.source._upstream


async def test_read_with_many_events(carried: Carried) -> None:
    """Others have their turn before the next one; nothing is lost by that."""
    await carried.opened(event(1))
    connection, most = connection_of(carried), 1 + BLOCKS_A_TURN
    connection.data_received(chunk(events(2, most)))
    assert not connection._reading_paused
    connection.data_received(chunk(events(most + 1, 2 * most)))
    assert connection._reading_paused
    carried.upstream.events.put_nowait(event(2 * most + 1))
    await asyncio.sleep(0)
    assert not connection._reading_paused
    await carried.hears(events(1, 2 * most + 1))
    await carried.cancelled()


async def test_last_read_with_many_events(carried: Carried) -> None:
    """A connection whose reply is over with it is let go of, and whoever has it then decides about it."""
    await carried.opened(event(1))
    connection = connection_of(carried)
    connection.data_received(chunk(events(2, 1000)) + LAST_CHUNK)
    assert not connection._reading_paused
    connection.pause_reading()
    await asyncio.sleep(0)
    assert connection._reading_paused
    assert carried.hearer.body == events(1, 1000)
    connection.resume_reading()
    await carried.cancelled()


async def test_interim_replies_mean_nothing(carried: Carried) -> None:
    """A stream may come behind them."""
    carried.upstream.canned["/sse"] = b"HTTP/1.1 103 Early Hints\r\n\r\n" + STREAM + chunk(event(1))
    await carried.hears(event(1))
    carried.source.interim_received(ReplyHead())
    await carried.cancelled()


async def test_stream_is_told_in_the_log(carried: Carried) -> None:
    """As it opens, is lost, opens again and ends; with what it is, and no secret of its URL."""
    exchange = await carried.opened(event(1))
    exchange.wire.abort()
    await carried.paused()
    carried.goes_on()
    await carried.asked()
    await carried.front.logs.wait_for("shared_stream.reopened")
    carried.source.note_end(UpstreamProtocolError("cut"))
    await carried.cancelled()
    lines = [line for line in carried.front.logs.events if line["event"].startswith("shared_stream.")]
    assert [line["event"].partition(".")[2] for line in lines] == ["opened", "lost", "reopened", "closed"]
    for line in lines:
        assert (line["route"], line["upstream"], line["clients"]) == ("sse", "backend", 1)
        assert line["url"].startswith("/sse?a=b&api_key=")
    assert lines[1]["code"] == lines[3]["code"] == "upstream_protocol_error"
    assert (lines[1]["reason"], lines[1]["level"], lines[0]["level"]) == ("cut", "warning", "info")
    ids = [exchange.head.value("X-Request-Id") for exchange in carried.upstream.exchanges]
    assert [line["request_id"] for line in lines] == [ids[0], ids[0], ids[1], ids[1]]
    assert len(set(ids)) == 2
    assert "secret" not in carried.front.logs.text
    assert carried.front.metric("tentaculo_upstream_faults_total.*upstream_protocol_error") == 1


async def test_stream_that_never_was_is_not_told(carried: Carried) -> None:
    """Its clients' own log lines say what happened."""
    carried.upstream.canned["/sse"] = reply("404 Not Found")
    assert await carried.over() is None
    carried.source.note_end(None)
    assert "shared_stream" not in carried.front.logs.text


# The first answer.


@pytest.mark.parametrize(("answer", "kind"), REFUSALS.values(), ids=REFUSALS)
async def test_what_is_no_stream_at_first(answer: bytes, kind: type[GatewayError], carried: Carried) -> None:
    """It is the fault that all who wait are told; nobody asks again."""
    carried.upstream.canned["/sse"] = answer
    error = await carried.over()
    assert isinstance(error, kind)
    assert not carried.stage.stream.is_open
    assert (carried.pauses, carried.hearer.done) == ([], [])
    await eventually(lambda: carried.stage.plan.upstream.servers[0].pool.open_connections == 0)


async def test_nobody_listens_at_first(carried: Carried) -> None:
    """The same holds where there is no connection."""
    await carried.upstream.stop()
    assert isinstance(await carried.over(), UpstreamUnreachable)


async def test_no_answer_at_first(source_front: Front, upstream: ScriptedUpstream) -> None:
    """An answer has its time."""
    carried = Carried(source_front, upstream, "/late-sse")
    await carried.asked()
    source_front.pass_time(5)
    assert isinstance(await carried.over(), UpstreamTimeout)


@pytest.mark.parametrize("status", ["404 Not Found", "503 Unavailable", "204 No Content"])
async def test_status_goes_to_all_who_wait(status: str, carried: Carried) -> None:
    """Nothing is wrong with that."""
    answer = (
        b"HTTP/1.1 204 No Content\r\n\r\n" if status.startswith("204") else reply(status, body=b"secret page")
    )
    carried.upstream.canned["/sse"] = answer
    assert await carried.over() is None
    assert carried.hearer.head[0] == b"HTTP/1.1 " + status.encode()
    assert carried.hearer.raw == b""
    assert carried.pauses == []
