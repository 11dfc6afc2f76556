"""The stores that keep the contract, each on a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from tentaculo.access.memory_store import MemoryStore
from tentaculo.access.redis_scripts import channel_name
from tentaculo.access.redis_store import RedisStore
from tentaculo.access.store import StoreEvent, TokenStore
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually
from tests.fakes.redis_server import RedisServer, running_redis


class Bench:
    """A store under test with its clock and what its instances told.

    `listeners` counts the instances that are told; None where they all are from the start.
    """

    def __init__(
        self, clock: Clock, make: Callable[[int], TokenStore], listeners: Callable[[], int] | None = None
    ) -> None:
        self.clock = clock
        self.events: list[StoreEvent] = []
        self.shared = listeners is not None
        self._make = make
        self._listeners = listeners
        self._opened = AsyncExitStack()
        self._first: TokenStore | None = None

    async def open(self, *, max_tokens: int = 1_000_000) -> TokenStore:
        """Open a started store."""
        self._first = self._make(max_tokens)
        await self._start(self._first)
        return self._first

    async def open_another(self) -> TokenStore:
        """Open another instance on the same tokens; memory has only the one."""
        assert self._first is not None
        if not self.shared:
            return self._first
        another = self._make(1_000_000)
        await self._start(another)
        return another

    async def told(self, instances: int) -> None:
        """Wait until so many instances are told of events."""
        listeners = self._listeners
        if listeners is not None:
            await eventually(lambda: listeners() == instances)

    async def close(self) -> None:
        """Close what was opened."""
        await self._opened.aclose()

    async def _start(self, store: TokenStore) -> None:
        await store.start(self.events.append)
        self._opened.push_async_callback(store.close)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for all tests of this folder."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Each kind of store in turn, empty."""
    clock = Clock()
    if request.param == "memory":
        bench = Bench(clock, lambda most: MemoryStore(clock=clock, max_tokens=most))
    else:
        bench = _redis_bench(clock, request.getfixturevalue("server"))
    yield bench
    await bench.close()


@pytest.fixture
async def store(bench: Bench) -> TokenStore:
    """A store that is open."""
    return await bench.open()


@pytest.fixture
def clock(bench: Bench) -> Clock:
    """The clock of `store`."""
    return bench.clock


def _redis_bench(clock: Clock, server: RedisServer) -> Bench:
    server.command("FLUSHALL")

    def make(most: int) -> TokenStore:
        # Generous, so that a busy machine fails no test of what is answered.
        return RedisStore(server.url, timeout=5, max_tokens=most, clock=clock)

    def listeners() -> int:
        return int(server.command("PUBSUB", "NUMSUB", channel_name(0))[1])

    return Bench(clock, make, listeners)
