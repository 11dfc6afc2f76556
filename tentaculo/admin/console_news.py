"""What is new to one console: figures, log events, problems of the configuration, reloads.

It knows what it has told before, and nothing of how that travels.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tentaculo.admin.figures import Figures
from tentaculo.relay.relay import Relay
from tentaculo.relay.snapshot import Snapshot
from tentaculo.telemetry.log_tap import LineQueue

LINES_AT_ONCE = 200
BYTES_AT_ONCE = 128 * 1024

NamedEvent = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where all consoles have their news from; `problems` are those of the last rejected edit."""

    relay: Relay
    figures: Figures
    problems: Callable[[], Sequence[str]]


class News:
    """The news of one console; `lines` are its log events."""

    def __init__(self, sources: Sources, lines: LineQueue) -> None:
        self._sources = sources
        self._lines = lines
        self._snapshot = weakref.ref(sources.relay.snapshot)  # or it would outlive its reload
        self._routes: tuple[str, ...] | None = None
        self._routes_of: weakref.ref[Snapshot] | None = None
        self._problems: tuple[str, ...] | None = None
        self._figures: dict[str, Any] | None = None

    async def take(self) -> list[NamedEvent]:
        """Return the events since the last time, each with its name and JSON."""
        figures = await self._sources.figures.latest()
        return [*self._of_figures(figures), *self._of_configuration(), *self._of_log()]

    def _of_figures(self, figures: dict[str, Any]) -> Iterator[NamedEvent]:
        if figures is not self._figures:
            self._figures = figures
            yield "figures", orjson.dumps({**figures, **self._new_routes()}).decode()

    def _new_routes(self) -> dict[str, Any]:
        snapshot = self._sources.relay.snapshot
        if self._routes_of is not None and self._routes_of() is snapshot:
            return {}
        self._routes_of = weakref.ref(snapshot)
        routes = tuple(plan.name for plan in snapshot.plans.values())
        if routes == self._routes:
            return {}
        self._routes = routes
        return {"routes": routes}

    def _of_configuration(self) -> Iterator[NamedEvent]:
        problems = tuple(self._sources.problems())
        if problems != self._problems:
            self._problems = problems
            yield "problems", orjson.dumps(problems).decode()
        snapshot = self._sources.relay.snapshot
        if self._snapshot() is not snapshot:
            self._snapshot = weakref.ref(snapshot)
            yield "reloaded", "{}"

    def _of_log(self) -> Iterator[NamedEvent]:
        lines = self._lines.take(LINES_AT_ONCE, BYTES_AT_ONCE)
        if lines:
            yield "log", f"[{b','.join(lines).decode()}]"
