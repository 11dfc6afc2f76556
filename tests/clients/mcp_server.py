"""A server of the MCP Python SDK whose one tool tells the test where it stands, and waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp_types import JSONRPCMessage
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes.gates import Gates

RETRY_MS = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the server saw it."""

    method: str
    fields: Headers


class Events(EventStore):
    """Keeps every message of every stream, by numbers that count up; number 0 stands before the first."""

    def __init__(self) -> None:
        self._kept: list[tuple[StreamId, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        """Keep one."""
        self._kept.append((stream_id, message))
        return str(len(self._kept))

    async def replay_events_after(
        self, last_event_id: EventId, send_callback: EventCallback
    ) -> StreamId | None:
        """Send what came later on the same stream."""
        last = int(last_event_id)
        stream = self._kept[last - 1][0]
        for number, (kept_for, message) in enumerate(self._kept[last:], last + 1):
            if kept_for == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


class McpBackend:
    """Its tool `work` reports progress, waits at the gate `work` and answers."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.gates = Gates()
        self.stopped = asyncio.Event()
        server = MCPServer("backend")
        server.add_tool(self._work, name="work")
        server.add_tool(self._hang_up, name="hang_up")
        server.add_tool(self._announce, name="announce")
        self._app: ASGIApp = server.streamable_http_app(event_store=Events(), retry_interval=RETRY_MS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the request and pass it on; the ASGI side of this."""
        if scope["type"] == "http":
            self.seen.append(Seen(scope["method"], Headers(scope=scope)))
        await self._app(scope, receive, send)

    @property
    def methods(self) -> list[str]:
        """The methods so far."""
        return [seen.method for seen in self.seen]

    async def _work(self, context: Context) -> str:
        await context.report_progress(1, 2, "half")
        try:
            await self.gates.passed("work")
        except asyncio.CancelledError:
            self.stopped.set()
            raise
        return "done"

    async def _hang_up(self, context: Context) -> str:
        await context.close_sse_stream()
        await self.gates.passed("work")
        return "done after all"

    async def _announce(self, context: Context) -> str:
        await context.session.send_tool_list_changed()
        return "announced"
