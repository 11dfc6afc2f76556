"""Where the gateway listens: both listeners opened, moved while it runs, and closed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

from aiohttp import web

from tentaculo.admin.listener import AdminRunner
from tentaculo.config.settings import Address, Settings
from tentaculo.relay.arrivals import let_nobody_in, waiting_at
from tentaculo.relay.listener import Listener
from tentaculo.relay.reloading import NotApplied
from tentaculo.relay.tls import CertificateFault, ServerTls

BACKLOG = 4096
ARRIVAL_SECONDS = 0.05  # in which who has begun to connect is connected, and accepted
ARRIVAL_LOOKS = 10  # where the event loop is too busy for that


class StartError(Exception):
    """The gateway can't start; the text is one sentence for the user."""


class Listening:
    """Both listeners; `patience` is for what is in hand on each at the end, in seconds."""

    def __init__(self, listener: Listener, app: web.Application, *, patience: float) -> None:
        self._listener = listener
        self._patience = patience
        self._runner = AdminRunner(app, patience=patience)
        self._server: asyncio.Server | None = None
        self._site: web.TCPSite | None = None

    async def open(self, settings: Settings) -> None:
        """Open both.  Raises StartError."""
        self._listener.tls = _tls_of(settings)
        self._server = await self._serve(settings.listen)
        await self._runner.setup()
        self._site = await self._serve_admin(settings.admin)

    async def move(self, before: Settings, after: Settings, *, is_wanted: Callable[[], bool]) -> None:
        """Listen at new addresses before the old ones are given up, with new certificates; connections go on.

        Raises NotApplied, and nothing has changed then.
        """
        server, site = self._server, self._site
        try:
            tls = _tls_of(after)
            async with AsyncExitStack() as undo:
                if after.listen != before.listen:
                    server = await self._serve(after.listen)
                    undo.callback(server.close)
                if after.admin != before.admin:
                    site = await self._serve_admin(after.admin)
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
        return self._server is not None and self._server.is_serving()

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

    async def _serve(self, address: Address) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        with _naming(address):
            return await loop.create_server(self._listener, address.host, address.port, backlog=BACKLOG)

    async def _serve_admin(self, address: Address) -> web.TCPSite:
        site = web.TCPSite(self._runner, address.host, address.port)
        with _naming(address):
            await site.start()
        return site


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
def _naming(address: Address) -> Iterator[None]:
    """Turn a failure to listen into one sentence that names the address."""
    try:
        yield
    except OSError as fault:
        place = shown((address.host, address.port))
        raise StartError(f"cannot listen on {place}: {_reason(fault)}") from None


def _reason(fault: OSError) -> str:
    known = fault.errno is not None and fault.errno > 0
    return os.strerror(fault.errno or 0) if known else str(fault.strerror or "the name does not resolve")
