"""Interim: the structlog chain."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import orjson
import structlog

from tentaculo.config.settings import LogSettings

_TOKEN = re.compile(r"((?:token|key|secret)=)[^&\s]*", re.I)


def _sanitize(logger: Any, name: str, event: Any) -> Any:
    secrets = event.pop("secrets", ())
    for key, value in event.items():
        if isinstance(value, str) and key not in ("event", "level", "route", "upstream"):
            value = _TOKEN.sub(r"\1***", value)
            for secret in secrets:
                if len(secret) >= 8:
                    value = value.replace(secret, "***")
            event[key] = value
    return event


class _Sink:
    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink

    def msg(self, line: bytes) -> None:
        self._sink(line)

    debug = info = warning = error = critical = msg


class Logs:
    def __init__(self, settings: LogSettings, sink: Callable[[bytes], None], *, terminal: bool = False) -> None:
        self.logger: Any = structlog.wrap_logger(
            _Sink(sink),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.format_exc_info,
                _sanitize,
                lambda _l, _n, event: orjson.dumps(event, default=str) + b"\n",
            ],
            wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
            cache_logger_on_first_use=True,
        ).bind()

    def attach_standard_library(self) -> None:
        pass

    def detach(self) -> None:
        pass
