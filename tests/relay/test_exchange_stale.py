"""Idle upstream connections that end as a request is sent on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import soon
from tests.fakes.sockets import Wire
from tests.functional.configuration import configuration
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.upstream.fakes import REPLY, ManualServer, reset

FAULTS = r"tentaculo_upstream_faults_total\{"


@pytest.fixture
async def server() -> AsyncIterator[ManualServer]:
    """An upstream whose bytes the test writes."""
    manual = ManualServer()
    await manual.start()
    yield manual
    await manual.stop()


@pytest.fixture
async def before(start_front: StartFront, server: ManualServer) -> Front:
    """A front before that upstream."""
    return await start_front(configuration(server.port))


async def stale(front: Front, server: ManualServer, sent: bytes) -> tuple[RawClient, Wire]:
    """Use an idle upstream connection that ends as the request arrives there."""
    first = await front.client()
    await first.send(request("GET", "/x", GOOD))
    wire = await server.accept()
    await soon(wire.source.until(b"\r\n\r\n"))
    wire.writer.write(REPLY)
    assert (await first.reply()).body == b"hello"
    client = await front.client()
    await client.send(sent)
    await soon(wire.source.until(b"\r\n\r\n"))
    return client, wire


@pytest.mark.parametrize("end", [reset, lambda wire: wire.writer.close()], ids=["reset", "fin"])
@pytest.mark.parametrize(
    "sent",
    [
        request("GET", "/stale", GOOD),
        request("HEAD", "/stale", GOOD),
        request("DELETE", "/stale", GOOD),
        request("PUT", "/stale", GOOD, b"body"),
    ],
    ids=["get", "head", "delete", "whole-put"],
)
async def test_stale_connection_is_replaced(
    sent: bytes, end: Callable[[Wire], None], before: Front, server: ManualServer
) -> None:
    """What may be done twice is sent again, whole, on a new connection."""
    client, wire = await stale(before, server, sent)
    end(wire)
    again = await server.accept()
    assert await soon(again.source.until(b"\r\n\r\n")) in wire.seen
    if b"body" in sent:
        assert await soon(again.source.exactly(4)) == b"body"
    again.writer.write(REPLY)
    reply = await client.reply(sent.partition(b" ")[0].decode())
    assert reply.status == 200
    assert before.metric(FAULTS) == 0
    assert [event["status"] for event in before.logs.named("request.finished")] == [200, 200]


async def test_stale_connection_is_replaced_once(before: Front, server: ManualServer) -> None:
    """A new connection that breaks as well is a fault."""
    client, wire = await stale(before, server, request("GET", "/stale", GOOD))
    reset(wire)
    again = await server.accept()
    await soon(again.source.until(b"\r\n\r\n"))
    reset(again)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (502, "upstream_unreachable")
    assert before.metric(FAULTS) == 1


async def test_others_idle_connections_are_not_tried(before: Front, server: ManualServer) -> None:
    """The second attempt is on a new connection, though another idle one is at hand."""
    others = [await before.client() for _ in range(2)]
    wires = []
    for other in others:
        await other.send(request("GET", "/x", GOOD))
        wires.append(await server.accept())
    for other, wire in zip(others, wires, strict=True):
        await soon(wire.source.until(b"\r\n\r\n"))
        wire.writer.write(REPLY)
        assert (await other.reply()).status == 200
    client = await before.client()
    await client.send(request("GET", "/stale", GOOD))
    await soon(wires[1].source.until(b"\r\n\r\n"))
    reset(wires[1])
    again = await server.accept()
    await soon(again.source.until(b"\r\n\r\n"))
    again.writer.write(REPLY)
    assert (await client.reply()).status == 200


@pytest.mark.parametrize("sent", [b"", b"body"], ids=["at-once", "in-a-task"])
async def test_what_may_not_be_done_twice_is_not(sent: bytes, before: Front, server: ManualServer) -> None:
    """A POST whose connection breaks is a fault, though nothing was answered."""
    client, wire = await stale(before, server, request("POST", "/stale", GOOD, sent))
    reset(wire)
    reply = await client.reply("POST")
    assert (reply.status, told(reply)["code"]) == (502, "upstream_unreachable")


async def test_upload_that_began_is_not_sent_twice(before: Front, server: ManualServer) -> None:
    """Of a body that came in pieces the first ones are gone."""
    sent = request("PUT", "/stale", [*GOOD, ("Content-Length", "10")]) + b"hello"
    client, wire = await stale(before, server, sent)
    await soon(wire.source.exactly(5))
    reset(wire)
    assert (await client.reply("PUT")).status == 502


async def test_reply_that_began_is_not_asked_for_again(before: Front, server: ManualServer) -> None:
    """A byte of a reply means that the request was seen."""
    client, wire = await stale(before, server, request("GET", "/stale", GOOD))
    wire.writer.write(b"H")
    await asyncio.sleep(0)
    wire.writer.close()
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (502, "upstream_protocol_error")
