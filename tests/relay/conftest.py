"""Fronts, upstreams and slow clients that end with the test."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.relay.front import Front, SlowClient
from tests.relay.parts import Upstream, open_upstream

ROUTES = """
routes:
  - {name: everything, path: /*, upstream: backend}
  - {name: stream, path: /sse, upstream: backend, stream: {}}
  - {name: delegated, path: /redirect, upstream: backend, access: upstream, stream: {}}
"""
LIMITS = "streams: 1, body: 1MiB, body_timeout: 200ms"
TIMEOUTS = "connect: 1s, response: 30s, idle: 60s"
StartFront = Callable[[str], Awaitable[Front]]


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    """A scripted upstream."""
    scripted = ScriptedUpstream(BEHAVIOURS)
    await scripted.start()
    yield scripted
    await scripted.stop()


@asynccontextmanager
async def running_fronts(caplog: pytest.LogCaptureFixture) -> AsyncIterator[StartFront]:
    """Start fronts from YAML text; none may make a library complain, or forget an exchange."""
    async with AsyncExitStack() as stack:

        async def start(text: str) -> Front:
            front = Front(text)
            stack.callback(lambda: _check_over(front, caplog))
            await front.start()
            stack.push_async_callback(front.aclose)
            return front

        yield start


@pytest.fixture
async def start_front(caplog: pytest.LogCaptureFixture) -> AsyncIterator[StartFront]:
    """Start fronts, which end with the test."""
    async with running_fronts(caplog) as start:
        yield start


def _check_over(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert front.relay.open_exchanges == 0
    assert len(front.relay.streams) == 0


@pytest.fixture
async def slow_client() -> AsyncIterator[SlowClient]:
    """A client that takes no byte unless told to."""
    client = SlowClient()
    yield client
    client.close()


@pytest.fixture
async def backend() -> AsyncIterator[Upstream]:
    """An upstream connection whose other end is the test's."""
    with open_upstream() as opened:
        yield opened


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front before a scripted upstream."""
    return await start_front(configuration(upstream.port, routes=ROUTES, limits=LIMITS, timeouts=TIMEOUTS))
