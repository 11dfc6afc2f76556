"""Connections are tried on uvloop, which production runs, and on asyncio's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import pytest
import uvloop

from tests.functional.backlog import FullBacklog
from tests.upstream.fakes import Link, ManualServer
from tests.upstream.pooled import Pooled


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every asynchronous test of this directory on both loops."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture
async def server() -> AsyncIterator[ManualServer]:
    """A listening server that says nothing by itself; it reads little ahead."""
    server = ManualServer(limit=64 * 1024)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def link(server: ManualServer) -> AsyncIterator[Link]:
    """An open connection to it."""
    link = Link()
    await link.open(server)
    yield link
    await link.aclose()


@pytest.fixture
async def pooled(server: ManualServer) -> AsyncIterator[Pooled]:
    """A pool in front of a server that says nothing by itself."""
    pooled = Pooled(server)
    yield pooled
    await pooled.aclose()


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port that neither accepts nor refuses."""
    full = FullBacklog()
    yield full.port
    full.close()
