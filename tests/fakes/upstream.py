"""A scripted upstream: the first segment of the path chooses what it does (see `behaviours`).

It records every exchange, and when each of its clients went away, so that tests can await both.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from tests.fakes.gates import Gates, soon
from tests.fakes.messages import Cut, Framing, Head, Malformed, Message, read_body, read_head, request_framing
from tests.fakes.sockets import Listener, Wire


class Done(Exception):
    """Raised by a behaviour whose connection must not be used again."""


@dataclass(slots=True)
class Exchange:
    """One request as the upstream saw it, and the connection to answer on."""

    head: Head
    wire: Wire
    upstream: ScriptedUpstream
    body: bytes = b""
    complete: bool = False
    received: int = 0
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.head.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters."""
        return dict(parse_qsl(self.head.target.partition("?")[2], keep_blank_values=True))

    @property
    def framing(self) -> tuple[Framing, int]:
        """How the request's body ends."""
        return request_framing(self.head)

    async def read(self) -> Message:
        """Read the request's body whole."""
        message = await read_body(self.wire.source, self.head, self.framing)
        self.body, self.complete, self.received = message.body, message.complete, len(message.body)
        return message

    async def write(self, data: bytes) -> None:
        """Write with flow control; `Cut` once the other side is gone."""
        if self.wire.gone.is_set():
            raise Cut
        self.wire.writer.write(data)
        try:
            await self.wire.writer.drain()
        except ConnectionError as error:
            raise Cut from error

    async def gone(self, seconds: float = 15.0) -> float:
        """Wait until the other side went away, and tell when."""
        await soon(self.wire.gone.wait(), seconds)
        assert self.wire.gone_at is not None
        return self.wire.gone_at

    async def gate(self, name: str) -> None:
        """Wait at a gate; `Cut` when the other side leaves first."""
        waits = {
            asyncio.ensure_future(self.upstream.gates.passed(name)),
            asyncio.ensure_future(self.wire.gone.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.wire.gone.is_set():
            raise Cut


Behaviour = Callable[[Exchange], Awaitable[None]]


class ScriptedUpstream:
    """`arrivals` yields each exchange once its head is in; `canned` maps paths to raw replies."""

    def __init__(
        self,
        behaviours: Mapping[str, Behaviour],
        *,
        keep: bool = True,
        limit: int = 4 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.arrivals: asyncio.Queue[Exchange] = asyncio.Queue()
        self.events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.canned: dict[str, bytes] = {}
        self.gates = Gates()
        self._behaviours = behaviours
        self._listener = Listener(self._serve, keep=keep, limit=limit, tls=tls)
        self.start = self._listener.start
        self.stop = self._listener.stop

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._listener.port

    @property
    def wires(self) -> list[Wire]:
        """Every connection made to it."""
        return self._listener.wires

    async def next(self, seconds: float = 15.0) -> Exchange:
        """Wait for the next exchange's head."""
        return await soon(self.arrivals.get(), seconds)

    async def _serve(self, wire: Wire) -> None:
        try:
            while True:
                await self._exchange(wire)
        except (Cut, Malformed, Done):
            return

    async def _exchange(self, wire: Wire) -> None:
        exchange = Exchange(await read_head(wire.source), wire, self)
        self.exchanges.append(exchange)
        self.arrivals.put_nowait(exchange)
        name = exchange.path.split("/")[1]
        try:
            if exchange.path in self.canned:
                await self._answer_canned(exchange)
            else:
                await self._behaviours[name](exchange)
        finally:
            exchange.finished.set()

    async def _answer_canned(self, exchange: Exchange) -> None:
        await exchange.read()
        await exchange.write(self.canned[exchange.path])
        if "close" in exchange.query:
            raise Done
