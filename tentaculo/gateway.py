"""Wiring and life: builds everything from settings, starts it, and stops it in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from typing import Any

from aiohttp import web

from tentaculo import __version__
from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.access.measured_store import MeasuredStore
from tentaculo.access.rate_sharing import RateSharing
from tentaculo.access.standings import Standings
from tentaculo.access.store import Revoked, TokenStoreUnavailable
from tentaculo.access.stores import make_store, rate_store
from tentaculo.access.upkeep import Upkeep
from tentaculo.admin.api import AdminApi
from tentaculo.admin.app import build_app
from tentaculo.admin.console import Console, behind_relay
from tentaculo.admin.lists import Lists
from tentaculo.config.settings import Settings
from tentaculo.config.watching import Watch
from tentaculo.listening import Handed, Listening, StartError, open_log, shown
from tentaculo.relay.draining import Drain, Drained
from tentaculo.relay.listener import Listener
from tentaculo.relay.relay import Relay
from tentaculo.relay.reloading import Reloaded, Reloader
from tentaculo.relay.snapshot import Snapshot, build_snapshot, credential_names
from tentaculo.relay.streams import Streams
from tentaculo.telemetry.log_turns import NO_TURNS
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines

STREAM_TICK_SECONDS = 1.0
CLOSE_SECONDS = 1.0  # after a drain, for all that closes
PATIENCE_SECONDS = CLOSE_SECONDS / 4  # for one part of that


class Gateway:
    """The whole gateway in one event loop; `log_sink` takes log lines instead of stdout.

    `load` reads the configuration anew; without it that is done for nobody.  With `handed` sockets it is one
    of several workers: who hands them over says when to reload, tells the log of both ends of its life, and
    has the admin listener.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[], Settings] | None = None,
        log_sink: Callable[[bytes], None] | None = None,
        handed: Handed | None = None,
    ) -> None:
        self._settings = settings
        self._load = load
        self._handed = handed
        self._metrics = Metrics(version=__version__)
        turns = NO_TURNS if handed is None else handed.turns
        self._log = open_log(settings, self._metrics, sink=log_sink, turns=turns)
        self._logs = self._log.logs
        self._deadlines = Deadlines()
        self._stream_deadlines = Deadlines(tick=STREAM_TICK_SECONDS)
        self._standings = Standings()
        self._first: Snapshot | None = build_snapshot(
            settings,
            metrics=self._metrics,
            deadlines=self._deadlines,
            standings=self._standings,
            notice=self._notice,
        )
        token_store = make_store(settings.token_store)
        self._rates = rate_store(token_store)
        store = MeasuredStore(token_store, self._metrics.tokens)
        self._tokens = EphemeralTokens(store, self._metrics.tokens)
        self._upkeep = Upkeep(
            self._tokens,
            store,
            self._standings,
            principals=lambda: [principal.name for principal in self._current.settings.principals],
            end_streams=self._end_streams,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._reloads: set[asyncio.Task[Any]] = set()  # under way, or waiting for an edit
        self._reloader: Reloader | None = None
        self._relay: Relay | None = None
        self._listener: Listener | None = None
        self._listening: Listening | None = None
        self._stopped = False
        self._hurried = asyncio.Event()
        self.drained: Drained | None = None

    async def start(self) -> None:
        """Open the listeners.  Raises StartError, with everything closed again."""
        self._logs.attach_standard_library()
        try:
            await self._listen()
        except StartError:
            self._stopped = True
            await self._close()
            raise
        if self._handed is None:
            self._logs.logger.info(
                "gateway.started",
                address=shown(self.address),
                admin=shown(self.admin_address),
                version=__version__,
            )

    async def _listen(self) -> None:
        settings, loop = self._settings, asyncio.get_running_loop()
        relay = self._relay = Relay(
            snapshot=self._current,
            logs=self._logs,
            metrics=self._metrics,
            streams=Streams(settings.limits.streams),
            tokens=self._tokens,
            deadlines=self._stream_deadlines,
            loop=loop,
        )
        self._first = None  # as any other it is freed once a reload has replaced it
        relay.snapshot.start()
        await self._tokens.start(self._heard)
        listener = self._listener = Listener(
            relay, limits=settings.limits, trusted_peers=settings.trusted_peers, deadlines=self._deadlines
        )
        is_alone = self._handed is None
        reloader = self._reloader = Reloader(
            relay, load=self._read, build=self._build, apply=self._apply, tells=is_alone
        )
        app = self._admin_app(relay, reloader)
        self._listening = Listening(listener, app, patience=PATIENCE_SECONDS, handed=self._handed)
        await self._listening.open(settings)
        self._keep(self._upkeep.run(), "upkeep")
        if self._rates is not None:
            sharing = RateSharing(self._rates, lambda: relay.snapshot.shared_limits)
            self._keep(sharing.run(), "rate limits")
        if self._load is not None and is_alone:
            self._reloads.add(loop.create_task(self._watch(reloader), name="watch"))

    def _keep(self, work: Coroutine[None, None, None], name: str) -> None:
        """Have something done until the end."""
        self._tasks.append(asyncio.get_running_loop().create_task(work, name=name))

    # Reloading.

    @property
    def _current(self) -> Snapshot:
        if self._relay is not None:
            return self._relay.snapshot
        assert self._first is not None
        return self._first

    def reload_soon(self) -> None:
        """Begin to reload the configuration, and wait for nothing."""
        if self._reloader is not None and not self._stopped:
            task = asyncio.get_running_loop().create_task(self._reloader.reload(), name="reload")
            self._reloads.add(task)
            task.add_done_callback(self._reloads.discard)

    async def reload(self) -> Reloaded:
        """Reload the configuration, and tell what came of it."""
        assert self._reloader is not None
        return await self._reloader.reload()

    async def _watch(self, reloader: Reloader) -> None:
        async for _ in Watch(lambda: reloader.files).changes():
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
        """Listen where new settings say, and hold to their limits.  Raises NotApplied, before any change."""
        assert self._listener is not None
        assert self._listening is not None
        before = self._current.settings
        await self._listening.move(before, settings, is_wanted=lambda: not self._stopped)
        self._listener.limits = settings.limits
        self._listener.trusted_peers = settings.trusted_peers
        self._logs.learn((*credential_names(settings), *settings.log.sanitize))
        if self._relay is not None:
            self._relay.streams.limit = settings.limits.streams

    def reopen_log(self) -> None:
        """Go on with a new log file, where there is one."""
        self._log.reopen()

    @property
    def listening(self) -> Listening:
        """Where it listens, once started."""
        assert self._listening is not None
        return self._listening

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the main listener, once started."""
        return self.listening.address

    @property
    def admin_address(self) -> tuple[str, int]:
        """Host and port of the admin listener, once started."""
        return self.listening.admin_address

    async def stop(self, *, succeeded: bool = False) -> bool:
        """Drain, then close; return whether nothing was cut.  Stopping again does nothing.

        Where it is `succeeded`, who waits at a socket that was handed over is left to the successor.
        """
        if self._stopped:
            return True
        self._stopped = True
        await self._stop_reloading()
        cut = await self._drain(succeeded=succeeded)
        await self._close()
        return cut == 0

    def hurry(self) -> None:
        """Have a drain cut what is left."""
        self._hurried.set()

    async def _drain(self, *, succeeded: bool) -> int:
        """Let go of the clients, and return how many exchanges were cut for it."""
        if self._relay is None or self._listener is None or self._listening is None:
            return 0
        listener, listening = self._listener, self._listening
        drained = self.drained = await Drain(
            self._relay,
            self._current.settings.drain,
            close_listeners=listening.leave_main if succeeded else listening.close_main,
            proxies=lambda: listener.open_to_proxies,
            hurried=self._hurried,
        ).run()
        if self._handed is None:
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
        # 1. The listeners, and the connections that they still have.
        if self._listening is not None:
            await self._listening.aclose()
        # 2. What the exchanges used.
        if self._relay is not None:
            await self._relay.shared.aclose()
        await self._stop_tokens()
        await self._current.aclose()
        self._deadlines.close()
        self._stream_deadlines.close()
        # 3. The log, which has told of all that.
        self._log.close(max(PATIENCE_SECONDS, closed_by - loop.time()))

    async def _stop_reloading(self) -> None:
        if self._reloader is not None:
            self._reloader.close()
        await _end(self._reloads)

    async def _stop_tokens(self) -> None:
        await _end(self._tasks)
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

    def _admin_app(self, relay: Relay, reloader: Reloader) -> web.Application:
        tells, problems = self._handed is None, lambda: reloader.problems
        console = Console(behind_relay(relay, problems=problems, census=self._census, tells=tells))
        api = AdminApi(
            lambda: relay.snapshot.settings.admin_digest,
            revoke=lambda name, seconds: self._tokens.revoke(name, block=seconds),
            is_principal=lambda name: name in relay.snapshot.outline.principals,
            reload=reloader.reload,
            outline=lambda: (relay.snapshot.outline, relay.streams_by_route()),
            paths=(*Lists(relay).paths(), *console.paths()),
        )
        return build_app(
            is_ready=lambda: not relay.draining,
            is_rejected=lambda: bool(reloader.problems),
            store_answers=self._tokens.is_available,
            exposition=self._exposition,
            api=api,
            console=console,
        )

    async def _census(self) -> None:
        with suppress(TokenStoreUnavailable):  # then the figures are those of the last one
            await self._tokens.expire()

    def last_exposition(self) -> bytes:
        """Return the metrics as they are at the end."""
        return self._metrics.exposition()[0]

    async def _exposition(self) -> tuple[bytes, str]:
        await self._census()
        if self._relay is not None:
            self._relay.streams.settle()
        return await asyncio.to_thread(self._metrics.exposition)  # it may take long, and calls go on


async def _end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they are over."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    if ending:
        await asyncio.wait(ending)
