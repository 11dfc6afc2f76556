"""Puts an edited configuration into effect while everything goes on, or keeps the one before.

A good one is swapped in at once: exchanges keep the snapshot that they began with.  Streams are touched
only where their route does something else now, or their principal is gone.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from tentaculo.config.file_marks import FileMark
from tentaculo.config.outline import Changes, changes
from tentaculo.config.problems import ConfigError
from tentaculo.config.settings import Settings
from tentaculo.relay.relay import Relay
from tentaculo.relay.snapshot import Snapshot

GRACE_SECONDS = 5.0
MANY_OBJECTS = 200_000  # to look through them takes about 20 ms
# How long another thread may hold the interpreter; calls wait for it at each of their steps.
SWITCH_SECONDS = 0.0001
PIECES_A_TURN = 200
TURN_SECONDS = 0.002
NAMES_TOLD = 100


class NotApplied(Exception):
    """What a good configuration asks for can't be had; the text is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of a reload: what it changed, or the problems for which nothing did."""

    changes: Changes | None
    problems: tuple[str, ...] = ()


class Reloader:
    """Reloads one relay's configuration, one reload after another.

    `load` reads it and `build` compiles it, both in another thread; `apply` does what else is to be done
    with new settings, before they count.  Without `tells` the log hears of it from whoever asked.
    """

    def __init__(
        self,
        relay: Relay,
        *,
        load: Callable[[], Settings],
        build: Callable[[Settings, Snapshot], Snapshot],
        apply: Callable[[Settings], Awaitable[None]],
        grace_seconds: float = GRACE_SECONDS,
        tells: bool = True,
    ) -> None:
        self._relay = relay
        self._load = load
        self._build = build
        self._apply = apply
        self._grace_seconds = grace_seconds
        self._tells = tells
        self._one_at_a_time = asyncio.Lock()
        self._graces: set[asyncio.TimerHandle] = set()
        self.problems: tuple[str, ...] = ()
        self._named: tuple[FileMark, ...] = ()  # by what was read last, whatever came of it

    @property
    def files(self) -> tuple[FileMark, ...]:
        """The files of the configuration in effect, and those that one names that was rejected since."""
        return (*self._relay.snapshot.settings.files, *self._named)

    async def reload(self) -> Reloaded:
        """Read the configuration and put it into effect, unless anything is wrong with it."""
        async with self._one_at_a_time:
            try:
                snapshot, found = await self._prepared()
                self._named = snapshot.settings.files
                await self._applied(snapshot)
            except ConfigError as error:
                self._named = error.files
                return self._rejected(tuple(map(str, error.problems)))
            except NotApplied as fault:
                return self._rejected((str(fault),))
            except Exception as fault:
                self._relay.logs.logger.error("config.failed", exc_info=fault)
                return self._rejected((f"the gateway failed on it: {type(fault).__name__}",))
            return await self._swap(snapshot, found)

    async def _prepared(self) -> tuple[Snapshot, Changes]:
        previous = self._relay.snapshot

        def prepare() -> tuple[Snapshot, Changes]:
            snapshot = self._build(self._load(), previous)
            return snapshot, changes(previous.outline, snapshot.outline)

        interval = sys.getswitchinterval()
        # A collection would stop every thread, and find nothing: what is made here is kept.
        gc.disable()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            return await asyncio.to_thread(prepare)
        finally:
            sys.setswitchinterval(interval)
            if gc.get_count()[0] > MANY_OBJECTS:
                _grow_old()
            gc.enable()

    async def _applied(self, snapshot: Snapshot) -> None:
        try:
            await self._apply(snapshot.settings)
        except Exception:
            await snapshot.aclose(successor=self._relay.snapshot)
            raise

    def _rejected(self, problems: tuple[str, ...]) -> Reloaded:
        self.problems = problems
        self._relay.metrics.reloaded("rejected")
        if self._tells:
            self._relay.logs.logger.error("config.rejected", problems=list(problems))
        return Reloaded(None, problems)

    async def _swap(self, snapshot: Snapshot, found: Changes) -> Reloaded:
        relay, before = self._relay, self._relay.snapshot
        snapshot.start(before)
        relay.snapshot = snapshot
        self.problems = ()
        relay.metrics.reloaded("applied")
        if self._tells:
            tell(relay.logs.logger, found)
        relay.end_revoked()
        if found.routes.gone:
            self._end_removed_later()
        self._shed_later(before)
        await before.aclose(successor=snapshot)
        return Reloaded(found)

    def _shed_later(self, snapshot: Snapshot) -> None:
        """Outlast a snapshot that nobody will have any more, then let it go in pieces.

        All at once it would stop the loop, for as long as it takes to free some hundred thousand objects.
        """
        pieces: list[object] = [*snapshot.plans.values(), *snapshot.settings.routes]
        loop = self._relay.loop

        def begin() -> None:
            if not loop.is_closed():  # its last holder may be another thread
                loop.call_soon_threadsafe(self._shed, pieces)

        weakref.finalize(snapshot, begin).atexit = False

    def _shed(self, pieces: list[object]) -> None:
        del pieces[-PIECES_A_TURN:]
        if pieces:
            self._relay.loop.call_later(TURN_SECONDS, self._shed, pieces)

    def _end_removed_later(self) -> None:
        """Give clients of removed routes a moment, for a mistake may be taken back."""

        def act() -> None:
            self._graces.discard(handle)
            self._relay.end_removed()

        handle = self._relay.loop.call_later(self._grace_seconds, act)
        self._graces.add(handle)

    def close(self) -> None:
        """Do nothing more."""
        for handle in self._graces:
            handle.cancel()
        self._graces.clear()


def _grow_old() -> None:
    """Make all that there is old, without looking through it; that would stop every call.

    It starts the collector's counts anew, so where reloads are quick and often it would hardly ever run.
    """
    gc.freeze()
    gc.unfreeze()


def tell(logger: FilteringBoundLogger, found: Changes) -> None:
    """Log a reload that was put into effect."""
    logger.info("config.reloaded", **_told(found))
    if found.fixed:
        logger.warning("config.needs_restart", keys=list(found.fixed))


def _told(found: Changes) -> dict[str, object]:
    """Return what changed, as fields of a log event."""
    told: dict[str, object] = {}
    for kind in ("routes", "upstreams", "principals"):
        difference = getattr(found, kind)
        for how in ("added", "removed", "changed", "renamed"):
            names = getattr(difference, how)
            if names:
                shown = [" -> ".join(name) if how == "renamed" else name for name in names[:NAMES_TOLD]]
                more = len(names) - len(shown)
                told[f"{kind}_{how}"] = [*shown, f"and {more} more"] if more else shown
    if found.keys:
        told["keys_changed"] = list(found.keys)
    return told
