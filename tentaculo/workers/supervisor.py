"""The parent of several workers: keeps the address, the workers and the admin listener, and serves no client.

What it is told, by signals or by the admin API, it has all workers do.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from typing import Any

from aiohttp import web

from tentaculo import __version__
from tentaculo.admin.app import build_app
from tentaculo.admin.console import Behind, Console
from tentaculo.admin.listener import AdminRunner
from tentaculo.config.settings import Address, Settings
from tentaculo.config.watching import Watch
from tentaculo.gateway import PATIENCE_SECONDS
from tentaculo.listening import open_log, serve_admin, shown
from tentaculo.relay.reloading import Reloaded
from tentaculo.relay.snapshot import credential_names
from tentaculo.serving import check_installation, prepare_process
from tentaculo.telemetry.log_tap import LineQueue
from tentaculo.telemetry.log_turns import make_turns
from tentaculo.telemetry.metrics import Metrics
from tentaculo.workers.api import MergedApi
from tentaculo.workers.console import MergedNews, closing
from tentaculo.workers.crew import Crew
from tentaculo.workers.everyone import Everyone
from tentaculo.workers.handing import in_memory, pack, share_of
from tentaculo.workers.lists import MergedLists
from tentaculo.workers.member import Member, start_member
from tentaculo.workers.reloads import Reloads
from tentaculo.workers.sockets import Place

CLOSE_SECONDS = 1.0  # for the log


def run(settings: Settings, load: Callable[[], Settings], workers: int) -> int:
    """Serve with so many workers until SIGTERM or SIGINT, of which a second one cuts what is left.

    Return the exit code: 0 where all was drained, 1 where something was cut.  Raises StartError.
    """
    prepare_process(settings)
    check_installation()
    return asyncio.run(_serve(settings, load, workers))


async def _serve(settings: Settings, load: Callable[[], Settings], workers: int) -> int:
    supervisor = Supervisor(settings, load, workers)
    stopping = asyncio.Event()

    def told_to_end() -> None:
        if stopping.is_set():
            supervisor.hurry()
        stopping.set()

    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, told_to_end)
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload_soon)
    loop.add_signal_handler(signal.SIGUSR1, supervisor.reopen_logs)
    try:
        starting = asyncio.ensure_future(supervisor.start())
        waiting = asyncio.ensure_future(stopping.wait())
        await asyncio.wait((starting, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait((starting,))
        else:
            starting.result()
        await waiting
        return 0 if await supervisor.stop() else 1
    finally:
        await supervisor.aclose()


class Supervisor:
    """So many workers and what they have in common.  Raises StartError for a log that can't be written."""

    def __init__(self, settings: Settings, load: Callable[[], Settings], workers: int) -> None:
        self._first = settings
        self._count = workers
        self._metrics = Metrics(version=__version__)
        self._turns = make_turns()
        self._log = open_log(settings, self._metrics, turns=self._turns)
        self._logs = self._log.logs
        self._token = secrets.token_urlsafe(32)
        self._reloads = Reloads(
            settings,
            load=load,
            pack=self._pack,
            move_admin=self._move_admin,
            logs=self._logs,
            metrics=self._metrics,
        )
        self._crew: Crew | None = None
        self._everyone = Everyone(lambda: self._started_crew, self._metrics)
        self._runner = AdminRunner(self._app(), patience=PATIENCE_SECONDS)
        self._site: web.TCPSite | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    # Its life.

    async def start(self) -> None:
        """Open both listeners, and start the workers.  Raises StartError."""
        self._logs.attach_standard_library()
        place = await asyncio.to_thread(Place, self._first.listen)
        self._crew = Crew(self._count, place, self._launch, logs=self._logs, metrics=self._metrics)
        self._metrics.workers.running(0)
        await self._runner.setup()
        self._site = await serve_admin(self._runner, self._first.admin)
        await self._crew.start()
        host, port, *_ = self._runner.addresses[0]
        self._logs.logger.info(
            "gateway.started",
            address=shown(place.address),
            admin=shown((host, port)),
            version=__version__,
            workers=self._count,
        )
        self._keep(self._watch())

    async def stop(self) -> bool:
        """Drain all workers; return whether nothing was cut."""
        for task in self._tasks:
            task.cancel()
        crew, loop = self._crew, asyncio.get_running_loop()
        if crew is None:
            return True
        began_at = loop.time()
        drained = await crew.stop(self._reloads.settings.drain.hard_cap)
        seconds = round(loop.time() - began_at, 3)
        self._logs.logger.info("gateway.stopped", **crew.counts, seconds=seconds)
        return drained

    async def aclose(self) -> None:
        """Close what is left: the admin listener, which told of the end, and the log."""
        if self._crew is not None:
            await self._crew.stop(0.0)
        await self._runner.cleanup()
        self._log.close(CLOSE_SECONDS)

    def hurry(self) -> None:
        """Have a drain cut what is left."""
        if self._crew is not None:
            self._crew.tell("hurry")

    def reload_soon(self) -> None:
        """Begin to reload the configuration, and wait for nothing."""
        self._keep(self._reload())

    def reopen_logs(self) -> None:
        """Go on with a new log file, where there is one."""
        self._log.reopen()
        if self._crew is not None:
            self._crew.tell("reopen")

    @property
    def _started_crew(self) -> Crew:
        assert self._crew is not None
        return self._crew

    async def _reload(self) -> Reloaded:
        reloaded = await self._reloads.reload(self._started_crew)
        if reloaded.changes is not None:
            settings = self._reloads.settings
            self._logs.learn((*credential_names(settings), *settings.log.sanitize))
        return reloaded

    async def _watch(self) -> None:
        async for _ in Watch(lambda: self._reloads.files).changes():
            await self._reload()

    def _keep(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Its workers.

    async def _launch(self, sockets: list[int]) -> Member:
        with self._pack(self._reloads.settings) as memory:
            return await start_member(memory, self._turns.descriptor, sockets, self._token)

    def _pack(self, settings: Settings) -> AbstractContextManager[int]:
        digest = hashlib.sha256(self._token.encode()).digest()
        return in_memory(pack(share_of(settings, self._first, workers=self._count, admin_digest=digest)))

    # The admin listener.

    async def _move_admin(self, address: Address, undo: AsyncExitStack) -> Callable[[], Awaitable[None]]:
        before, site = self._site, await serve_admin(self._runner, address)
        undo.push_async_callback(site.stop)
        assert before is not None

        async def leave() -> None:
            self._site = site
            await before.stop()

        return leave

    def _app(self) -> web.Application:
        everyone, reloads, console = self._everyone, self._reloads, self._console()
        return build_app(
            is_ready=lambda: self._crew is not None and self._crew.is_ready,
            is_rejected=lambda: bool(reloads.problems),
            is_live=everyone.is_live,
            store_answers=everyone.store_answers,
            exposition=everyone.exposition,
            api=MergedApi(
                lambda: reloads.settings.admin_digest,
                everyone,
                outline=lambda: reloads.outline,
                reload=self._reload,
                paths=(*MergedLists(everyone).paths(), *console.paths()),
            ),
            console=console,
        )

    def _console(self) -> Console:
        reloads = self._reloads

        def news(lines: LineQueue) -> AbstractAsyncContextManager[MergedNews]:
            return closing(
                MergedNews(
                    lambda: self._started_crew,
                    lines,
                    settings=lambda: reloads.settings,
                    problems=lambda: reloads.problems,
                )
            )

        return Console(Behind(logs=self._logs, admin_digest=lambda: reloads.settings.admin_digest, news=news))
