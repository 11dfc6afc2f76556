"""Factories for gateways and upstreams that end with the test."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.event_server import EventServer
from tests.fakes.recorder import OK, Recorder
from tests.fakes.redis_server import RedisServer, running_redis
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.backlog import FullBacklog
from tests.functional.editing import EditedGateway
from tests.functional.process import GatewayProcess
from tests.functional.running import RunningGateway
from tests.functional.workers import WorkersProcess

LIMIT = 4 * 1024 * 1024
StartGateway = Callable[[str], Awaitable[RunningGateway]]
StartEdited = Callable[[str], Awaitable[EditedGateway]]
StartInstance = Callable[[str], Awaitable[GatewayProcess]]
StartWorkers = Callable[[str], Awaitable[WorkersProcess]]


class StartUpstream(Protocol):
    """Starts a scripted upstream; `keep=False` and a small `limit` make one for bodies of any size."""

    def __call__(
        self, *, keep: bool = ..., limit: int = ..., tls: ssl.SSLContext | None = ...
    ) -> Awaitable[ScriptedUpstream]: ...


class StartRecorder(Protocol):
    """Starts a recorder."""

    def __call__(self, *, reply: bytes = ..., close_after: bool = ...) -> Awaitable[Recorder]: ...


@pytest.fixture
async def start_gateway() -> AsyncIterator[StartGateway]:
    """Start gateways from YAML text; each is stopped at the end, and its log looked through."""
    async with AsyncExitStack() as stack:

        async def start(text: str) -> RunningGateway:
            running = RunningGateway(text)
            stack.callback(running.check_log)
            stack.push_async_callback(running.stop)
            await running.start()
            return running

        yield start


@pytest.fixture
async def start_edited(tmp_path: Path) -> AsyncIterator[StartEdited]:
    """Start gateways from a file to edit; each is stopped at the end and its log looked through."""
    async with AsyncExitStack() as stack:

        async def start(text: str) -> EditedGateway:
            gateway = EditedGateway(tmp_path / "tentaculo.yaml", text)
            stack.callback(gateway.check_log)
            stack.push_async_callback(gateway.stop)
            await gateway.start()
            return gateway

        yield start


@pytest.fixture
async def start_upstream() -> AsyncIterator[StartUpstream]:
    """Start scripted upstreams; each is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(
            *, keep: bool = True, limit: int = LIMIT, tls: ssl.SSLContext | None = None
        ) -> ScriptedUpstream:
            scripted = ScriptedUpstream(BEHAVIOURS, keep=keep, limit=limit, tls=tls)
            await scripted.start()
            stack.push_async_callback(scripted.stop)
            return scripted

        yield start


@pytest.fixture
async def upstream(start_upstream: StartUpstream) -> ScriptedUpstream:
    """A scripted upstream that keeps what it reads."""
    return await start_upstream()


@pytest.fixture
async def server() -> AsyncIterator[EventServer]:
    """A server in a process of its own, whose events have ids."""
    server = EventServer()
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def anonymous() -> AsyncIterator[EventServer]:
    """One whose events have none."""
    server = EventServer(ids=False)
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
def full_backlog() -> Iterator[FullBacklog]:
    """An address where connecting hangs."""
    full = FullBacklog()
    yield full
    full.close()


@pytest.fixture
async def start_recorder() -> AsyncIterator[StartRecorder]:
    """Start recorders; each is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(*, reply: bytes = OK, close_after: bool = False) -> Recorder:
            recorder = Recorder(reply=reply, close_after=close_after)
            await recorder.start()
            stack.push_async_callback(recorder.stop)
            return recorder

        yield start


@pytest.fixture
async def start_instance(tmp_path: Path) -> AsyncIterator[StartInstance]:
    """Start gateway processes from YAML text; each is gone after the test."""
    async with AsyncExitStack() as stack:
        files = (tmp_path / f"instance-{number}.yaml" for number in range(9))

        async def start(text: str) -> GatewayProcess:
            file = next(files)
            file.write_text(text)
            process = await GatewayProcess.launch(file)
            stack.push_async_callback(process.kill)
            await process.started()
            return process

        yield start


@pytest.fixture
async def start_workers(tmp_path: Path) -> AsyncIterator[StartWorkers]:
    """Start gateways of two worker processes from YAML text; each is gone after the test."""
    async with AsyncExitStack() as stack:

        async def start(text: str) -> WorkersProcess:
            file = tmp_path / "tentaculo.yaml"
            file.write_text(text)
            process = await WorkersProcess.launch_workers(file)
            stack.push_async_callback(process.kill)
            await process.started()
            return process

        yield start


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test's own."""
    with running_redis(tmp_path) as server:
        yield server
