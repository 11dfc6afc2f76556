"""Logs whose lines are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tentaculo.config.settings import LogSettings
from tentaculo.telemetry.logs import Logs
from tests.telemetry.sinks import Lines


@pytest.fixture
def lines() -> Lines:
    """Return an empty sink."""
    return Lines()


@pytest.fixture
def make_logs(lines: Lines) -> Iterator[Callable[..., Logs]]:
    """Return a maker of logs into the sink; what it attached is detached."""
    made: list[Logs] = []

    def make(shape: str = "json", level: str = "debug", **options: Any) -> Logs:
        made.append(Logs(LogSettings(level=level, format=shape, sanitize=("own_name",)), lines, **options))
        return made[-1]

    yield make
    for logs in made:
        logs.detach()
