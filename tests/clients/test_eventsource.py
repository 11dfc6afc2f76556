"""npm's `eventsource`, the EventSource of Node programs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients.conftest import StartNode
from tests.clients.node import NodeProcess
from tests.clients.routes import EVENTS, TOKEN_EVENTS, token_events, url
from tests.fakes.gates import soon
from tests.fakes.sse_server import SseServer
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import TOKEN, RunningGateway

PROGRAM = "eventsource.mjs"
OPEN = {"open": True}


async def issue(gateway: RunningGateway) -> str:
    """Ask for an ephemeral token."""
    reply = await gateway.call("/tokens/events", method="POST")
    return str(json.loads(reply.body)["sse_token"])


def event(type_: str, data: str, number: str) -> dict[str, Any]:
    """What the program says of an event."""
    return {"type": type_, "data": data, "id": number}


async def check_resumed(program: NodeProcess, server: SseServer) -> None:
    """Hear named events, lose the stream, and hear what came meanwhile on the next."""
    first = await server.next()
    assert await program.said() == OPEN
    server.publish("one", event="news")
    assert await program.said() == event("news", "one", "1")
    server.drop(first)
    assert await program.said() == {"error": None, "closed": False}
    server.publish("two")
    second = await server.next()
    assert second.last_event_id == "1"
    assert await program.said() == OPEN
    assert await program.said() == event("message", "two", "2")
    await program.close()
    await soon(second.gone.wait())


@pytest.mark.parametrize("carry", ["query", "header"])
async def test_ephemeral_token(
    carry: str, start_gateway: StartGateway, sse_server: SseServer, start_node: StartNode
) -> None:
    """The token opens the stream and opens it again, from the URL or from a header that `fetch` adds."""
    gateway = await start_gateway(configuration(sse_server.port, routes=token_events(f"carry: {carry}")))
    token = await issue(gateway)
    query, headers = (f"?token={token}", {}) if carry == "query" else ("", {"X-VX11-Token": token})
    program = await start_node(
        PROGRAM, url=url(gateway, f"/events{query}"), headers=headers, types=["message", "news"]
    )
    await check_resumed(program, sse_server)
    assert all(token.encode() not in stream.head.raw for stream in sse_server.streams)


async def test_header_token(
    start_gateway: StartGateway, sse_server: SseServer, start_node: StartNode
) -> None:
    """The same with a principal token, on a route that any method may use."""
    gateway = await start_gateway(configuration(sse_server.port, routes=EVENTS))
    headers = {"X-VX11-Token": TOKEN}
    program = await start_node(
        PROGRAM, url=url(gateway, "/events"), headers=headers, types=["message", "news"]
    )
    await check_resumed(program, sse_server)


async def test_no_content(
    start_gateway: StartGateway, upstream: ScriptedUpstream, start_node: StartNode
) -> None:
    """The upstream's 204 reaches the client, which then comes no more."""
    upstream.canned["/events"] = b"HTTP/1.1 204 No Content\r\n\r\n"
    gateway = await start_gateway(configuration(upstream.port, routes=TOKEN_EVENTS))
    target = f"/events?token={await issue(gateway)}"
    program = await start_node(PROGRAM, url=url(gateway, target), headers={})
    assert await program.said() == {"error": 204, "closed": True}
    await program.close()
    assert len(upstream.exchanges) == 1


async def test_unauthorized(
    start_gateway: StartGateway, upstream: ScriptedUpstream, start_node: StartNode
) -> None:
    """A token that opens nothing is an error with its status, and the last one."""
    gateway = await start_gateway(configuration(upstream.port, routes=TOKEN_EVENTS))
    program = await start_node(PROGRAM, url=url(gateway, "/events?token=none"), headers={})
    assert await program.said() == {"error": 401, "closed": True}
    await program.close()
    assert upstream.exchanges == []
