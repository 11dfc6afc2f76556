"""The log: structlog events and the standard library's records, through one chain, to one sink.

Each event is sanitized after everything else was done to it but writing it.  Nothing is configured
globally until `attach_standard_library`, and `detach` takes that back.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterable, MutableMapping
from types import TracebackType
from typing import Any, Final

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from tentaculo.config.settings import LogSettings
from tentaculo.telemetry.records import AttachedLogging, RecordHandler
from tentaculo.telemetry.sanitizing import EventSanitizer

Event = MutableMapping[str, Any]
Processor = Callable[[Any, str, Event], Event]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

# Constants, not look-ups in a module at each call.
_dumps: Final = orjson.dumps
_WITH_NEWLINE: Final = orjson.OPT_APPEND_NEWLINE

_LEVELS = {"warn": "warning", "exception": "error", "fatal": "critical", "msg": "info"}
_NUMBERS = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}


class Logs:
    """One logger and where its lines go; `terminal` says whether the sink is one.

    `settings.format` auto is readable on a terminal and JSON elsewhere.  `secret_names` are added to
    the names whose values are masked.  `sink` is called with one whole line, from any thread, and `tap`,
    where there is one, with the same event as JSON.
    """

    def __init__(
        self,
        settings: LogSettings,
        sink: Callable[[bytes], None],
        *,
        terminal: bool = False,
        colors: bool = False,
        secret_names: Iterable[str] = (),
    ) -> None:
        readable = settings.format == "console" or (settings.format == "auto" and terminal)
        self._sink = sink
        self._level = _NUMBERS[settings.level]
        self._sanitizer = EventSanitizer((*settings.sanitize, *secret_names))
        self._stamp = Stamp()
        self._processors: tuple[Processor, ...] = (self._stamp, format_exception, self._sanitizer)
        self._console = ConsoleLine(colors=colors) if readable else None
        self._attached: AttachedLogging | None = None
        self.tap: Callable[[bytes], None] | None = None
        self.logger: FilteringBoundLogger = structlog.wrap_logger(
            _SinkLogger(sink),
            processors=[*self._processors, self._rendered],
            wrapper_class=structlog.make_filtering_bound_logger(self._level),
        ).bind()

    def learn(self, names: Iterable[str]) -> None:
        """Mask the values of more names, from now on."""
        self._sanitizer.learn(names)

    def event(self, level: str, event: str, fields: Event) -> None:
        """Log an event without structlog's logger, which takes longer than its processors.

        It is the same chain and the same line; for what happens often.
        """
        if _NUMBERS[level] >= self._level:
            self._sink(self._line(level, event, fields))

    def whole_event(self, event: dict[str, Any], secrets: tuple[str, ...]) -> None:
        """Log an event that begins with its "event", "level" and a "timestamp" of None, without "exc_info".

        It is the same line again, made without a copy of the event; for what happens at each call.
        """
        level: str = event["level"]
        if _NUMBERS[level] >= self._level:
            self._sanitizer.sanitize(event, secrets)
            event["timestamp"] = self._stamp.text()
            self._sink(self._rendered(None, level, event))

    def render(self, level: str, event: str, **fields: Any) -> bytes:
        """Return the line of an event without writing it."""
        return self._line(level, event, fields)

    def _line(self, level: str, event: str, line: Event) -> bytes:
        line["event"] = event
        for process in self._processors:
            line = process(None, level, line)
        return self._rendered(None, level, line)

    def _rendered(self, logger: Any, method_name: str, event: Event) -> bytes:
        tap, console = self.tap, self._console
        if tap is None and console is not None:
            return console(logger, method_name, event)
        line = json_line(logger, method_name, event)  # first: a reader's renderer takes the event apart
        if tap is not None:
            tap(line)
        return line if console is None else console(logger, method_name, event)

    def attach_standard_library(self) -> None:
        """Take over the standard library's records and warnings, whoever makes them."""
        if self._attached is None:
            self._attached = AttachedLogging(RecordHandler(self.render, self._sink), self._level)

    def detach(self) -> None:
        """Give the standard library's logging back as it was."""
        if self._attached is not None:
            self._attached.restore()
            self._attached = None


class _SinkLogger:
    """What structlog wraps: every level goes to the sink."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = sink


# -- processors ----------------------------------------------------------------


class Stamp:
    """Put event, level and UTC time first; the text of a second is made once."""

    __slots__ = ("_clock", "_second")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._second = (-1, "")

    def __call__(self, logger: Any, method_name: str, event: Event) -> Event:
        """Return the event with its stamp."""
        stamped: Event = {
            "event": event.pop("event", ""),
            "level": _LEVELS.get(method_name, method_name),
            "timestamp": self.text(),
        }
        stamped.update(event)
        return stamped

    def text(self) -> str:
        """Return the time now."""
        now = self._clock()
        second, text = self._second
        if int(now) != second:
            second = int(now)
            text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
            self._second = (second, text)  # at once: other threads log too
        digits = str(1_000_000 + int((now - second) * 1_000_000))
        return f"{text}{digits[1:]}Z"


def format_exception(logger: Any, method_name: str, event: Event) -> Event:
    """Write `exc_info` out as text, without local variables, so that it can be sanitized."""
    if "exc_info" in event:
        found = _exc_info(event.pop("exc_info"))
        if found is not None:
            event["exception"] = _traceback(found)
    return event


def _exc_info(value: Any) -> ExcInfo | None:
    if isinstance(value, BaseException):
        return type(value), value, value.__traceback__
    if isinstance(value, tuple):
        return value if len(value) == 3 and value[1] is not None else None
    kind, fault, trace = sys.exc_info()
    return None if not value or kind is None or fault is None else (kind, fault, trace)


def _traceback(found: ExcInfo) -> str:
    try:
        return "".join(traceback.format_exception(*found)).rstrip("\n")
    except Exception:  # an exception of someone else's may break its own printing
        return f"{found[0].__name__} (no traceback can be shown)"


def json_line(logger: Any, method_name: str, event: Event) -> bytes:
    """Write an event as one line of JSON; what UTF-8 can't hold becomes a question mark."""
    try:
        return _dumps(event, option=_WITH_NEWLINE)
    except TypeError:
        text = json.dumps(event, ensure_ascii=False, default=_type_name)
        return text.encode("utf-8", "replace") + b"\n"


def _type_name(value: object) -> str:
    return f"<{type(value).__name__}>"


class ConsoleLine:
    """Write an event for a reader; control characters show as pictures and never reach the terminal."""

    _MANY_LINES = frozenset({"exception", "stack"})

    def __init__(self, *, colors: bool) -> None:
        self._render = structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
        )

    def __call__(self, logger: Any, method_name: str, event: Event) -> bytes:
        """Return the line, or lines where there is a traceback."""
        for key, value in event.items():
            if isinstance(value, str) and not value.isprintable():
                event[key] = _printable(value, "\n" if key in self._MANY_LINES else "")
        return self._render(logger, method_name, event).encode("utf-8", "replace") + b"\n"


def _printable(text: str, kept: str) -> str:
    return "".join(char if char.isprintable() or char in kept else _picture(char) for char in text)


def _picture(char: str) -> str:
    """Return Unicode's picture of a control character, or the sign for one that can't be shown."""
    return chr(0x2400 + ord(char)) if char < " " else "\N{REPLACEMENT CHARACTER}"
