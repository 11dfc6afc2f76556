"""The connections to one server: kept while idle, opened when none is; last used, first taken."""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Callable

from tentaculo.config.settings import UpstreamSettings
from tentaculo.errors import UpstreamUnreachable
from tentaculo.upstream.connection import UpstreamConnection, ignore
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.faults import translate

LEARNED_SHARE = 0.6
LEARNED_FLOOR = 0.05
LEARNED_GROWTH = 1.25
IDLE_LIMIT = 512


class Pool:
    """Opens, lends and keeps connections to an upstream's server.

    `aborted` is told how many seconds after their client had left connections ended.
    """

    def __init__(
        self, settings: UpstreamSettings, deadlines: Deadlines, aborted: Callable[[float], None] = ignore
    ) -> None:
        self.name = settings.name
        self._server = settings.server
        self._deadlines = deadlines
        self._aborted = aborted
        self._keep_alive = self._learned = settings.timeouts.keep_alive
        self._tls = _tls_context(settings)
        self._server_name = settings.tls.server_name or settings.server.host
        self._idle: list[UpstreamConnection] = []
        self._all: set[UpstreamConnection] = set()

    @property
    def open_connections(self) -> int:
        """How many connections are open, in use or idle."""
        return len(self._all)

    def take_idle(self, *, certain: bool = False) -> UpstreamConnection | None:
        """Lend an idle connection, None when there is none.

        `certain` also asks the system whether the upstream has closed it already; for requests
        that must not be sent twice.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and not (certain and _is_readable(connection)):
                return connection
            connection.close()
        return None

    async def connect(self, timeout: float) -> UpstreamConnection:
        """Open a connection within `timeout` seconds.

        Raises UpstreamUnreachable or UpstreamTimeout.
        """
        loop = asyncio.get_running_loop()
        connection = UpstreamConnection(
            self._deadlines, on_idle=self._keep, on_closed=self._drop, aborted=self._aborted
        )
        try:
            async with asyncio.timeout(timeout):
                await loop.create_connection(
                    lambda: connection,  # type: ignore[type-var]
                    self._server.host,
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
        self._all.add(connection)
        connection.watch()
        return connection

    def close(self) -> None:
        """Close all idle connections; those in use close when their exchange ends."""
        self._learned = self._keep_alive = 0.0
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _keep(self, connection: UpstreamConnection) -> None:
        said = connection.peer_keep_alive
        seconds = self._learned if said is None else min(self._learned, said * LEARNED_SHARE)
        if seconds <= 0 or len(self._idle) >= IDLE_LIMIT:
            connection.close()
            return
        connection.deadline = connection.active_at + seconds
        self._idle.append(connection)

    def _drop(self, connection: UpstreamConnection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
            self._learn(connection)

    def _learn(self, connection: UpstreamConnection) -> None:
        """Keep idle connections for less time than the upstream does; probe upwards when it kept one."""
        if connection.peer_closed:
            idle_seconds = self._deadlines.clock() - connection.active_at
            self._learned = max(LEARNED_FLOOR, min(self._learned, idle_seconds * LEARNED_SHARE))
        else:
            self._learned = min(self._keep_alive, self._learned * LEARNED_GROWTH)


def _is_readable(connection: UpstreamConnection) -> bool:
    """Whether the system holds bytes or an end that the event loop has not seen yet."""
    poll = select.poll()
    poll.register(connection.fileno, select.POLLIN)
    return bool(poll.poll(0))


def _tls_context(settings: UpstreamSettings) -> ssl.SSLContext | None:
    if settings.server.scheme != "https":
        return None
    context = ssl.create_default_context(cafile=settings.tls.ca)
    if not settings.tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
