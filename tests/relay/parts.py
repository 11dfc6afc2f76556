"""Real objects of the relay, joined to transports that remember what was written to them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from aiohttp.web_protocol import RequestHandler

from tentaculo.access.principals import Principals
from tentaculo.access.standings import Standings
from tentaculo.config.settings import PrincipalSettings, RouteSettings, Server, Settings, UpstreamSettings
from tentaculo.errors import GatewayError, TooManyStreams
from tentaculo.relay.answer import Answer
from tentaculo.relay.delivery import Delivery, Recipient
from tentaculo.relay.opening import own_cookies
from tentaculo.relay.plan import RoutePlan, compile_route
from tentaculo.relay.request import Request
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.connection import Ask, UpstreamConnection
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.upstream import Upstream as Servers
from tentaculo.wire.forwarded import Peer
from tests.fakes.clock import Clock

TOKEN = b"token-of-the-caller"
CALLER = PrincipalSettings(name="caller", digests=(hashlib.sha256(TOKEN).digest(),))
BACKEND = UpstreamSettings(name="backend", servers=(Server("http", "backend.test", 8011),))
CLIENT = Peer("192.0.2.7", trusted=False)
REQUEST = b"GET /x HTTP/1.1\r\nHost: backend.test\r\n\r\n"


def route_of(**changes: Any) -> RouteSettings:
    """Configure a route; by default one that needs a principal token."""
    return RouteSettings(**{"name": "api", "path": "/api/*", "upstream": "backend"} | changes)


def settings_of(*routes: RouteSettings, **changes: Any) -> Settings:
    """Configure a gateway with one principal and one upstream."""
    return Settings(**{"principals": (CALLER,), "upstreams": (BACKEND,), "routes": routes} | changes)


def plan_of(
    route: RouteSettings,
    *,
    upstream: UpstreamSettings = BACKEND,
    metrics: Metrics | None = None,
    **changes: Any,
) -> RoutePlan:
    """Compile one route of a gateway."""
    settings = settings_of(route, upstreams=(upstream,), **changes)
    metrics = metrics or Metrics(version="0")
    return compile_route(
        route,
        settings,
        principals=Principals(settings.principals),
        upstream=Servers(upstream, Deadlines(), metrics=metrics.upstreams),
        metrics=metrics.route(route.name),
        standings=Standings(),
        own_cookies=bool(own_cookies(settings.routes)),
    )


class RecordingTransport(asyncio.Transport):
    """Keeps what is written; `unsent` is what its buffer is said to hold."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.aborted = False
        self.reading = True
        self.unsent = 0
        self._closing = False

    @property
    def written(self) -> bytes:
        """Everything written so far."""
        return b"".join(self.pieces)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Take bytes, as long as it is open."""
        assert not self._closing
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        """Whether it was closed or aborted."""
        return self._closing

    def close(self) -> None:
        """Close in good order."""
        self._closing = True

    def abort(self) -> None:
        """Close at once."""
        self._closing = self.aborted = True

    def pause_reading(self) -> None:
        """Deliver nothing for now."""
        self.reading = False

    def resume_reading(self) -> None:
        """Go on."""
        self.reading = True

    def get_write_buffer_size(self) -> int:
        """Bytes that were not taken yet."""
        return self.unsent


class Upstream:
    """A real upstream connection; the test says what its other end sends."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock, tick=3600)
        self.transport = RecordingTransport()
        self.idle: list[UpstreamConnection] = []
        self.connection = UpstreamConnection(
            self.deadlines, on_idle=self.idle.append, on_closed=lambda connection: None
        )
        self.connection.connection_made(self.transport)
        self.connection.watch()

    def sends(self, *reads: bytes) -> None:
        """Deliver bytes, one read after another."""
        for data in reads:
            assert not self.transport.is_closing()
            self.connection.data_received(data)

    def ends(self, fault: Exception | None = None) -> None:
        """End the connection from the other side."""
        self.connection.connection_lost(fault)

    def pass_time(self, seconds: float) -> None:
        """Move the clock and let what is overdue expire."""
        self.clock.advance(seconds)
        self.deadlines.sweep()


@contextmanager
def open_upstream() -> Iterator[Upstream]:
    """Open an upstream connection; its timer ends with it."""
    upstream = Upstream()
    try:
        yield upstream
    finally:
        upstream.deadlines.close()


class Relayed:
    """One answer between an upstream and a client, both of whose ends are the test's.

    `done` holds what the answer said at its end; `streams` the answers that opened a stream, of
    which there is `room` for one or none; a client that is `gone` has no transport any more;
    `first_events` counts how often a first event was told of; `denials` are the statuses by which
    the upstream said that it has no stream.
    """

    def __init__(
        self,
        upstream: Upstream,
        route: RouteSettings | None = None,
        *,
        method: str = "GET",
        http10: bool = False,
        keep_alive: bool = True,
        whole: bool = True,
        room: bool = True,
        gone: bool = False,
    ) -> None:
        self.upstream = upstream
        self.client = RecordingTransport()
        self.done: list[GatewayError | None] = []
        self.streams: list[Delivery] = []
        self.first_events = 0
        self.denials: list[int] = []
        self._room = room
        self.answer = Answer(
            Recipient(None if gone else self.client, http10=http10, request_id="id-1", keep_alive=keep_alive),
            self.done.append,
            plan_of(route or route_of()),
            self,
            method=method,
        )
        ask = Ask(self.answer, method == "HEAD", response_timeout=30.0, idle_timeout=60.0)
        self.answer.attach(upstream.connection, ask)
        upstream.connection.ask(ask, REQUEST, whole=whole)

    def stream_opening(self, delivery: Delivery) -> None:
        """Count a stream."""
        if not self._room:
            raise TooManyStreams("streams")
        self.streams.append(delivery)

    def first_event(self) -> None:
        """Count it."""
        self.first_events += 1

    def stream_denied(self, status: int) -> None:
        """Note it, and let it pass."""
        self.denials.append(status)

    @property
    def head(self) -> list[bytes]:
        """The lines of the head that the client got."""
        return self.client.written.partition(b"\r\n\r\n")[0].split(b"\r\n")

    @property
    def body(self) -> bytes:
        """What the client got behind it."""
        return self.client.written.partition(b"\r\n\r\n")[2]


class ClientEnd(BaseProtocol):
    """The downstream connection of a request, as far as its record and its body need one."""

    def __init__(self, peer: Peer = CLIENT) -> None:
        super().__init__(asyncio.get_running_loop())
        self.peer = peer
        self.transport = RecordingTransport()


def parsed_request(data: bytes) -> Request:
    """Parse a request, and what there is of its body, as aiohttp would."""
    connection = ClientEnd()
    parser = HttpRequestParser(connection, asyncio.get_running_loop(), 2**16)
    ((message, payload),), _, _ = parser.feed_data(data)
    return Request(message, payload, cast(RequestHandler, connection))
