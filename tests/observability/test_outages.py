"""Each of the example's seven services dies while nobody calls: a real Prometheus raises its alert."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.fakes.redis_server import becomes
from tests.observability.prometheus import PrometheusServer
from tests.observability.stack import GATEWAY, REDIS, UPSTREAMS, Stack

Outage = Callable[[Stack, str], AbstractAsyncContextManager[None]]
Fired = tuple[str, str | None]

STORE = "tentaculo_token_store_up"
# How a service is lost, which it is, its alert, and the series that is 0 while it is away and 1 else.
OUTAGES: tuple[tuple[Outage, str, Fired, str], ...] = (
    *(
        (Stack.without, name, ("UpstreamDown", name), f'tentaculo_upstream_server_up{{upstream="{name}"}}')
        for name in UPSTREAMS
    ),
    (Stack.without, REDIS, ("TokenStoreDown", None), STORE),
    (Stack.hung_redis, REDIS, ("TokenStoreDown", None), STORE),
    (Stack.without, GATEWAY, ("GatewayDown", None), "up"),
)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """All seven."""
    stack = Stack(tmp_path)
    try:
        await stack.start()
        yield stack
    finally:
        await stack.stop()


@pytest.fixture
async def prometheus(tmp_path: Path, stack: Stack) -> AsyncIterator[PrometheusServer]:
    """A Prometheus that scrapes the gateway."""
    server = PrometheusServer(tmp_path, stack.admin_port, hurried=True)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


async def fires(prometheus: PrometheusServer, *alerts: Fired) -> None:
    """Wait until these alerts fire, and no other does."""
    seen: list[Fired] = []

    async def as_expected() -> bool:
        seen[:] = [(labels["alertname"], labels.get("upstream")) for labels in await prometheus.firing()]
        return sorted(seen, key=str) == sorted(alerts, key=str)

    try:
        await becomes(as_expected, 15)
    except TimeoutError:
        pytest.fail(f"{seen} fire, not {alerts}")


@pytest.mark.slow
async def test_each_service_that_dies_is_told_of(stack: Stack, prometheus: PrometheusServer) -> None:
    """Its own alert fires and no other, as long as it is away; Redis may hang as well."""
    await fires(prometheus)
    for outage, name, alert, series in OUTAGES:
        async with outage(stack, name):
            await fires(prometheus, alert)
            assert await prometheus.query(series) == [0], name
        await fires(prometheus)
        assert await prometheus.query(series) == [1], name
