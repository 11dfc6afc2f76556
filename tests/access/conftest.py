"""A Redis for tests that leave it running, and a store on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tentaculo.access.redis_store import RedisStore
from tests.fakes.redis_server import RedisServer, running_redis


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for the tests of a file."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    """An empty Redis that knows no script."""
    shared_server.command("FLUSHALL")
    shared_server.command("SCRIPT", "FLUSH")
    shared_server.command("CONFIG", "RESETSTAT")
    return shared_server


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    """A store by Redis' own clock, that waits long, so that a busy machine fails no test."""
    store = RedisStore(server.url, timeout=5)
    yield store
    await store.close()
