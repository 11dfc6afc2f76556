"""Factories for gateways and upstreams that end with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Protocol

import pytest

from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.recorder import Recorder
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import RunningGateway

StartGateway = Callable[[str], Awaitable[RunningGateway]]


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
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    """A scripted upstream."""
    scripted = ScriptedUpstream(BEHAVIOURS)
    await scripted.start()
    yield scripted
    await scripted.stop()


@pytest.fixture
async def start_recorder() -> AsyncIterator[StartRecorder]:
    """Start recorders; each is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(**options: object) -> Recorder:
            recorder = Recorder(**options)  # type: ignore[arg-type]
            await recorder.start()
            stack.push_async_callback(recorder.stop)
            return recorder

        yield start
