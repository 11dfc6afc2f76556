"""Puts an edited configuration into effect in all workers, or keeps the one before in all of them.

The supervisor reads it, once: the workers never see a bad one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack

from tentaculo.config.file_marks import FileMark
from tentaculo.config.outline import Outline, changes, outline_of
from tentaculo.config.problems import ConfigError
from tentaculo.config.settings import Address, Settings
from tentaculo.listening import StartError
from tentaculo.relay.reloading import Reloaded, tell
from tentaculo.telemetry.logs import Logs
from tentaculo.telemetry.metrics import Metrics
from tentaculo.workers.crew import Crew
from tentaculo.workers.member import Member
from tentaculo.workers.sockets import Place

RELOAD_SECONDS = 60.0  # for a worker to take over a configuration; one that needs longer is replaced

Problems = tuple[str, ...]
MoveAdmin = Callable[[Address, AsyncExitStack], Awaitable[Callable[[], Awaitable[None]]]]


class Reloads:
    """One reload of all workers after another.

    `load` reads the configuration, `pack` makes what a worker is handed of it; `move_admin` opens the admin
    listener elsewhere, to be undone by the stack, and returns what then closes the old one.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[], Settings],
        pack: Callable[[Settings], AbstractContextManager[int]],
        move_admin: MoveAdmin,
        logs: Logs,
        metrics: Metrics,
    ) -> None:
        self.settings = settings  # what workers that start now start with
        self.outline = outline_of(settings)
        self.problems: Problems = ()
        self._load = load
        self._pack = pack
        self._move_admin = move_admin
        self._logs = logs
        self._metrics = metrics
        self._named: tuple[FileMark, ...] = ()
        self._one_at_a_time = asyncio.Lock()

    @property
    def files(self) -> tuple[FileMark, ...]:
        """The files of the configuration in effect, and those that one names that was rejected since."""
        return (*self.settings.files, *self._named)

    async def reload(self, crew: Crew) -> Reloaded:
        """Read the configuration and put it into effect, unless anything is wrong with it."""
        async with self._one_at_a_time:
            try:
                settings = await asyncio.to_thread(self._load)
                self._named = settings.files
                outline = await asyncio.to_thread(outline_of, settings)
                problems = await self._apply(settings, crew)
            except ConfigError as error:
                self._named = error.files
                problems = tuple(map(str, error.problems))
            except StartError as fault:
                problems = (str(fault),)
            except Exception as fault:
                self._logs.logger.error("config.failed", exc_info=fault)
                problems = (f"the gateway failed on it: {type(fault).__name__}",)
            return self._rejected(problems) if problems else self._applied(outline, crew)

    def _rejected(self, problems: Problems) -> Reloaded:
        self.problems = problems
        self._metrics.reloaded("rejected")
        self._logs.logger.error("config.rejected", problems=list(problems))
        return Reloaded(None, problems)

    def _applied(self, outline: Outline, crew: Crew) -> Reloaded:
        found, self.outline = changes(self.outline, outline), outline
        self.problems = ()
        self._metrics.reloaded("applied")
        for label, difference in ((b"route", found.routes), (b"upstream", found.upstreams)):
            crew.past.forget(label, (*difference.removed, *(old for old, _ in difference.renamed)))
        tell(self._logs.logger, found)
        return Reloaded(found)

    async def _apply(self, settings: Settings, crew: Crew) -> Problems:
        """Have all take over settings; return the problems for which none did.  Raises StartError."""
        before = self.settings
        async with AsyncExitStack() as undo:
            place = None
            if settings.listen != before.listen:
                place = await asyncio.to_thread(Place, settings.listen)
                undo.callback(place.close)
            close_admin = None
            if settings.admin != before.admin:
                close_admin = await self._move_admin(settings.admin, undo)
            leave = None if place is None else crew.move(place, undo)
            self.settings = settings
            undo.callback(setattr, self, "settings", before)
            problems = await self._hand_over(settings, crew, moved=place is not None)
            if problems:
                return problems
            undo.pop_all()
        if leave is not None:
            leave()
        if close_admin is not None:
            await close_admin()
        return ()

    async def _hand_over(self, settings: Settings, crew: Crew, *, moved: bool) -> Problems:
        """Give settings to every worker; those that alone can't take them over are replaced."""
        with self._pack(settings) as packed:

            async def give(member: Member, sockets: list[int]) -> Problems | None:
                if await asyncio.shield(member.started) is not None:
                    return ()
                return await member.reload(packed, sockets if moved else [], RELOAD_SECONDS)

            members = crew.staying
            answers = await asyncio.gather(*(give(member, sockets) for member, sockets in members))
        problems = dict.fromkeys(one for answer in answers if answer for one in answer)
        if problems and all(answers):
            return tuple(problems)
        for (member, _), answer in zip(members, answers, strict=True):
            if answer is None or answer:
                member.replace(at_once=answer is None)
        return ()
