"""Makes lines for a reader of the gateway's events: what matters at a glance, then what else there is.

Knows what the events hold, nothing of files or terminals.
"""

from __future__ import annotations

from collections.abc import Iterator

from tentaculo.admin.tail_clock import TailClock
from tentaculo.admin.tail_events import Event, text_of, visible
from tentaculo.admin.tail_layout import Layout, Look, Piece

SHORT_ID = 8
_SLOW_MILLISECONDS = 1000
_TAB = 4

_OF_STATUS = {2: "good", 3: "moved", 4: "refused", 5: "failed"}
_OF_LEVEL = {"warning": "refused", "error": "failed", "critical": "failed"}
_BELOW = ("exception", "stack")
# What has a place of its own, and what is shown only where all is asked for.
_PLACED = frozenset(
    {"timestamp", "level", "event", "status", "duration_ms", "method", "url", "route", "principal", "code"}
    | {"reason", "end_reason", "events", "request_id", *_BELOW}
)
_LEFT_OUT = frozenset({"client", "upstream", "bytes_in", "bytes_out", "opened_by"})


class TailLines:
    """Makes lines of events; where the day is not `today`, or no longer, a line of its own says so."""

    def __init__(self, look: Look, *, today: str | None = None) -> None:
        self._full = look.full
        self._layout = Layout(look)
        self._clock = TailClock(utc=look.utc, milliseconds=look.is_wide)
        self._day = today or self._clock.today()

    def plain(self, line: bytes) -> str:
        """Return a line that holds no event, as it is."""
        text = line.decode("utf-8", "replace").rstrip().expandtabs(_TAB)
        return self._layout.painted([(self._layout.capped(visible(text)), "dim")])

    def event(self, event: Event) -> str:
        """Return an event's line, with lines below it where it holds a traceback."""
        day, clock = self._clock.read(event.get("timestamp"))
        start: list[Piece] = [(clock, "dim")]
        status = event.get("status")
        if type(status) is int:
            start += _answer(event, status)
            line = self._layout.line(start, self._target(event), [*self._told(event, _style_of(status))])
        else:
            details = [*_happening(event), *self._told(event, _OF_LEVEL.get(str(event.get("level")), ""))]
            line = self._layout.line(start, "", details)
        return "".join((self._new_day(day), line, *self._below(event)))

    def _new_day(self, day: str) -> str:
        if day in {"", self._day}:
            return ""
        self._day = day
        return self._layout.painted([(f"── {day}", "dim")])

    def _target(self, event: Event) -> str:
        words = (_word(event, "method"), _word(event, "url"))
        return self._layout.capped(" ".join(word for word in words if word))

    def _told(self, event: Event, style: str) -> Iterator[Piece]:
        """Yield what comes after the columns."""
        name = _word(event, "event")
        if type(event.get("status")) is int:
            if name and name != "request.finished":
                yield name, "event"
        elif target := self._target(event):
            yield target, ""
        for key in ("route", "principal"):
            if word := _word(event, key):
                yield word, key
        if reasons := [word for word in (_word(event, "code"), _word(event, "reason")) if word]:
            yield self._layout.capped(": ".join(reasons)), style or "refused"
        yield from _end(event)
        for key, value in event.items():
            if key not in _PLACED and (self._full or key not in _LEFT_OUT):
                yield self._layout.capped(f"{visible(key)}={text_of(value)}"), ""
        if word := _word(event, "request_id"):
            yield word if self._full else word[:SHORT_ID], "dim"

    def _below(self, event: Event) -> Iterator[str]:
        for key in _BELOW:
            for line in _word(event, key, lines=True).splitlines():
                yield self._layout.painted([("  ", ""), (self._layout.capped(visible(line)), "dim")])


def _word(event: Event, key: str, *, lines: bool = False) -> str:
    """Return a known field's text, nothing where there is none."""
    value = event.get(key)
    if value is None:
        return ""
    if isinstance(value, str):
        return value if lines else visible(value)
    return text_of(value)


def _answer(event: Event, status: int) -> Iterator[Piece]:
    """Yield the columns of status and duration."""
    yield f" {status:>3}", _style_of(status)
    duration = event.get("duration_ms")
    if isinstance(duration, (int, float)) and not isinstance(duration, bool):
        is_slow = duration >= _SLOW_MILLISECONDS and event.get("event") == "request.finished"
        yield f" {duration_text(duration):>7}", "slow" if is_slow else "dim"
    else:
        yield " " * 8, ""


def _happening(event: Event) -> Iterator[Piece]:
    """Yield what stands in place of these columns: the event's name, and its level unless that is usual."""
    level = _word(event, "level")
    style = _OF_LEVEL.get(level, "event")
    if level and level != "info":
        yield level, style
    if name := _word(event, "event"):
        yield name, style


def _end(event: Event) -> Iterator[Piece]:
    if word := _word(event, "end_reason"):
        yield word, "event"
    events = event.get("events")
    if events is not None:
        yield f"{text_of(events)} {'event' if events == 1 else 'events'}", ""


def _style_of(status: int) -> str:
    return _OF_STATUS.get(status // 100, "event")


def duration_text(milliseconds: float) -> str:
    """Return a duration in at most seven characters, as exact as they allow."""
    if milliseconds < 100:
        return f"{milliseconds:.1f}ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f}ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f}s"
    minutes, seconds = divmod(int(milliseconds) // 1000, 60)
    if minutes < 60:
        return f"{minutes}m{seconds:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02}m"
    return f"{hours // 24}d{hours % 24:02}h"
