"""What the SSE server of others does, as a plain client sees it."""

from __future__ import annotations

import threading

import pytest

from tests.browser.conftest import StartSseServer
from tests.fakes.client import Fields, RawClient, request
from tests.fakes.gates import eventually, soon
from tests.fakes.messages import Cut
from tests.fakes.sse_server import SseServer


async def ask(server: SseServer, fields: Fields = (), target: str = "/events") -> RawClient:
    """Ask for the stream."""
    client = await RawClient.connect("127.0.0.1", server.port)
    await client.send(request("GET", target, fields))
    return client


async def test_events_are_numbered(sse_server: SseServer) -> None:
    """A client gets what is published while it is there, with ids, types and the time to reconnect after."""
    sse_server.publish("before")
    client = await ask(sse_server)
    stream = await sse_server.next()
    assert sse_server.publish("two") == "2"
    sse_server.publish("three", event="news")
    sse_server.end(stream)
    reply = await client.reply()
    assert reply.complete
    assert reply.head.value("Content-Type") == "text/event-stream; charset=utf-8"
    welcome, *events = reply.body.decode().strip().split("\r\n\r\n")
    assert "retry: 50" in welcome
    assert events == ["id: 2\r\ndata: two", "id: 3\r\nevent: news\r\ndata: three"]
    await client.aclose()


async def test_last_event_id_is_honoured(sse_server: SseServer) -> None:
    """A client that comes back gets all that it missed, and no more."""
    for number in range(1, 5):
        sse_server.publish(f"event {number}")
    client = await ask(sse_server, [("Last-Event-ID", "2")])
    sse_server.end(await sse_server.next())
    body = (await client.reply()).body.decode()
    assert [line for line in body.splitlines() if line.startswith("id")] == ["id: 3", "id: 4"]
    await client.aclose()


async def test_request_is_seen(sse_server: SseServer) -> None:
    """A stream tells the headers and the query that the server got, bytes and repetitions kept."""
    client = await ask(sse_server, [("X-One", "a"), ("X-One", "b\xff")], "/events?token=secret%20a&b")
    stream = await sse_server.next()
    assert stream.head.values("X-One") == ["a", "b\xff"]
    assert stream.query == "token=secret%20a&b"
    assert stream.head.start == "GET /events?token=secret%20a&b HTTP/1.1"
    assert b"secret" in stream.head.raw
    assert stream.last_event_id is None
    client.leave()


async def test_dropped_stream_is_cut(sse_server: SseServer) -> None:
    """A dropped connection is reset without the body's end; other streams go on."""
    first, second = await ask(sse_server), await ask(sse_server)
    await sse_server.next()
    await sse_server.next()
    assert len(sse_server.open) == sse_server.connections == 2
    peer = first.wire.writer.get_extra_info("sockname")
    stream = next(stream for stream in sse_server.open if stream.peer == peer)
    sse_server.drop(stream)
    with pytest.raises(Cut):
        await first.rest(2)
    assert first.wire.reset
    assert b"\r\n0\r\n\r\n" not in first.wire.seen
    await soon(stream.gone.wait())
    assert len(sse_server.open) == 1
    sse_server.publish("still here")
    await second.until(b"still here\r\n\r\n")
    second.leave()
    await eventually(lambda: not sse_server.connections)
    await soon(sse_server.streams[1].gone.wait())


async def test_stop_leaves_nothing(start_sse_server: StartSseServer) -> None:
    """A stopped server has cut its open streams, listens no more and has no thread."""
    threads = set(threading.enumerate())
    server = SseServer()
    await server.start()
    client = await ask(server)
    await server.next()
    assert {thread.name for thread in set(threading.enumerate()) - threads} == {"SSE server"}
    await server.stop()
    with pytest.raises(Cut):
        await client.rest()
    assert not server.open
    assert "SSE server" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(ConnectionRefusedError):
        await RawClient.connect("127.0.0.1", server.port)
