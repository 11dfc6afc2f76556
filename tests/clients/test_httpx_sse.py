"""`httpx-sse` on a stream that a header token opens, and on one that an ephemeral token opens."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from httpx_sse import ServerSentEvent, SSEError, aconnect_sse

from tests.clients.routes import EVENTS, TOKEN_EVENTS, url
from tests.fakes.gates import soon
from tests.fakes.sse_server import SseServer
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import TOKEN, RunningGateway

HEADERS = {"X-VX11-Token": TOKEN}


async def data(events: AsyncIterator[ServerSentEvent]) -> ServerSentEvent:
    """The next event that holds data; the server's first one only says when to come back."""
    while not (event := await soon(anext(events))).data:
        pass
    return event


async def check_cut_and_resumed(
    client: httpx.AsyncClient, server: SseServer, target: str, headers: dict[str, str]
) -> None:
    """Read a stream until the upstream cuts it, and then, by its last id, what came meanwhile."""
    async with aconnect_sse(client, "GET", target, headers=dict(headers)) as source:
        first = await server.next()
        events = source.aiter_sse()
        assert (await soon(anext(events))).retry == 50
        server.publish("one", event="news")
        seen = await data(events)
        assert (seen.event, seen.data, seen.id) == ("news", "one", "1")
        server.drop(first)
        with pytest.raises(httpx.RemoteProtocolError):
            await soon(anext(events))
    server.publish("two\nlines")
    again = {**headers, "Last-Event-ID": seen.id}
    async with aconnect_sse(client, "GET", target, headers=again) as source:
        stream = await server.next()
        seen = await data(source.aiter_sse())
        assert (seen.event, seen.data, seen.id) == ("message", "two\nlines", "2")
    await soon(stream.gone.wait())
    assert [stream.last_event_id for stream in server.streams] == [None, "1"]


async def test_header_token(start_gateway: StartGateway, sse_server: SseServer) -> None:
    """Events come with type, id and retry; a cut is seen as one, and the last id leads on."""
    gateway = await start_gateway(configuration(sse_server.port, routes=EVENTS))
    async with httpx.AsyncClient(base_url=url(gateway)) as client:
        await check_cut_and_resumed(client, sse_server, "/events", HEADERS)
    assert all(stream.head.value("X-VX11-Token") is None for stream in sse_server.streams)


async def test_ephemeral_token(start_gateway: StartGateway, sse_server: SseServer) -> None:
    """The same with a token in the URL, which opens the stream again for the client that it is bound to."""
    gateway = await start_gateway(configuration(sse_server.port, routes=TOKEN_EVENTS))
    async with httpx.AsyncClient(base_url=url(gateway)) as client:
        told = (await client.post("/tokens/events", headers=HEADERS)).json()
        target = f"{told['endpoint']}?token={told['sse_token']}"
        await check_cut_and_resumed(client, sse_server, target, {})
    assert [stream.query for stream in sse_server.streams] == ["", ""]
    assert told["sse_token"] not in gateway.logs.text


async def refused(gateway: RunningGateway, target: str) -> int:
    """Open a stream that does not open; the status."""
    async with httpx.AsyncClient() as client, aconnect_sse(client, "GET", url(gateway, target)) as source:
        with pytest.raises(SSEError, match="application/problem"):
            await anext(source.aiter_sse())
        return source.response.status_code


@pytest.mark.parametrize(
    ("routes", "target"), [(EVENTS, "/events"), (TOKEN_EVENTS, "/events?token=none")], ids=["header", "query"]
)
async def test_refusal(routes: str, target: str, start_gateway: StartGateway, sse_server: SseServer) -> None:
    """A client without a good token sees the status and is told by the content type."""
    gateway = await start_gateway(configuration(sse_server.port, routes=routes))
    assert await refused(gateway, target) == 401
    assert sse_server.streams == []
