"""Wiring and life: builds everything from settings, starts it, and stops it in order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any

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
from tentaculo.admin.lists import Lists
from tentaculo.config.settings import Address, Settings
from tentaculo.config.watching import Watch
from tentaculo.relay.draining import Drain
from tentaculo.relay.listener import Listener
from tentaculo.relay.relay import Relay
from tentaculo.relay.reloading import NotApplied, Reloaded, Reloader
from tentaculo.relay.snapshot import Snapshot, build_snapshot, credential_names
from tentaculo.relay.streams import Streams
from tentaculo.telemetry.log_writer import LogWriter
from tentaculo.telemetry.logs import Logs
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines

BACKLOG = 4096
STREAM_TICK_SECONDS = 1.0
CLOSE_SECONDS = 1.0  # after a drain, for all that closes
PATIENCE_SECONDS = CLOSE_SECONDS / 4  # for one part of that
STDOUT = 1


class StartError(Exception):
    """The gateway can't start; the text is one sentence for the user."""


class Gateway:
    """The whole gateway in one event loop; `log_sink` takes log lines instead of stdout.

    `load` reads the configuration anew; without it that is done for nobody.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[], Settings] | None = None,
        log_sink: Callable[[bytes], None] | None = None,
    ) -> None:
        self._settings = settings
        self._load = load
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
            settings,
            metrics=self._metrics,
            deadlines=self._deadlines,
            standings=self._standings,
            notice=self._notice,
        )
        store = MeasuredStore(make_store(settings.token_store), self._metrics.tokens)
        self._tokens = EphemeralTokens(store, self._metrics.tokens)
        self._upkeep = Upkeep(
            self._tokens,
            store,
            self._standings,
            principals=lambda: [principal.name for principal in self._current.settings.principals],
            end_streams=self._end_streams,
        )
        self._keeping: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._reloader: Reloader | None = None
        self._reloads: set[asyncio.Task[Reloaded]] = set()
        self._relay: Relay | None = None
        self._listener: Listener | None = None
        self._server: asyncio.Server | None = None
        self._admin: AdminRunner | None = None
        self._admin_site: web.TCPSite | None = None
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
        relay.snapshot.start()
        await self._tokens.start(self._heard)
        self._keeping = loop.create_task(self._upkeep.run(), name="upkeep")
        listener = self._listener = Listener(
            relay, limits=settings.limits, trusted_peers=settings.trusted_peers, deadlines=self._deadlines
        )
        self._server = await self._serve(listener, settings.listen)
        reloader = self._reloader = Reloader(relay, load=self._read, build=self._build, apply=self._apply)
        app = build_app(
            is_ready=lambda: not relay.draining,
            is_rejected=lambda: bool(reloader.problems),
            store_answers=self._tokens.is_available,
            exposition=self._exposition,
            api=self._admin_api(relay, reloader),
        )
        self._admin = AdminRunner(app, patience=PATIENCE_SECONDS)
        await self._admin.setup()
        self._admin_site = await self._serve_admin(settings.admin)
        if self._load is not None:
            self._watching = loop.create_task(self._watch(reloader), name="watch")

    async def _serve(self, listener: Listener, address: Address) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        with _naming(address):
            return await loop.create_server(listener, address.host, address.port, backlog=BACKLOG)

    async def _serve_admin(self, address: Address) -> web.TCPSite:
        assert self._admin is not None
        site = web.TCPSite(self._admin, address.host, address.port)
        with _naming(address):
            await site.start()
        return site

    # Reloading.

    @property
    def _current(self) -> Snapshot:
        return self._snapshot if self._relay is None else self._relay.snapshot

    def reload_soon(self) -> None:
        """Begin to reload the configuration, and wait for nothing."""
        if self._reloader is not None and not self._stopped:
            task = asyncio.get_running_loop().create_task(self._reloader.reload(), name="reload")
            self._reloads.add(task)
            task.add_done_callback(self._reloads.discard)

    async def _watch(self, reloader: Reloader) -> None:
        async for _ in Watch(lambda: self._current.settings.files).changes():
            await reloader.reload()

    def _read(self) -> Settings:
        return self._current.settings if self._load is None else self._load()

    def _build(self, settings: Settings, previous: Snapshot) -> Snapshot:
        return build_snapshot(
            settings,
            metrics=self._metrics,
            deadlines=self._deadlines,
            standings=self._standings,
            previous=previous,
            notice=self._notice,
        )

    def _notice(self, level: str, event: str, facts: dict[str, Any]) -> None:
        self._logs.event(level, event, {"secrets": (), **facts})

    async def _apply(self, settings: Settings) -> None:
        """Listen where new settings say, and hold to their limits.  Raises NotApplied, with nothing done."""
        assert self._listener is not None
        try:
            await self._rebind(self._listener, settings)
        except StartError as fault:
            raise NotApplied(str(fault)) from None
        self._listener.limits = settings.limits
        self._listener.trusted_peers = settings.trusted_peers
        self._logs.learn((*credential_names(settings), *settings.log.sanitize))
        if self._relay is not None:
            self._relay.streams.limit = settings.limits.streams

    async def _rebind(self, listener: Listener, settings: Settings) -> None:
        """Listen at both new addresses before either old one is given up; connections go on."""
        before, (server, site) = self._current.settings, (self._server, self._admin_site)
        async with AsyncExitStack() as undo:
            if settings.listen != before.listen:
                server = await self._serve(listener, settings.listen)
                undo.callback(server.close)
            if settings.admin != before.admin:
                site = await self._serve_admin(settings.admin)
                undo.push_async_callback(site.stop)
            if self._stopped:
                raise NotApplied("the gateway is stopping")
            undo.pop_all()
        if server is not self._server and self._server is not None:
            self._server.close()
        if site is not self._admin_site and self._admin_site is not None:
            await self._admin_site.stop()
        self._server, self._admin_site = server, site

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
        await self._stop_reloading()
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
            self._current.settings.drain,
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
        await self._current.aclose()
        self._deadlines.close()
        self._stream_deadlines.close()
        # 4. The log, which has told of all that.
        self._logs.detach()
        if self._writer is not None:
            self._writer.close(max(PATIENCE_SECONDS, closed_by - loop.time()))

    async def _stop_reloading(self) -> None:
        tasks = [*self._reloads, *([self._watching] if self._watching is not None else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._reloader is not None:
            self._reloader.close()

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

    def _admin_api(self, relay: Relay, reloader: Reloader) -> AdminApi:
        return AdminApi(
            lambda: relay.snapshot.settings.admin_digest,
            revoke=lambda name, seconds: self._tokens.revoke(name, block=seconds),
            is_principal=lambda name: name in relay.snapshot.outline.principals,
            reload=reloader.reload,
            outline=lambda: (relay.snapshot.outline, relay.streams.by_route()),
            paths=Lists(relay).paths(),
        )

    async def _exposition(self) -> tuple[bytes, str]:
        with suppress(TokenStoreUnavailable):  # then the figures are those of the last census
            await self._tokens.expire()
        if self._relay is not None:
            self._relay.streams.settle()
        return self._metrics.exposition()

    def _dropped_line(self, count: int) -> bytes:
        return self._logs.render("warning", "log.dropped", dropped=count)


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
