"""Gateways, servers and Node programs that end with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from starlette.types import ASGIApp

from tests.browser.conftest import sse_server, start_sse_server
from tests.clients.calls import Calls
from tests.clients.hosting import Hosted
from tests.clients.node import NodeProcess
from tests.functional.conftest import start_gateway, start_upstream, upstream

__all__ = ["sse_server", "start_gateway", "start_sse_server", "start_upstream", "upstream"]
Host = Callable[[ASGIApp], Awaitable[Hosted]]
StartNode = Callable[..., Awaitable[NodeProcess]]


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """Serve applications; each server is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def serve(app: ASGIApp) -> Hosted:
            hosted = Hosted(app)
            await hosted.start()
            stack.push_async_callback(hosted.stop)
            return hosted

        yield serve


@pytest.fixture
def calls() -> Calls:
    """What the test answers itself."""
    return Calls()


@pytest.fixture
async def backend(host: Host, calls: Calls) -> Hosted:
    """The server of those calls."""
    return await host(calls)


@pytest.fixture
async def start_node() -> AsyncIterator[StartNode]:
    """Run programs of `npm/`; each is gone after the test."""
    async with AsyncExitStack() as stack:

        async def start(program: str, **options: Any) -> NodeProcess:
            process = await NodeProcess.launch(program, options)
            stack.push_async_callback(process.stop)
            return process

        yield start
