"""Factories for gateways and upstreams that end with the test."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Protocol

import pytest

from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.recorder import OK, Recorder
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import RunningGateway

LIMIT = 4 * 1024 * 1024
StartGateway = Callable[[str], Awaitable[RunningGateway]]


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
async def start_recorder() -> AsyncIterator[StartRecorder]:
    """Start recorders; each is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(*, reply: bytes = OK, close_after: bool = False) -> Recorder:
            recorder = Recorder(reply=reply, close_after=close_after)
            await recorder.start()
            stack.push_async_callback(recorder.stop)
            return recorder

        yield start
