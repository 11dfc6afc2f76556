"""Each of the seven containers is killed: its alert fires, and its runbook's commands bring it back."""

from __future__ import annotations

import pytest

from tests.fakes.redis_server import becomes
from tests.observability.files import alerts
from tests.stack.monitored import MonitoredStack
from tests.stack.runbooks import runbook
from tests.stack.stack import SERVICES, run

UPSTREAMS = {"operator-backend": "operator"} | {
    name: name for name in ("madre", "switch", "hermes", "frontend")
}
# Which container it is, and the labels of its alert that say so.
KILLED = {
    "redis": {"alertname": "TokenStoreDown"},
    "tentaculo_link": {"alertname": "GatewayDown"},
    **{name: {"alertname": "UpstreamDown", "upstream": upstream} for name, upstream in UPSTREAMS.items()},
}
PAGES = {alert["alert"]: alert["annotations"]["runbook"] for alert in alerts()}


def test_all_seven() -> None:
    """Every service of the stack is killed."""
    assert KILLED.keys() == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
async def test_killed(service: str, monitored: MonitoredStack) -> None:
    """Its own alert fires, alone; what its page says under Act brings it back, and the alert ends."""
    told = KILLED[service]
    page = runbook(PAGES[told["alertname"]])
    run(["docker", "kill", monitored.container(service)], monitored.environ)
    await fires(monitored, told)
    await monitored.turns_bad(page)
    await monitored.section(page, "Act")
    await monitored.turns_good(page)
    await monitored.is_well()


async def fires(monitored: MonitoredStack, wanted: dict[str, str]) -> None:
    """Wait until an alert with these labels fires, and no other does."""
    seen: list[dict[str, str]] = []

    async def as_expected() -> bool:
        seen[:] = await monitored.firing()
        return [{name: labels.get(name, "") for name in wanted} for labels in seen] == [wanted]

    try:
        await becomes(as_expected, 40)
    except TimeoutError:
        pytest.fail(f"{seen} fire, not {wanted}")
