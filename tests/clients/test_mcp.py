"""The MCP Python SDK: its streamable HTTP client and its own server, with the gateway between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.session import IncomingMessage
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent, ToolListChangedNotification

from tests.clients.conftest import Host
from tests.clients.mcp_server import McpBackend
from tests.clients.routes import url
from tests.fakes.gates import eventually, soon
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import TOKEN

ROUTES = "routes:\n  - {name: mcp, path: /mcp, upstream: backend}\n"
HEADERS = {"X-VX11-Token": TOKEN}
Progress = tuple[float, float | None, str | None]


@pytest.fixture
def server() -> McpBackend:
    """The server's tools and what it saw."""
    return McpBackend()


@pytest.fixture
async def address(host: Host, server: McpBackend, start_gateway: StartGateway) -> str:
    """Where the server is behind the gateway."""
    backend = await host(server)
    return url(await start_gateway(configuration(backend.port, routes=ROUTES)), "/mcp")


@asynccontextmanager
async def session(address: str, **options: Any) -> AsyncIterator[Client]:
    """Connect, say goodbye at the end."""
    async with httpx2.AsyncClient(headers=HEADERS) as http:
        transport = streamable_http_client(address, http_client=http)
        async with Client(transport, **options) as client:
            yield client


def text(result: CallToolResult) -> str:
    """What a tool said."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def check_progress(client: Client, server: McpBackend) -> None:
    """Progress is there while the tool still works, the result afterwards."""
    noted = asyncio.Queue[Progress]()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        noted.put_nowait((progress, total, message))

    working = asyncio.create_task(client.call_tool("work", progress_callback=note))
    assert await soon(noted.get()) == (1, 2, "half")
    assert not working.done()
    server.gates.open("work")
    assert text(await soon(working)) == "done"


async def test_session(address: str, server: McpBackend) -> None:
    """A session has its id on all requests but the first, a stream of its own, and a DELETE at its end."""
    async with session(address, mode="legacy") as client:
        await check_progress(client, server)
        await eventually(lambda: "GET" in server.methods)
    first, *others = server.seen
    assert (first.method, first.fields.get("Mcp-Session-Id")) == ("POST", None)
    (session_id,) = {seen.fields.get("Mcp-Session-Id") for seen in others}
    assert session_id
    assert {seen.method for seen in others} == {"POST", "GET", "DELETE"}
    assert server.methods[-1] == "DELETE"
    assert all("X-VX11-Token" not in seen.fields for seen in server.seen)


async def test_notification(address: str, server: McpBackend) -> None:
    """What the server sends by itself comes on the session's GET stream."""
    messages = asyncio.Queue[object]()

    async def note(message: IncomingMessage) -> None:
        messages.put_nowait(message)

    async with session(address, mode="legacy", message_handler=note) as client:
        await eventually(lambda: "GET" in server.methods)
        assert text(await soon(client.call_tool("announce"))) == "announced"
        assert isinstance(await soon(messages.get()), ToolListChangedNotification)


async def test_resumption(address: str, server: McpBackend) -> None:
    """A result whose stream the server closed early comes on the next one, by the last id."""
    async with session(address, mode="legacy") as client:
        working = asyncio.create_task(client.call_tool("hang_up"))
        await eventually(lambda: any("Last-Event-ID" in seen.fields for seen in server.seen))
        server.gates.open("work")
        assert text(await soon(working)) == "done after all"


async def test_without_session(address: str, server: McpBackend) -> None:
    """The protocol's newer form, in which every request stands for itself, passes as well."""
    async with session(address) as client:
        await check_progress(client, server)
    assert set(server.methods) == {"POST"}
    assert all("Mcp-Session-Id" not in seen.fields for seen in server.seen)


async def test_cancellation(address: str, server: McpBackend) -> None:
    """In that form a client cancels by leaving, and the server's tool stops."""
    started = asyncio.Event()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        started.set()

    async with session(address) as client:
        working = asyncio.create_task(client.call_tool("work", progress_callback=note))
        await soon(started.wait())
        working.cancel()
        await soon(server.stopped.wait())
