"""Upstreams of shared streams that die: clients stay, lose nothing, get nothing twice, or are told."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tentaculo.relay.last_words import RESYNC
from tests.fakes.behaviours import chunk
from tests.fakes.event_server import EventServer, events
from tests.functional.conftest import StartGateway
from tests.functional.crowd import all_got, disperse, join_crowd
from tests.functional.running import RunningGateway
from tests.relay.shared_parts import shared_configuration, shared_route

CLIENTS = 1000
HALVES = {
    "between events": b"",
    "mid-event": chunk(b"id: 11\ndata: ev"),
    "mid-chunk": b"ffff\r\nid: 11\ndata: event 11",
    "before an event's last byte": chunk(b"id: 11\ndata: event 11\n"),
}


async def reopened(gateway: RunningGateway, server: EventServer) -> None:
    """Start the server again, and wait until the stream goes on."""
    await server.start()
    await gateway.logs.wait_for("shared_stream.reopened", seconds=10)


async def test_thousand_clients(start_gateway: StartGateway, server: EventServer) -> None:
    """They cost one upstream stream; each has every event once, in order, over the upstream's death."""
    gateway = await start_gateway(shared_configuration(server.port, shared_route("replay: {}")))
    crowd = await join_crowd(gateway.port, CLIENTS)
    await all_got(crowd, b"\r\n\r\n")
    await server.emit(100)
    await all_got(crowd, b"data: event 100\n\n")
    (asked,) = await server.requests()
    assert "last-event-id" not in asked.lower()
    assert await gateway.metric("tentaculo_shared_stream_clients.*events") == CLIENTS
    await server.kill()
    await gateway.logs.wait_for("shared_stream.lost")
    server.emitted += 50  # what it would have sent while it is away
    await reopened(gateway, server)
    await all_got(crowd, b"data: event 150\n\n")
    await server.emit(50)
    await all_got(crowd, b"data: event 200\n\n")
    expected = list(range(1, 201))
    assert all(member.numbers == expected for member in crowd)
    assert not any(member.lost.is_set() for member in crowd)
    (asked,) = await server.requests()
    assert "Last-Event-ID: 100\r\n" in asked
    assert len(gateway.logs.named("stream.opened")) == CLIENTS
    assert gateway.logs.named("stream.ended") == []
    disperse(crowd)
    await gateway.logs.wait_for("stream.ended", count=CLIENTS)
    assert {line["events"] for line in gateway.logs.named("stream.ended")} == {200}


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
async def test_killed_in_the_middle(half: bytes, start_gateway: StartGateway, server: EventServer) -> None:
    """Wherever it is cut, an event comes whole and once."""
    gateway = await start_gateway(shared_configuration(server.port))
    crowd = await join_crowd(gateway.port, 3)
    await all_got(crowd, b"\r\n\r\n")
    await server.emit(10)
    await server.tell("raw", f"data={quote(half)}")
    await all_got(crowd, b"data: event 10\n\n")
    await server.kill()
    server.emitted += 2
    await reopened(gateway, server)
    await all_got(crowd, b"data: event 12\n\n")
    assert [member.body for member in crowd] == [events(1, 12)] * 3
    disperse(crowd)


@pytest.mark.parametrize("part", ["HTTP/1.1 200 OK\r\nContent-Ty", ""], ids=["some of it", "none"])
async def test_killed_in_the_head(part: str, start_gateway: StartGateway, server: EventServer) -> None:
    """The first head is what clients wait for: they are told; a later one is asked for again."""
    gateway = await start_gateway(shared_configuration(server.port))
    await server.tell("head", f"data={quote(part)}")
    first = await join_crowd(gateway.port, 2)
    await server.was_asked(1)
    await server.kill()
    await all_got(first, b"HTTP/1.1 502 ")
    await server.start()
    crowd = await join_crowd(gateway.port, 2)
    await all_got(crowd, b"HTTP/1.1 200 OK\r\n")
    await server.emit(1)
    await all_got(crowd, b"data: event 1\n\n")
    await server.tell("head", f"data={quote(part)}")
    await server.tell("raw", "data=no-chunk")
    await server.was_asked(2)
    await server.kill()
    server.emitted += 1
    await reopened(gateway, server)
    await all_got(crowd, b"data: event 2\n\n")
    assert [member.body for member in crowd] == [events(1, 2)] * 2
    disperse([*first, *crowd])


@pytest.mark.parametrize(
    "options", ["", "replay: {}", "replay: {}, assign_ids: true"], ids=["", "replay", "ids"]
)
async def test_upstream_without_ids(
    options: str, start_gateway: StartGateway, anonymous: EventServer
) -> None:
    """What was lost can't be had again: everyone is told, once, and goes on."""
    gateway = await start_gateway(shared_configuration(anonymous.port, shared_route(options)))
    crowd = await join_crowd(gateway.port, 20)
    await all_got(crowd, b"\r\n\r\n")
    await anonymous.emit(3)
    await all_got(crowd, b"data: event 3\n\n")
    await anonymous.kill()
    await reopened(gateway, anonymous)
    await anonymous.emit(2)
    await all_got(crowd, b"data: event 5\n\n")
    for member in crowd:
        before, _, after = member.body.partition(RESYNC)
        assert (before.count(b"data: event"), after.count(b"data: event")) == (3, 2)
        assert member.numbers == [1, 2, 3, 4, 5]
    assert await gateway.metric("tentaculo_stream_resyncs_total.*events") == 20
    disperse(crowd)
