"""A real Prometheus scrapes a gateway under load: every panel shows something, every rule holds something."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import RunningGateway
from tests.observability.files import queries, recorded, variables
from tests.observability.load import configuration, hold_streams, one_round
from tests.observability.prometheus import PrometheusServer

SECONDS = 25.0
WINDOW = "15s"
# What is wrong with the gateway under load, as far as it shows at once.
WRONG = {
    "ErrorRateHigh",
    "PrincipalTokensOnStreams",
    "RollbackErrorRate",
    "TokenAdoptionLow",
    "UpstreamFailing",
    "UpstreamServerDown",
}
RIGHT = {"ConfigurationRejected", "GatewayDown", "TokenStoreDown", "UpstreamDown"}


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    """A scripted upstream."""
    scripted = ScriptedUpstream(BEHAVIOURS)
    await scripted.start()
    yield scripted
    await scripted.stop()


@pytest.fixture
async def gateway(upstream: ScriptedUpstream) -> AsyncIterator[RunningGateway]:
    """A gateway with a route of each kind."""
    running = RunningGateway(configuration(upstream))
    running.errors_expected = True
    await running.start()
    yield running
    await running.stop()
    running.check_log()


@pytest.fixture
async def prometheus(tmp_path: Path, gateway: RunningGateway) -> AsyncIterator[PrometheusServer]:
    """A Prometheus that scrapes it."""
    server = PrometheusServer(tmp_path, gateway.admin_port)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


async def shows(prometheus: PrometheusServer, expression: str) -> bool:
    """Whether an expression gives a number now."""
    return any(not math.isnan(value) for value in await prometheus.query(expression))


async def state(prometheus: PrometheusServer) -> dict[str, bool]:
    """Return each alert, and whether what it is for is so now."""
    rules = [rule for rule in await prometheus.rules() if rule["type"] == "alerting"]
    return {rule["name"]: rule["state"] != "inactive" for rule in rules}


async def choices(prometheus: PrometheusServer) -> dict[str, str]:
    """Return what Grafana fills in for each variable when all its values are chosen; nothing without one."""
    chosen = {"__rate_interval": WINDOW}
    for name, query in variables().items():
        selector, label = query.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
        values = await prometheus.label_values(label, filled(selector, chosen))
        chosen[name] = f"({'|'.join(values)})" if values else ""
    return chosen


def filled(expression: str, chosen: dict[str, str]) -> str:
    """Fill the variables in."""
    return re.sub(r"\$(\w+)", lambda found: chosen[found[1]], expression)


@pytest.mark.slow
async def test_panels_and_rules_on_a_loaded_gateway(
    gateway: RunningGateway, upstream: ScriptedUpstream, prometheus: PrometheusServer
) -> None:
    """Each panel's queries and each recording rule give numbers; alerts tell what is wrong, and only that."""
    await hold_streams(gateway)
    left = queries()
    left += [(rule["record"], rule["record"]) for rule in recorded()]
    alerts: dict[str, bool] = {}
    try:
        async with asyncio.timeout(SECONDS):
            while left or not all(alerts[name] for name in WRONG):
                await one_round(gateway, upstream)
                chosen = await choices(prometheus)
                left = [one for one in left if not await shows(prometheus, filled(one[1], chosen))]
                alerts = await state(prometheus)
    except TimeoutError:
        pytest.fail(f"nothing is shown for {left}; the alerts are {alerts}")
    assert not [name for name in RIGHT if alerts[name]]
    assert {rule["health"] for rule in await prometheus.rules()} == {"ok"}
