"""Chooses events by what was asked for on the command line: any of an option's values, and all options.

Pure: knows events as mappings, nothing of files or terminals.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

LEVELS = ("debug", "info", "warning", "error", "critical")

_STATUS = re.compile(r"([1-9])xx|([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?", re.IGNORECASE).fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What events have to be like; what is empty or None is not asked for.

    Names are globs, `statuses` are first and last, `request_ids` are beginnings, `slower` is seconds.
    """

    routes: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    statuses: tuple[tuple[int, int], ...] = ()
    request_ids: tuple[str, ...] = ()
    slower: float | None = None
    level: str | None = None

    def test(self) -> Callable[[Mapping[str, Any]], bool] | None:
        """Return what says whether an event is wanted, None where every line is."""
        tests = [*self._tests()]
        return (lambda event: all(test(event) for test in tests)) if tests else None

    def _tests(self) -> Iterable[Callable[[Mapping[str, Any]], bool]]:
        for name, globs in (("route", self.routes), ("principal", self.principals), ("event", self.events)):
            if globs:
                yield _named(name, globs)
        if self.statuses:
            yield _status_within(self.statuses)
        if self.request_ids:
            yield _begins_with(self.request_ids)
        if self.slower is not None:
            yield _slower_than(self.slower * 1000)
        if self.level is not None:
            yield _at_least(self.level)


def read_statuses(text: str) -> tuple[tuple[int, int], ...]:
    """Return first and last of each of 404, 4xx and 400-499, with commas between.  Raises ValueError."""
    return tuple(_read_range(part.strip()) for part in text.split(","))


def _read_range(text: str) -> tuple[int, int]:
    match = _STATUS(text)
    if match is None:
        raise ValueError("takes statuses such as 404, 4xx or 400-499, with commas between")
    if match[1] is not None:
        return int(match[1]) * 100, int(match[1]) * 100 + 99
    first, last = int(match[2]), int(match[3] or match[2])
    if last < first:
        raise ValueError("takes ranges from the lower status to the higher one")
    return first, last


def _named(name: str, globs: tuple[str, ...]) -> Callable[[Mapping[str, Any]], bool]:
    def is_wanted(event: Mapping[str, Any]) -> bool:
        value = event.get(name)
        return isinstance(value, str) and any(fnmatchcase(value, glob) for glob in globs)

    return is_wanted


def _status_within(ranges: tuple[tuple[int, int], ...]) -> Callable[[Mapping[str, Any]], bool]:
    def is_wanted(event: Mapping[str, Any]) -> bool:
        status = event.get("status")
        return isinstance(status, int) and any(first <= status <= last for first, last in ranges)

    return is_wanted


def _begins_with(beginnings: tuple[str, ...]) -> Callable[[Mapping[str, Any]], bool]:
    def is_wanted(event: Mapping[str, Any]) -> bool:
        value = event.get("request_id")
        return isinstance(value, str) and value.startswith(beginnings)

    return is_wanted


def _slower_than(milliseconds: float) -> Callable[[Mapping[str, Any]], bool]:
    def is_wanted(event: Mapping[str, Any]) -> bool:
        duration = event.get("duration_ms")
        return isinstance(duration, (int, float)) and duration >= milliseconds

    return is_wanted


def _at_least(level: str) -> Callable[[Mapping[str, Any]], bool]:
    wanted = LEVELS[LEVELS.index(level) :]
    return lambda event: event.get("level") in wanted
