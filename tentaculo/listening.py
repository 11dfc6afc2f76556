"""Where the gateway listens: both listeners opened, moved while it runs, and closed."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager

from aiohttp import web

from tentaculo.admin.listener import AdminRunner
from tentaculo.config.settings import Address, Settings
from tentaculo.relay.arrivals import let_nobody_in, waiting_at
from tentaculo.relay.listener import Listener
from tentaculo.relay.reloading import NotApplied
from tentaculo.relay.snapshot import credential_names
from tentaculo.relay.tls import CertificateFault, ServerTls
from tentaculo.telemetry.log_output import LogOutput
from tentaculo.telemetry.log_turns import NO_TURNS, Turns
from tentaculo.telemetry.metrics import Metrics

BACKLOG = 4096
ARRIVAL_SECONDS = 0.05  # in which who has begun to connect is connected, and accepted
ARRIVAL_LOOKS = 10  # where the event loop is too busy for that


class StartError(Exception):
    """The gateway can't start; the text is one sentence for the user."""


class Handed:
    """What one of several workers is given instead of addresses: sockets that listen already.

    They are someone else's too, and outlast this process.  The log is written to in `turns`.
    """

    def __init__(self, sockets: Sequence[socket.socket], turns: Turns = NO_TURNS) -> None:
        self.turns = turns
        self._sockets: Sequence[socket.socket] | None = sockets

    def hand(self, sockets: Sequence[socket.socket] | None) -> None:
        """Give sockets to go over to at the next move; None to stay."""
        for left in self._sockets or ():
            left.close()
        self._sockets = sockets

    @property
    def is_full(self) -> bool:
        """Whether there is anything to take."""
        return self._sockets is not None

    def take(self) -> Sequence[socket.socket] | None:
        """Return the sockets, once."""
        sockets, self._sockets = self._sockets, None
        return sockets


class Mains:
    """What serves the main listener: one server, or one for each socket that was handed over."""

    def __init__(self, servers: Sequence[asyncio.Server]) -> None:
        self._servers = servers

    @property
    def sockets(self) -> list[socket.socket]:
        """The sockets that listen."""
        return [listening for server in self._servers for listening in server.sockets]

    @property
    def is_serving(self) -> bool:
        """Whether connections are taken."""
        return any(server.is_serving() for server in self._servers)

    def close(self) -> None:
        """Take no more connections."""
        for server in self._servers:
            server.close()


