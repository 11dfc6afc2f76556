"""The standard library's records, made events: a handler, and the root logger that has it alone.

Stays Python: logging keeps weak references to its handlers, and a compiled class with a foreign base
would leave them dangling.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

_SILENCED = "aiohttp.access"  # it prints the query string, and the gateway has its own event


class RecordHandler(logging.Handler):
    """Makes an event of a record; `render` takes level, event and fields and returns the line."""

    def __init__(self, render: Callable[..., bytes], sink: Callable[[bytes], None]) -> None:
        super().__init__()
        self._render = render
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; it is never printed by another way, which would show what it holds."""
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        if record.stack_info:
            fields["stack"] = record.stack_info
        self._sink(self._render(_level_name(record.levelno), _message(record), **fields))


class AttachedLogging:
    """The root logger with one handler, and what it had before."""

    def __init__(self, handler: logging.Handler, level: int) -> None:
        self._root = logging.getLogger()
        self._access = logging.getLogger(_SILENCED)
        self._before = (self._root.handlers, self._root.level, self._access.disabled)
        shows_warnings = warnings.showwarning
        logging.captureWarnings(True)
        self._captures = warnings.showwarning is not shows_warnings
        self._root.handlers = [handler]
        self._root.setLevel(level)
        self._access.disabled = True

    def restore(self) -> None:
        """Give the standard library's logging back as it was."""
        self._root.handlers, level, self._access.disabled = self._before
        self._root.setLevel(level)
        if self._captures:
            logging.captureWarnings(False)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # arguments that do not fit the message
        return f"{record.msg} (arguments do not fit)"


def _level_name(level: int) -> str:
    for name in ("critical", "error", "warning", "info"):
        if level >= logging.getLevelNamesMapping()[name.upper()]:
            return name
    return "debug"
