"""Consoles of a relay on sockets of their own, and a viewer that reads what one is told."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from aiohttp import web

from tentaculo.admin.api import AdminApi
from tentaculo.admin.app import build_app
from tentaculo.admin.console import Console, behind_relay
from tentaculo.admin.listener import AdminRunner
from tests.admin.stacks import ADMIN_TOKEN, ROUTES, configuration
from tests.fakes.client import Fields, RawClient, request, told
from tests.fakes.clock import Clock
from tests.fakes.messages import Head, Message
from tests.fakes.sockets import Wire, WireProtocol
from tests.relay.front import Front

PATIENCE = 1.0
SMALL_BUFFER = 4096
UNUSED_PORT = 9
OTHER_ADMIN_TOKEN = "An0ther-admin-token"


def bearer(token: str) -> Fields:
    """Return the fields that show a token."""
    return [("Authorization", f"Bearer {token}")]


class Viewer:
    """Reads one console's stream."""

    def __init__(self, client: RawClient, head: Head) -> None:
        self.client = client
        self.head = head

    async def block(self) -> str:
        """Return the next event or comment as it came; each is a chunk of its own."""
        chunk = await self.client.until(b"\n\n\r\n")
        return chunk.decode().split("\r\n", 1)[1]

    async def next(self) -> tuple[str, Any]:
        """Return the next event: its name and data."""
        lines = [line.split(": ", 1) for line in (await self.block()).splitlines() if line]
        fields = {name: value for name, value in lines if name}
        return fields["event"], json.loads(fields["data"])

    async def until(self, name: str, holds: Callable[[Any], bool] = lambda data: True) -> Any:
        """Return the data of the next event of that name for which something holds."""
        while True:
            found, data = await self.next()
            if found == name and holds(data):
                return data

    async def logged(self, count: int) -> list[dict[str, Any]]:
        """Return so many log events, those that stand for skipped ones for as many as they say."""
        events: list[dict[str, Any]] = []
        while sum(event.get("count", 1) for event in events) < count:
            batch = await self.until("log")
            assert 0 < len(batch) <= 200
            events += [event for event in batch if event["event"] != "console.opened"]
        return events


class Consoles:
    """The console of a relay whose clock stands still, with the problems of a bad edit in hand."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.clock = Clock()
        self.problems: list[str] = []
        self.censuses = 0
        self.on_census: Callable[[], object] = lambda: None
        self.console = Console(
            behind_relay(front.relay, problems=lambda: self.problems, census=self._census), clock=self.clock
        )
        self._clients: list[RawClient] = []
        self.runner = AdminRunner(self._app(), patience=PATIENCE)

    def _app(self) -> web.Application:
        relay = self.front.relay
        return build_app(
            is_ready=lambda: True,
            is_rejected=lambda: bool(self.problems),
            store_answers=self.front.store.is_available,
            exposition=_unwanted,
            api=AdminApi(
                lambda: relay.snapshot.settings.admin_digest,
                revoke=lambda name, seconds: _unwanted(),
                is_principal=bool,
                reload=_unwanted,
                outline=_unwanted,
                paths=self.console.paths(),
            ),
            console=self.console,
        )

    async def start(self) -> None:
        """Listen, with little room for what a client does not take."""
        await self.runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        await web.SockSite(self.runner, listener).start()

    async def aclose(self) -> None:
        """End."""
        for client in self._clients:
            client.leave()
        await self.runner.cleanup()

    async def connect(self) -> RawClient:
        """Open a connection."""
        self._clients.append(await RawClient.connect(*self.runner.addresses[0]))
        return self._clients[-1]

    async def connect_slow(self) -> RawClient:
        """Open a connection that holds little of what is not asked for."""
        loop, sock = asyncio.get_running_loop(), socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        sock.setblocking(False)
        await loop.sock_connect(sock, self.runner.addresses[0])
        wire = Wire(limit=2 * SMALL_BUFFER)
        await loop.create_connection(lambda: WireProtocol(wire), sock=sock)
        self._clients.append(RawClient(wire))
        return self._clients[-1]

    async def call(
        self, target: str, fields: Fields = (), method: str = "GET", *, client: RawClient | None = None
    ) -> Message:
        """Make a call, on a connection of its own if there is no other."""
        client = client or await self.connect()
        await client.send(request(method, target, fields))
        return await client.reply(method)

    async def token(self) -> str:
        """Sign in."""
        reply = await self.call("/console/token", bearer(ADMIN_TOKEN), "POST")
        assert reply.status == 200, reply.body
        return str(told(reply)["sse_token"])

    async def view(self, client: RawClient | None = None) -> Viewer:
        """Open a console's stream."""
        token, client = await self.token(), client or await self.connect()
        await client.send(request("GET", "/console/events", bearer(token)))
        head = await client.head()
        assert head.status == 200, client.wire.seen
        return Viewer(client, head)

    def configure(self, *, admin_token: str = ADMIN_TOKEN, routes: str = ROUTES) -> None:
        """Put another configuration into effect."""
        self.front.reload(configuration(UNUSED_PORT, routes, admin_token=admin_token))

    async def _census(self) -> None:
        self.censuses += 1
        self.on_census()


def _unwanted() -> NoReturn:
    raise AssertionError


@asynccontextmanager
async def consoles_of(admin_token: str = ADMIN_TOKEN) -> AsyncIterator[Consoles]:
    """Serve the console of a relay for as long as the block."""
    front = Front(configuration(UNUSED_PORT, admin_token=admin_token))
    await front.start()
    consoles = Consoles(front)
    await consoles.start()
    try:
        yield consoles
    finally:
        await consoles.aclose()
        await front.aclose()
