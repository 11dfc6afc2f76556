"""Wiring and life: builds everything from settings, starts it, and stops it in order."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvloop
from aiohttp import web

from tentaculo import __version__
from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.access.measured_store import MeasuredStore
from tentaculo.access.standings import Standings
from tentaculo.access.store import Revoked, TokenStoreUnavailable
from tentaculo.access.stores import make_store
from tentaculo.access.upkeep import Upkeep
from tentaculo.admin.api import AdminApi
from tentaculo.admin.app import build_app
from tentaculo.admin.listener import AdminRunner
from tentaculo.config.settings import Address, Settings
from tentaculo.relay.draining import Drain
from tentaculo.relay.listener import Listener
from tentaculo.relay.relay import Relay
from tentaculo.relay.shared_streams import DESERTED_LIMIT
from tentaculo.relay.snapshot import build_snapshot, credential_names
from tentaculo.relay.streams import Streams
from tentaculo.telemetry.log_writer import LogWriter
from tentaculo.telemetry.logs import Logs
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines

BACKLOG = 4096
STREAM_TICK_SECONDS = 1.0
GARBAGE_THRESHOLD = 50_000  # exchanges leave no cycles; the default would look for some many times a second
CLOSE_SECONDS = 1.0  # after a drain, for all that closes
PATIENCE_SECONDS = CLOSE_SECONDS / 4  # for one part of that
RESERVED_DESCRIPTORS = 64
STDOUT = 1
STDERR = 2


class StartError(Exception):
    """The gateway can't start; the text is one sentence for the user."""


