"""The console over all workers: the figures of all as one, and what any of them logs.

While no console is open no worker is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp
import orjson

from tentaculo.admin.console import EVENTS_PATH, TOKEN_PATH
from tentaculo.admin.console_news import BYTES_AT_ONCE, LINES_AT_ONCE, NamedEvent
from tentaculo.config.settings import Settings
from tentaculo.telemetry.log_tap import LineQueue
from tentaculo.workers.crew import Crew
from tentaculo.workers.member import Member

PERIOD_SECONDS = 1.0

Figures = dict[str, Any]


class MergedNews:
    """The news of all workers for one console; `lines` are the log's."""

    def __init__(
        self,
        crew: Callable[[], Crew],
        lines: LineQueue,
        *,
        settings: Callable[[], Settings],
        problems: Callable[[], Sequence[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._crew = crew
        self._lines = lines
        self._settings = settings
        self._problems = problems
        self._clock = clock
        self._due = clock()
        self._followed: dict[Member, asyncio.Task[None]] = {}
        self._figures: dict[Member, Figures] = {}
        self._told_settings = settings()
        self._told_problems: tuple[str, ...] | None = None
        self._told_routes: tuple[str, ...] | None = None

    async def take(self) -> list[NamedEvent]:
        """Return the events since the last time, each with its name and JSON."""
        self._follow()
        return [*self._of_figures(), *self._of_configuration(), *self._of_log()]

    async def aclose(self) -> None:
        """Ask the workers no more."""
        tasks = list(self._followed.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _follow(self) -> None:
        members = self._crew().members
        for member in members:
            task = self._followed.get(member)
            if task is None or task.done():
                self._followed[member] = asyncio.get_running_loop().create_task(self._read(member))
        for member in [one for one in self._followed if one not in members]:
            self._followed.pop(member).cancel()
            self._figures.pop(member, None)

    def _of_figures(self) -> list[NamedEvent]:
        if self._clock() < self._due or not self._figures:
            return []
        self._due = self._clock() + PERIOD_SECONDS
        figures = merged_figures(list(self._figures.values()))
        routes = tuple(route.name for route in self._settings().routes)
        if routes != self._told_routes:
            self._told_routes = routes
            figures["routes"] = routes
        return [("figures", orjson.dumps(figures).decode())]

    def _of_configuration(self) -> list[NamedEvent]:
        events = []
        problems = tuple(self._problems())
        if problems != self._told_problems:
            self._told_problems = problems
            events.append(("problems", orjson.dumps(problems).decode()))
        if self._settings() is not self._told_settings:
            self._told_settings = self._settings()
            events.append(("reloaded", "{}"))
        return events

    def _of_log(self) -> list[NamedEvent]:
        lines = self._lines.take(LINES_AT_ONCE, BYTES_AT_ONCE)
        return [("log", f"[{b','.join(lines).decode()}]")] if lines else []

    async def _read(self, member: Member) -> None:
        """Follow the console of one worker, until it ends."""
        issued = await member.asking.ask("POST", TOKEN_PATH)
        if issued is None or issued.status != 200:
            await asyncio.sleep(PERIOD_SECONDS)  # asked again then
            return
        bearer = {"Authorization": f"Bearer {issued.json()['sse_token']}"}
        with suppress(aiohttp.ClientError, OSError):
            async with AsyncExitStack() as stack:
                reply = await stack.enter_async_context(member.asking.open(EVENTS_PATH, bearer))
                name = b""
                async for line in reply.content:
                    field, _, value = line.rstrip().partition(b": ")
                    if field == b"event":
                        name = value
                    elif field == b"data":
                        self._take_in(member, name, value)

    def _take_in(self, member: Member, name: bytes, data: bytes) -> None:
        if name == b"figures":
            self._figures[member] = orjson.loads(data)
        elif name == b"log":
            for event in orjson.loads(data):
                self._lines.put(orjson.dumps(event))


@asynccontextmanager
async def closing(news: MergedNews) -> AsyncIterator[MergedNews]:
    """Yield news, and end them with the block."""
    try:
        yield news
    finally:
        await news.aclose()


def merged_figures(all_of: Sequence[Figures]) -> Figures:
    """Return the figures of several workers as one's.

    Latencies are the mean of theirs, each counting for as many calls as it had.
    """
    first, calls = all_of[0], _sum(all_of, "calls_per_second")
    errors = _sum(all_of, "errors_per_second")
    tokens = [one["tokens"] for one in all_of]
    return {
        **first,
        "at": max(one["at"] for one in all_of),
        "calls_per_second": calls,
        "errors_per_second": errors,
        "refused_per_second": _sum(all_of, "refused_per_second"),
        "error_rate": round(errors / calls, 5) if calls else None,
        "latency_ms": {name: _mean(all_of, name) for name in first["latency_ms"]},
        "tokens": {
            "issued_per_second": _sum(tokens, "issued_per_second"),
            "refused_per_second": _sum(tokens, "refused_per_second"),
            "valid": max(one["valid"] for one in tokens),
            "refused": {name: sum(one["refused"][name] for one in tokens) for name in tokens[0]["refused"]},
        },
        "open_streams": _sum(all_of, "open_streams"),
        "connections": _sum(all_of, "connections"),
        "ready": any(one["ready"] for one in all_of),
        "draining": all(one["draining"] for one in all_of),
        "uptime_seconds": max(one["uptime_seconds"] for one in all_of),
    }


def _sum(all_of: Sequence[Figures], name: str) -> Any:
    return round(sum(one[name] for one in all_of), 3)


def _mean(all_of: Sequence[Figures], quantile: str) -> float | None:
    known = [
        (one["latency_ms"][quantile], max(one["calls_per_second"], 0.001))
        for one in all_of
        if one["latency_ms"][quantile] is not None
    ]
    weight = sum(share for _, share in known)
    return round(sum(value * share for value, share in known) / weight, 3) if known else None