class Listening:
    """Both listeners; `patience` is for what is in hand on each at the end, in seconds.

    With `handed` sockets there is no admin listener: its connections are handed over one by one.
    """

    def __init__(
        self, listener: Listener, app: web.Application, *, patience: float, handed: Handed | None = None
    ) -> None:
        self._listener = listener
        self._patience = patience
        self._handed = handed
        self._runner = AdminRunner(app, patience=patience)
        self._server: Mains | None = None
        self._site: web.TCPSite | None = None

    async def open(self, settings: Settings) -> None:
        """Open both.  Raises StartError."""
        self._listener.tls = _tls_of(settings)
        self._server = await self._serve(settings.listen)
        await self._runner.setup()
        if self._handed is None:
            self._site = await serve_admin(self._runner, settings.admin)

    async def serve_admin_on(self, connection: socket.socket) -> None:
        """Have a connection to the admin listener that was handed over; it is closed where that has ended."""
        server = self._runner.server
        if server is None:
            connection.close()
        else:
            await asyncio.get_running_loop().connect_accepted_socket(server, connection)

    async def move(self, before: Settings, after: Settings, *, is_wanted: Callable[[], bool]) -> None:
        """Listen at new addresses before the old ones are given up, with new certificates; connections go on.

        Raises NotApplied, and nothing has changed then.
        """
        server, site = self._server, self._site
        try:
            tls = _tls_of(after)
            async with AsyncExitStack() as undo:
                if self._is_elsewhere(before, after):
                    server = await self._serve(after.listen)
                    undo.callback(server.close)
                if self._handed is None and after.admin != before.admin:
                    site = await serve_admin(self._runner, after.admin)
                    undo.push_async_callback(site.stop)
                if not is_wanted():
                    raise NotApplied("the gateway is stopping")
                undo.pop_all()
        except StartError as fault:
            raise NotApplied(str(fault)) from None
        self._listener.tls = tls
        if server is not self._server and self._server is not None:
            self._server.close()
        if site is not self._site and self._site is not None:
            await self._site.stop()
        self._server, self._site = server, site

    async def leave_main(self) -> None:
        """Accept no more connections; who waits at a socket that was handed over waits for the next owner."""
        if self._server is not None:
            self._server.close()

    async def close_main(self) -> None:
        """Take no more connections on the main listener; those that clients have, or just got, go on."""
        if self._server is not None:
            descriptors = [listening.fileno() for listening in self._server.sockets]
            for descriptor in descriptors:
                let_nobody_in(descriptor)
            await asyncio.sleep(ARRIVAL_SECONDS)
            for _ in range(ARRIVAL_LOOKS):
                if not any(map(waiting_at, descriptors)):
                    break
                await asyncio.sleep(ARRIVAL_SECONDS)
            self._server.close()

    async def aclose(self) -> None:
        """Close the main listener with its connections, then the admin listener, which told of it."""
        if self._server is not None:
            self._server.close()
        self._listener.pre_shutdown()  # or idle connections would be waited for
        await self._listener.shutdown(self._patience)
        await self._runner.cleanup()

    @property
    def is_open(self) -> bool:
        """Whether the main listener takes connections."""
        return self._server is not None and self._server.is_serving

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the main listener, once open."""
        assert self._server is not None
        host, port, *_ = self._server.sockets[0].getsockname()
        return host, port

    @property
    def admin_address(self) -> tuple[str, int]:
        """Host and port of the admin listener, once open."""
        host, port, *_ = self._runner.addresses[0]
        return host, port

    def _is_elsewhere(self, before: Settings, after: Settings) -> bool:
        return after.listen != before.listen if self._handed is None else self._handed.is_full

    async def _serve(self, address: Address) -> Mains:
        loop = asyncio.get_running_loop()
        sockets = self._handed.take() if self._handed is not None else None
        if sockets is not None:
            return Mains(
                [await loop.create_server(self._listener, sock=each, backlog=BACKLOG) for each in sockets]
            )
        with naming(address):
            server = await loop.create_server(self._listener, address.host, address.port, backlog=BACKLOG)
        return Mains([server])


async def serve_admin(runner: web.AppRunner, address: Address) -> web.TCPSite:
    """Open an admin listener.  Raises StartError."""
    site = web.TCPSite(runner, address.host, address.port)
    with naming(address):
        await site.start()
    return site


def open_log(
    settings: Settings,
    metrics: Metrics,
    *,
    sink: Callable[[bytes], None] | None = None,
    turns: Turns = NO_TURNS,
) -> LogOutput:
    """Open the log.  Raises StartError."""
    try:
        return LogOutput(
            settings.log,
            secret_names=credential_names(settings),
            on_dropped=metrics.log_dropped,
            sink=sink,
            turns=turns,
        )
    except OSError as fault:
        raise StartError(f"the log can't be written to {settings.log.file}: {fault.strerror}") from None


def shown(address: tuple[str, int]) -> str:
    """Return host and port as they stand in a URL."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tls_of(settings: Settings) -> ServerTls | None:
    try:
        return ServerTls(settings.tls) if settings.tls else None
    except CertificateFault as fault:
        raise StartError(str(fault)) from None


@contextmanager
def naming(address: Address) -> Iterator[None]:
    """Turn a failure to listen into one sentence that names the address.  Raises StartError."""
    try:
        yield
    except OSError as fault:
        place = shown((address.host, address.port))
        raise StartError(f"cannot listen on {place}: {_reason(fault)}") from None


def _reason(fault: OSError) -> str:
    known = fault.errno is not None and fault.errno > 0
    return os.strerror(fault.errno or 0) if known else str(fault.strerror or "the name does not resolve")
