"""The connections to one server: kept while idle, opened when none is; last used, first taken."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from ssl import SSLContext

from tentaculo.config.settings import Server, UpstreamSettings
from tentaculo.errors import GatewayError, UpstreamTimeout, UpstreamUnreachable
from tentaculo.upstream.connection import UpstreamConnection, ignore
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.faults import translate
from tentaculo.upstream.outbox import Outbox
from tentaculo.upstream.resolving import Lookup, Resolver, Tell, is_literal, look_up
from tentaculo.upstream.tls import TlsContexts

LEARNED_SHARE = 0.6
LEARNED_FLOOR = 0.05
LEARNED_GROWTH = 1.25
IDLE_LIMIT = 512


def count_not(change: int) -> None:
    """Leave connections uncounted."""


def tell_nobody(level: str, event: str) -> None:
    """Leave events untold."""


class Pool:
    """Opens, lends and keeps connections to one server of an upstream, the first unless another is named.

    `aborted` is told how many seconds after their client had left connections ended, `counted` of
    each connection that came (1) or went (-1), `tell` of trouble with the server's name.
    """

    def __init__(
        self,
        settings: UpstreamSettings,
        deadlines: Deadlines,
        aborted: Callable[[float], None] = ignore,
        *,
        server: Server | None = None,
        counted: Callable[[int], None] = count_not,
        tell: Tell = tell_nobody,
        lookup: Lookup = look_up,
        tls: TlsContexts | None = None,
    ) -> None:
        self.name = settings.name
        self._server = server or settings.server
        self._deadlines = deadlines
        self._aborted = aborted
        self._counted = counted
        self._keep_alive = self._learned = settings.timeouts.keep_alive
        self._tls: SSLContext | None = None
        if self._server.scheme == "https":
            self._tls = (tls or TlsContexts()).of(settings.tls)
        self._server_name = settings.tls.server_name or self._server.host
        self._idle: list[UpstreamConnection] = []
        self._all: dict[UpstreamConnection, str] = {}
        self._connecting = 0
        self._outbox = Outbox()
        self._resolver: Resolver | None = None
        if not is_literal(self._server.host):
            self._resolver = Resolver(
                self._server.host,
                self._server.port,
                deadlines,
                in_use=lambda: self.load > 0,
                changed=self._addresses_changed,
                tell=tell,
                lookup=lookup,
            )

    @property
    def open_connections(self) -> int:
        """How many connections are open, in use or idle."""
        return len(self._all)

    @property
    def load(self) -> int:
        """How many connections are open or about to be."""
        return len(self._all) + self._connecting

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that new connections go to; none before a name's first use."""
        return (self._server.host,) if self._resolver is None else self._resolver.addresses

    def take_idle(self, *, certain: bool = False) -> UpstreamConnection | None:
        """Lend an idle connection, None when there is none.

        `certain` is for requests that must not be sent twice: none that was idle for so long that the
        upstream may be about to close it, and the system is asked whether it has done so already.
        """
        since = self._deadlines.clock() - LEARNED_SHARE * self._learned if certain else 0.0
        while self._idle and self._idle[-1].active_at >= since:
            connection = self._idle.pop()
            if connection.is_open and not (certain and _is_readable(connection)):
                return connection
            connection.close()
        return None

    async def connect(self, timeout: float) -> UpstreamConnection:
        """Open a connection within `timeout` seconds, to the first address that takes it.

        Raises UpstreamUnreachable or UpstreamTimeout.
        """
        self._connecting += 1
        try:
            connection, address = await self._open(timeout, self._keep, self._drop)
        finally:
            self._connecting -= 1
        self._all[connection] = address
        self._counted(1)
        connection.watch()
        return connection

    async def connect_apart(self, timeout: float) -> UpstreamConnection:
        """Open a connection that is not the pool's: neither counted nor kept.  Raises as `connect` does."""
        connection, _ = await self._open(timeout, UpstreamConnection.close, _let_go)
        connection.watch()
        return connection

    async def _open(
        self,
        timeout: float,
        on_idle: Callable[[UpstreamConnection], None],
        on_closed: Callable[[UpstreamConnection], None],
    ) -> tuple[UpstreamConnection, str]:
        """Try one address after another; each has half of the time that is left, the last one all of it."""
        clock = asyncio.get_running_loop().time
        until, error = clock() + timeout, GatewayError()
        choices = await self._choices(timeout)
        for place, address in enumerate(choices):
            connection = UpstreamConnection(
                self._deadlines,
                on_idle=on_idle,
                on_closed=on_closed,
                aborted=self._aborted,
                outbox=self._outbox,
            )
            left = until - clock()
            try:
                await self._reach(connection, address, left if place == len(choices) - 1 else left / 2)
            except (UpstreamUnreachable, UpstreamTimeout) as fault:
                error = fault
                if self._resolver is not None:
                    self._resolver.failed(address)
                continue
            if self._resolver is not None:
                self._resolver.connected(address)
            return connection, address
        if self._resolver is not None:
            self._resolver.doubt()
        raise error

    async def _choices(self, timeout: float) -> list[str]:
        if self._resolver is None:
            return [self._server.host]
        try:
            async with asyncio.timeout(timeout):
                return await self._resolver.choices()
        except (OSError, TimeoutError) as fault:
            raise translate(fault) from None

    async def _reach(self, connection: UpstreamConnection, address: str, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection,  # type: ignore[type-var]
                    address,
                    self._server.port,
                    ssl=self._tls,
                    server_hostname=self._server_name if self._tls else None,
                )
        except (OSError, TimeoutError) as fault:
            raise translate(fault) from None
        except asyncio.CancelledError:
            connection.abort()
            raise
        if connection.fileno < 0:  # made, and lost before anyone could count it
            raise UpstreamUnreachable("closed")

    def close(self) -> None:
        """Close all idle connections; those in use close when their exchange ends."""
        self._learned = self._keep_alive = 0.0
        self.close_idle()
        if self._resolver is not None:
            self._resolver.close()

    def close_idle(self) -> None:
        """Close the connections that are idle now."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def close_oldest_idle(self) -> bool:
        """Close the connection that was idle for longest; return whether there was one."""
        if not self._idle:
            return False
        self._idle.pop(0).close()
        return True

    def _addresses_changed(self) -> None:
        gone = [connection for connection in self._idle if self._is_elsewhere(connection)]
        for connection in gone:
            self._idle.remove(connection)
            connection.close()

    def _keep(self, connection: UpstreamConnection) -> None:
        said = connection.peer_keep_alive
        seconds = self._learned if said is None else min(self._learned, said * LEARNED_SHARE)
        if seconds <= 0 or len(self._idle) >= IDLE_LIMIT or self._is_elsewhere(connection):
            connection.close()
            return
        connection.deadline = connection.active_at + seconds
        self._idle.append(connection)

    def _is_elsewhere(self, connection: UpstreamConnection) -> bool:
        """Whether a connection goes to an address that the server's name no longer has."""
        return self._resolver is not None and self._all.get(connection) not in self._resolver.addresses

    def _drop(self, connection: UpstreamConnection) -> None:
        if self._all.pop(connection, None) is not None:
            self._counted(-1)
        if connection in self._idle:
            self._idle.remove(connection)
            self._learn(connection)

    def _learn(self, connection: UpstreamConnection) -> None:
        """Keep idle connections for less time than the upstream does; probe upwards when it kept one.

        Never by more than a step above what it has kept, however many it has kept so long.
        """
        learned, idle_seconds = self._learned, self._deadlines.clock() - connection.active_at
        if connection.peer_closed:
            self._learned = max(LEARNED_FLOOR, min(learned, idle_seconds * LEARNED_SHARE))
        else:
            shown = min(learned, idle_seconds)
            self._learned = min(self._keep_alive, max(learned, shown * LEARNED_GROWTH))


def _is_readable(connection: UpstreamConnection) -> bool:
    """Whether the system holds bytes or an end that the event loop has not seen yet."""
    poll = select.poll()
    poll.register(connection.fileno, select.POLLIN)
    return bool(poll.poll(0))


def _let_go(connection: UpstreamConnection) -> None:
    """Have nothing to do with a connection's end."""
