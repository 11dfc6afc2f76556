"""The relay behind its own listener: real sockets, a movable clock, log and metrics in hand."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path
from typing import Any

from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.access.standings import Standings
from tentaculo.access.upkeep import Upkeep
from tentaculo.config.loader import load_text
from tentaculo.config.settings import Settings
from tentaculo.relay.listener import Listener
from tentaculo.relay.relay import Relay
from tentaculo.relay.snapshot import Snapshot, build_snapshot, credential_names
from tentaculo.relay.streams import Streams
from tentaculo.telemetry.logs import Logs
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines
from tests.access.faulty_store import FaultyStore
from tests.fakes.client import Fields, RawClient, request
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually
from tests.fakes.messages import Message
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.running import GOOD, LogTap

HEALTH = request("GET", "/health")
SMALL = 8 * 1024


TIMES = "header_timeout: 10s, write_timeout: 20s, connections: 3"
HEAD = b"GET /health HTTP/1.1\r\nHost: gateway.test\r\n"


class Front:
    """One relay with its listener; nothing expires unless `pass_time` says so."""

    def __init__(self, text: str) -> None:
        settings = load_text(text, source=Path("tentaculo.yaml"), environ={})
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock, tick=3600)
        self.logs = LogTap()
        self._metrics = Metrics(version="0")
        self._loop = asyncio.get_running_loop()
        logs = Logs(settings.log, self.logs, secret_names=credential_names(settings))
        self.standings = Standings(self.clock)
        snapshot = self._compile(settings)
        self.store = FaultyStore(self.clock)
        self.tokens = EphemeralTokens(self.store, self._metrics.tokens)
        self.relay = Relay(
            snapshot=snapshot,
            logs=logs,
            metrics=self._metrics,
            streams=Streams(settings.limits.streams),
            tokens=self.tokens,
            deadlines=self.deadlines,
            loop=self._loop,
            clock=self.clock,
            spread=lambda: 1.0,
        )
        self.upkeep = Upkeep(
            self.tokens,
            self.store,
            self.standings,
            principals=lambda: [principal.name for principal in self.relay.snapshot.settings.principals],
            end_streams=self.relay.revoked,
        )
        self.listener = Listener(
            self.relay,
            limits=settings.limits,
            trusted_peers=settings.trusted_peers,
            deadlines=self.deadlines,
        )
        self._clients: list[RawClient] = []
        self._snapshots = [snapshot]
        self._server: asyncio.Server

    async def start(self, host: str = "127.0.0.1") -> None:
        """Listen."""
        self.relay.snapshot.start()
        await self.tokens.start(self.upkeep.heard)
        self._server = await self._loop.create_server(self.listener, host, 0)

    async def aclose(self) -> None:
        """Drop the clients and close everything."""
        for client in self._clients:
            client.leave()
        self._server.close()
        self.listener.pre_shutdown()
        await self.listener.shutdown(1)
        await eventually(lambda: self.listener.open_connections == 0)
        await self.relay.shared.aclose()
        await self.relay.released()
        await self.tokens.close()
        for snapshot in self._snapshots:
            await snapshot.aclose()
        self.deadlines.close()

    def reload(self, text: str) -> None:
        """Swap in another configuration."""
        settings = load_text(text, source=Path("tentaculo.yaml"), environ={})
        snapshot = self._compile(settings)
        self._snapshots.append(snapshot)
        self.relay.snapshot = snapshot

    def _compile(self, settings: Settings) -> Snapshot:
        return build_snapshot(
            settings, metrics=self._metrics, deadlines=self.deadlines, standings=self.standings
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.sockets[0].getsockname()[1])

    async def client(self, host: str = "127.0.0.1") -> RawClient:
        """Open a connection."""
        client = await RawClient.connect(host, self.port)
        self._clients.append(client)
        return client

    async def call(
        self, target: str = "/echo", fields: Fields = GOOD, body: bytes = b"", *, method: str = "GET"
    ) -> Message:
        """Make one call on a connection of its own; without a body it leaves an idle connection upstream."""
        client = await self.client()
        await client.send(request(method, target, [*fields, ("Connection", "close")], body))
        reply = await client.reply(method)
        await client.aclose()
        return reply

    async def closed(self) -> None:
        """Wait until the gateway has no client left."""
        await eventually(lambda: self.listener.open_connections == 0)

    async def has_read(self) -> None:
        """Make sure that what was sent before has been read: a later connection is served."""
        before = self.listener.open_connections
        assert (await self.call("/health", ())).status == 200
        await eventually(lambda: self.listener.open_connections <= before)

    async def last_event(self, count: int = 1) -> dict[str, Any]:
        """Wait for the log's event of the last of so many exchanges."""
        return await self.logs.wait_for("request.finished", count=count)

    def pass_time(self, seconds: float) -> None:
        """Move the clock and let what is overdue expire."""
        self.clock.advance(seconds)
        self.deadlines.sweep()

    def end_streams(self, reason: str) -> None:
        """End every stream."""
        for stream in self.relay.streams.all_open():
            stream.end_stream(reason)

    def metric(self, pattern: str) -> float:
        """Sum the samples whose name and labels match a regular expression."""
        lines = self._metrics.exposition()[0].decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(f"(?!#){pattern}", line))


async def statuses(client: RawClient, count: int) -> list[int]:
    """The statuses of the next replies."""
    return [(await client.reply(seconds=2)).status for _ in range(count)]


async def began(
    front: Front, upstream: ScriptedUpstream, sent: bytes, *, warm: bool
) -> tuple[RawClient, Exchange]:
    """Send a request, with an idle upstream connection at hand or without, until it came up."""
    if warm:
        await front.call()
        await upstream.next()
    client = await front.client()
    await client.send(sent)
    return client, await upstream.next()


class SlowClient:
    """A client that takes no byte unless told to, over a connection that holds few of them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        self._socket.setblocking(False)

    async def connect(self, front: Front) -> None:
        """Connect; the gateway's end gets a small buffer too."""
        before = set(front.listener.connections)
        await self._loop.sock_connect(self._socket, ("127.0.0.1", front.port))
        await eventually(lambda: len(front.listener.connections) > len(before))
        (connection,) = set(front.listener.connections) - before
        assert connection.transport is not None
        sock = connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)

    async def send(self, data: bytes) -> None:
        """Send."""
        await self._loop.sock_sendall(self._socket, data)

    async def take(self, size: int) -> bytes:
        """Take up to `size` bytes; fewer only at the end."""
        data = b""
        while len(data) < size:
            async with asyncio.timeout(5):
                piece = await self._loop.sock_recv(self._socket, min(size - len(data), SMALL))
            if not piece:
                break
            data += piece
        return data

    def close(self) -> None:
        """Close."""
        self._socket.close()


async def connected(front: Front, count: int = 1) -> RawClient:
    """Open a connection that the gateway knows of."""
    client = await front.client()
    await eventually(lambda: front.listener.open_connections == count)
    return client
