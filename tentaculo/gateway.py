"""Wiring and life: builds everything from settings, starts it, and stops it in order."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress

import uvloop
from aiohttp import web

from tentaculo import __version__
from tentaculo.admin.app import build_app
from tentaculo.config.settings import Address, Settings
from tentaculo.relay.listener import Listener
from tentaculo.relay.relay import Relay
from tentaculo.relay.snapshot import build_snapshot
from tentaculo.relay.streams import Streams
from tentaculo.telemetry.log_writer import LogWriter
from tentaculo.telemetry.logs import Logs
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines

BACKLOG = 4096
STOP_SECONDS = 5.0
CUT_SECONDS = 1.0
RESERVED_DESCRIPTORS = 64
STDOUT = 1


class StartError(Exception):
    """The gateway can't start; the text is one sentence for the user."""


class Gateway:
    """The whole gateway in one event loop; `log_sink` takes log lines instead of stdout."""

    def __init__(self, settings: Settings, *, log_sink: Callable[[bytes], None] | None = None) -> None:
        self._settings = settings
        self._metrics = Metrics(version=__version__)
        self._writer = None if log_sink is not None else LogWriter(STDOUT)
        self._logs = Logs(
            settings.log,
            log_sink or self._writer.write,
            terminal=log_sink is None and os.isatty(STDOUT),
        )
        self._deadlines = Deadlines()
        self._servers: list[asyncio.Server] = []
        self._admin: web.AppRunner | None = None

    async def start(self) -> None:
        """Open the listeners.  Raises StartError."""
        settings = self._settings
        self._logs.attach_standard_library()
        self._snapshot = build_snapshot(settings, metrics=self._metrics, deadlines=self._deadlines)
        streams = Streams(settings.limits.streams)
        self._relay = Relay(
            self._snapshot, self._logs.logger, self._metrics, streams, asyncio.get_running_loop()
        )
        self._listener = Listener(
            self._relay,
            limits=settings.limits,
            trusted_peers=settings.trusted_peers,
            deadlines=self._deadlines,
        )
        self._server = await _listen(self._listener, settings.listen)
        await self._start_admin(settings.admin)
        self._logs.logger.info(
            "gateway.started",
            address=_shown(self.address),
            admin=_shown(self.admin_address),
            version=__version__,
        )

    async def _start_admin(self, address: Address) -> None:
        app = build_app(is_ready=lambda: not self._relay.draining, exposition=self._metrics.exposition)
        self._admin = web.AppRunner(app, access_log=None)
        await self._admin.setup()
        try:
            await web.TCPSite(self._admin, address.host, address.port).start()
        except OSError as fault:
            await self.stop()
            raise StartError(_sentence(address, fault)) from None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the main listener."""
        host, port, *_ = self._server.sockets[0].getsockname()
        return host, port

    @property
    def admin_address(self) -> tuple[str, int]:
        """Host and port of the admin listener."""
        assert self._admin is not None
        host, port, *_ = self._admin.addresses[0]
        return host, port

    async def stop(self) -> None:
        """Stop in order: not ready, no new connections, streams end, exchanges finish, all closes."""
        self._relay.draining = True
        self._server.close()
        self._relay.streams.end_all("draining")
        await self._relay.finished(STOP_SECONDS)
        await self._listener.shutdown(CUT_SECONDS)
        self._snapshot.close()
        self._deadlines.close()
        if self._admin is not None:
            await self._admin.cleanup()
        self._logs.logger.info("gateway.stopped")
        self._logs.detach()
        if self._writer is not None:
            self._writer.close(1.0)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.  Raises StartError."""
    _prepare_process(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    gateway = Gateway(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopping.set)
    await gateway.start()
    gc.freeze()  # what was made at start is never garbage
    await stopping.wait()
    await gateway.stop()
    return 0


def _prepare_process(settings: Settings) -> None:
    """No core dumps, which would hold secrets; as many descriptors as the limits may need."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * settings.limits.connections + RESERVED_DESCRIPTORS
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(
                resource.RLIMIT_NOFILE,
                (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard),
            )


async def _listen(listener: Listener, address: Address) -> asyncio.Server:
    try:
        return await asyncio.get_running_loop().create_server(
            listener, address.host, address.port, backlog=BACKLOG
        )
    except OSError as fault:
        raise StartError(_sentence(address, fault)) from None


def _sentence(address: Address, fault: OSError) -> str:
    return f"cannot listen on {_shown((address.host, address.port))}: {os.strerror(fault.errno or 0)}"


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
