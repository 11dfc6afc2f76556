"""What every test shares: the event loop that the gateway itself runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of what is too long for every run."""
    config.addinivalue_line("markers", "big: passes gigabytes through; only run with `-m big`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is too long, unless markers were asked for."""
    if not config.getoption("markexpr"):
        items[:] = [item for item in items if item.get_closest_marker("big") is None]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every asynchronous test on uvloop."""
    return {"uvloop": uvloop.new_event_loop}
