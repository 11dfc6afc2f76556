"""The factories of the functional tests, and proxies that end with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.fakes.fault_proxy import UNHARMED, FaultProxy, Plan
from tests.functional.conftest import server, start_gateway, start_instance, start_upstream, upstream

__all__ = ["server", "start_gateway", "start_instance", "start_proxy", "start_upstream", "upstream"]

StartProxy = Callable[..., Awaitable[FaultProxy]]


@pytest.fixture
async def start_proxy() -> AsyncIterator[StartProxy]:
    """Start proxies before ports; each is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(port: int, plan: Plan = UNHARMED) -> FaultProxy:
            proxy = FaultProxy(port, plan)
            await proxy.start()
            stack.push_async_callback(proxy.stop)
            return proxy

        yield start
