"""The main listener: admits connections up to the limits and hands requests to the relay."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from tentaculo.config.settings import Limits, Network
from tentaculo.errors import GatewayError, TooManyConnections
from tentaculo.relay.downstream import DownstreamConnection
from tentaculo.relay.handshake import Handshake
from tentaculo.relay.heads import HeadReader
from tentaculo.relay.problem import RETRY_AFTER
from tentaculo.relay.request import DirectExchange, Request
from tentaculo.relay.response import CLOSE
from tentaculo.relay.timed import TimedConnection
from tentaculo.relay.tls import ServerTls
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.outbox import Outbox
from tentaculo.wire.forwarded import Peer, is_trusted


class Handling(Protocol):
    """What the listener needs of the relay."""

    outbox: Outbox

    def handle(self, request: Request) -> Awaitable[web.StreamResponse]:
        """Answer one request."""

    def new_exchange(self, request: Request) -> DirectExchange:
        """Return an exchange for a request without a body."""

    def unparsed(self, peer: Peer, error: GatewayError) -> bytes:
        """Log a request that was refused before it was one, and return the answer."""

    def connection_opened(self) -> None:
        """Count."""

    def connection_closed(self) -> None:
        """Count."""


class Listener(web.Server):
    """aiohttp's low-level server with connections of our own, under TLS where `tls` is set."""

    max_fields = 256
    lingering_seconds = 5.0
    read_buffer = 256 * 1024  # what the event loop reads at a time: less stops and starts reading for each

    def __init__(
        self,
        relay: Handling,
        *,
        limits: Limits,
        trusted_peers: tuple[Network, ...],
        deadlines: Deadlines,
        tls: ServerTls | None = None,
    ) -> None:
        super().__init__(
            cast(Any, relay.handle),  # its requests are ours, made by the factory
            request_factory=cast(Any, Request),
            handler_cancellation=True,
        )
        self.outbox = relay.outbox
        self.new_exchange: Callable[[Request], DirectExchange] = relay.new_exchange
        self.deadlines = deadlines
        self.tls = tls
        self.handshakes: set[Handshake] = set()
        self._relay = relay
        self.limits = limits
        self.trusted_peers = trusted_peers
        self._open = 0
        self._per_client: Counter[str] = Counter()

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection, for TLS that of its handshake."""
        connection = DownstreamConnection(self, loop=self._loop)
        if self.tls is None:
            return connection
        return cast(RequestHandler, Handshake(self, connection, self.tls.context))  # aiohttp knows of none

    def pre_shutdown(self) -> None:
        """Have connections close when they have nothing more to do."""
        super().pre_shutdown()
        for handshake in list(self.handshakes):
            handshake.abort()

    @property
    def limits(self) -> Limits:
        """The limits in effect; a reload brings new ones."""
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._limits = limits
        self.heads = HeadReader(min(limits.request_line, limits.header, limits.headers))

    def peer_of(self, transport: asyncio.BaseTransport, scheme: str = "http") -> Peer:
        """Return who is at the other end; an IPv4 address mapped into IPv6 shows as IPv4."""
        name = transport.get_extra_info("peername") or ("unknown",)
        address = str(name[0]).removeprefix("::ffff:")
        return Peer(address, is_trusted(address, self.trusted_peers), scheme)

    def admit(self, connection: TimedConnection) -> GatewayError | None:
        """Count a new connection; return why it is refused, if it is."""
        self._open += 1
        self._per_client[connection.peer.address] += 1
        self._relay.connection_opened()
        per_client = self.limits.connections_per_client
        if self._open > self.limits.connections:
            return TooManyConnections("connections", headers=RETRY_AFTER)
        if per_client is None or connection.peer.trusted:
            return None
        if self._per_client[connection.peer.address] > per_client:
            return TooManyConnections("connections_per_client", headers=RETRY_AFTER)
        return None

    def released(self, connection: TimedConnection) -> None:
        """Count a connection that is gone."""
        address = connection.peer.address
        self._open -= 1
        self._per_client[address] -= 1
        if not self._per_client[address]:
            del self._per_client[address]
        self._relay.connection_closed()

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return self._open

    @property
    def open_to_proxies(self) -> int:
        """How many of them are trusted peers."""
        made = cast("list[TimedConnection]", self.connections)
        return sum(connection.peer.trusted for connection in made if connection.transport is not None)

    def refused(self, connection: TimedConnection, error: GatewayError) -> bytes:
        """Return the answer for a connection that ends before a request was parsed."""
        return self._relay.unparsed(connection.peer, error)

    def malformed(self, connection: DownstreamConnection, error: GatewayError) -> web.StreamResponse:
        """Answer a request that the parser refused."""
        if connection.transport is not None:
            self.outbox.flush()
            connection.transport.write(self.refused(connection, error))
        return CLOSE