class Gateway:
    """The whole gateway in one event loop; `log_sink` takes log lines instead of stdout."""

    def __init__(self, settings: Settings, *, log_sink: Callable[[bytes], None] | None = None) -> None:
        self._settings = settings
        self._metrics = Metrics(version=__version__)
        self._writer: LogWriter | None = None
        terminal = False
        if log_sink is None:
            self._writer = LogWriter(STDOUT, notice=self._dropped_line, on_dropped=self._metrics.log_dropped)
            log_sink, terminal = self._writer.write, os.isatty(STDOUT)
        self._logs = Logs(
            settings.log,
            log_sink,
            terminal=terminal,
            colors=terminal,
            secret_names=credential_names(settings),
        )
        self._deadlines = Deadlines()
        self._stream_deadlines = Deadlines(tick=STREAM_TICK_SECONDS)
        self._standings = Standings()
        self._snapshot = build_snapshot(
            settings, metrics=self._metrics, deadlines=self._deadlines, standings=self._standings
        )
        store = MeasuredStore(make_store(settings.token_store), self._metrics.tokens)
        self._tokens = EphemeralTokens(store, self._metrics.tokens)
        self._upkeep = Upkeep(
            self._tokens,
            store,
            self._standings,
            principals=lambda: [principal.name for principal in self._snapshot.settings.principals],
            end_streams=self._end_streams,
        )
        self._keeping: asyncio.Task[None] | None = None
        self._relay: Relay | None = None
        self._listener: Listener | None = None
        self._server: asyncio.Server | None = None
        self._admin: AdminRunner | None = None
        self._stopped = False
        self._hurried = asyncio.Event()

    async def start(self) -> None:
        """Open the listeners.  Raises StartError, with everything closed again."""
        self._logs.attach_standard_library()
        try:
            await self._listen()
        except StartError:
            self._stopped = True
            await self._close()
            raise
        self._logs.logger.info(
            "gateway.started",
            address=_shown(self.address),
            admin=_shown(self.admin_address),
            version=__version__,
        )

    async def _listen(self) -> None:
        settings, loop = self._settings, asyncio.get_running_loop()
        relay = self._relay = Relay(
            snapshot=self._snapshot,
            logs=self._logs,
            metrics=self._metrics,
            streams=Streams(settings.limits.streams),
            tokens=self._tokens,
            deadlines=self._stream_deadlines,
            loop=loop,
        )
        await self._tokens.start(self._heard)
        self._keeping = loop.create_task(self._upkeep.run(), name="upkeep")
        listener = self._listener = Listener(
            relay, limits=settings.limits, trusted_peers=settings.trusted_peers, deadlines=self._deadlines
        )
        with _naming(settings.listen):
            host, port = settings.listen.host, settings.listen.port
            self._server = await loop.create_server(listener, host, port, backlog=BACKLOG)
        app = build_app(
            is_ready=lambda: not relay.draining,
            store_answers=self._tokens.is_available,
            exposition=self._exposition,
            api=self._admin_api(),
        )
        self._admin = AdminRunner(app, patience=PATIENCE_SECONDS)
        await self._admin.setup()
        with _naming(settings.admin):
            await web.TCPSite(self._admin, settings.admin.host, settings.admin.port).start()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the main listener, once started."""
        assert self._server is not None
        host, port, *_ = self._server.sockets[0].getsockname()
        return host, port

    @property
    def admin_address(self) -> tuple[str, int]:
        """Host and port of the admin listener, once started."""
        assert self._admin is not None
        host, port, *_ = self._admin.addresses[0]
        return host, port

    async def stop(self) -> bool:
        """Drain, then close; return whether nothing was cut.  Stopping again does nothing."""
        if self._stopped:
            return True
        self._stopped = True
        cut = await self._drain()
        await self._close()
        return cut == 0

    def hurry(self) -> None:
        """Have a drain cut what is left."""
        self._hurried.set()

    async def _drain(self) -> int:
        """Let go of the clients, and return how many exchanges were cut for it."""
        if self._relay is None or self._server is None:
            return 0
        drained = await Drain(
            self._relay,
            self._snapshot.settings.drain,
            close_listeners=self._server.close,
            hurried=self._hurried,
        ).run()
        self._logs.logger.info(
            "gateway.stopped",
            streams_ended=drained.streams_ended,
            exchanges_cut=drained.exchanges_cut,
            seconds=round(drained.seconds, 3),
        )
        return drained.exchanges_cut

    async def _close(self) -> None:
        """Close from the outside in; the admin listener, which told of it, after the main one."""
        loop = asyncio.get_running_loop()
        closed_by = loop.time() + CLOSE_SECONDS
        # 1. The main listener, and the connections that it still has.
        if self._server is not None:
            self._server.close()
        if self._listener is not None:
            self._listener.pre_shutdown()  # or idle connections would be waited for
            await self._listener.shutdown(PATIENCE_SECONDS)
        # 2. The admin listener.
        if self._admin is not None:
            await self._admin.cleanup()
        # 3. What the exchanges used.
        if self._relay is not None:
            await self._relay.shared.aclose()
        await self._stop_tokens()
        self._snapshot.close()
        self._deadlines.close()
        self._stream_deadlines.close()
        # 4. The log, which has told of all that.
        self._logs.detach()
        if self._writer is not None:
            self._writer.close(max(PATIENCE_SECONDS, closed_by - loop.time()))

    async def _stop_tokens(self) -> None:
        if self._keeping is None:
            return
        self._keeping.cancel()
        await asyncio.wait([self._keeping])
        if self._relay is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._relay.released(), CLOSE_SECONDS)
        await self._tokens.close()

    def _heard(self, revoked: Revoked) -> None:
        self._logs.logger.info("principal.revoked", principal=revoked.principal)
        self._upkeep.heard(revoked)

    def _end_streams(self, principal: str) -> None:
        if self._relay is not None:
            self._relay.revoked(principal)

    def _admin_api(self) -> AdminApi:
        names = frozenset(principal.name for principal in self._settings.principals)
        return AdminApi(
            self._settings.admin_digest,
            revoke=lambda name, seconds: self._tokens.revoke(name, block=seconds),
            is_principal=names.__contains__,
        )

    async def _exposition(self) -> tuple[bytes, str]:
        with suppress(TokenStoreUnavailable):  # then the figures are those of the last census
            await self._tokens.expire()
        if self._relay is not None:
            self._relay.streams.settle()
        return self._metrics.exposition()

    def _dropped_line(self, count: int) -> bytes:
        return self._logs.render("warning", "log.dropped", dropped=count)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, of which a second one cuts what is left.

    Return the exit code: 0 where all was drained, 1 where something was cut.  Raises StartError.
    """
    prepare_process(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    gateway = Gateway(settings)
    stopping = asyncio.Event()

    def told_to_end() -> None:
        if stopping.is_set():
            gateway.hurry()
        stopping.set()

    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, told_to_end)
    await gateway.start()
    gc.freeze()  # what was made at start is never garbage
    gc.set_threshold(GARBAGE_THRESHOLD, *gc.get_threshold()[1:])
    await stopping.wait()
    drained = await gateway.stop()
    return 0 if drained else 1


def prepare_process(settings: Settings) -> None:
    """No core dumps, which would hold secrets; as many descriptors as the limits may need.

    Closed standard descriptors are opened on nothing, or sockets would get their numbers.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * settings.limits.connections + DESERTED_LIMIT + RESERVED_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def _naming(address: Address) -> Iterator[None]:
    """Turn a failure to listen into one sentence that names the address."""
    try:
        yield
    except OSError as fault:
        shown = _shown((address.host, address.port))
        raise StartError(f"cannot listen on {shown}: {_reason(fault)}") from None


def _reason(fault: OSError) -> str:
    known = fault.errno is not None and fault.errno > 0
    return os.strerror(fault.errno or 0) if known else str(fault.strerror or "the name does not resolve")


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
