"""The EventsPanel's states, each as its user sees it."""

from __future__ import annotations

import pytest

from tests.browser.console_pages import check
from tests.browser.panel_fixtures import panel_dist, stack, user
from tests.browser.panel_stack import NARROW, NARROW_TOKEN, PRINCIPAL, TOKEN, PanelStack
from tests.browser.panel_user import TOKEN_FIELD, PanelUser
from tests.fakes.chromium import Context

__all__ = ["panel_dist", "stack", "user"]

SWITCHED_OFF = {"VX11_OPERATOR_PROXY_ENABLED": "0"}
ONE_TOKEN = "    methods: [POST]\n    rate_limit: {rate: 1/h, burst: 1, per: route}"


async def test_from_idle_to_connected(stack: PanelStack, user: PanelUser) -> None:
    """It asks for a token, says that it connects until the stream opens, and then shows what happens."""
    await stack.start()
    stack.operator.issuing.clear()
    await user.load()
    await user.is_in("idle")
    assert stack.gateway.logs.named("request.finished")[-1]["route"] == "panel"
    await user.give(TOKEN)
    await user.is_in("connecting")
    await user.sees("The event stream is being opened")
    assert await user.page.evaluate("() => document.querySelectorAll('.skeleton').length") > 0
    stack.operator.issuing.set()
    await user.is_in("connected")
    await user.sees("No events yet")
    stack.tell()
    await user.shows_row("event 1")
    check(user)


async def test_disconnect(stack: PanelStack, user: PanelUser) -> None:
    """The stream ends, the events stay, and the token is asked for again."""
    await stack.start()
    await user.connected()
    stack.tell()
    await user.shows_row("event 1")
    await user.click("text=Disconnect")
    await user.is_in("idle")
    await user.sees(TOKEN_FIELD)
    await stack.gateway.logs.wait_for("stream.ended")
    assert await user.summaries() == ["event 1"]


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        pytest.param("wr0ng-token-altogether", "The token was not accepted (401)", id="401"),
        pytest.param(NARROW_TOKEN, "This token may not read the events (403)", id="403"),
    ],
)
async def test_refused_token(token: str, sentence: str, stack: PanelStack, user: PanelUser) -> None:
    """It says why, asks no more by itself, and takes another token."""
    stack.replaced[PRINCIPAL] = PRINCIPAL + NARROW
    await stack.start()
    await user.connect(token)
    await user.is_in("error")
    await user.sees(sentence)
    lines = stack.gateway.logs.named("request.finished")
    assert [line["route"] for line in lines].count("operator-events-token") == 1
    await user.give(TOKEN)
    await user.is_in("connected")
    check(user, sentence.partition("(")[2][:3])


async def test_too_many_calls(stack: PanelStack, user: PanelUser) -> None:
    """429 is said to be that, and who can't wait presses a button once the gateway lets them."""
    stack.replaced["    methods: [POST]"] = ONE_TOKEN
    await stack.start()
    await stack.gateway.call("/operator/api/events/sse-token", [("X-VX11-Token", TOKEN)], method="POST")
    await user.connect()
    await user.is_in("error")
    await user.sees("Too many calls at the moment (429). The panel tries again by itself.")
    del stack.replaced["    methods: [POST]"]
    await stack.gateway.shut_down()
    await stack.bring_gateway()
    await user.click("text=Reconnect")
    await user.is_in("connected")
    check(user, "429")


async def test_operator_is_switched_off(stack: PanelStack, user: PanelUser) -> None:
    """503 is said to be that, with the reason, and a button tries at once."""
    del stack.replaced["enabled: ${"]
    await stack.start(**SWITCHED_OFF)
    await user.connect()
    await user.is_in("error")
    await user.sees("The operator is switched off at the gateway (503).")
    asked = stack.gateway.logs.named("request.finished")
    await user.click("text=Reconnect")
    await stack.gateway.logs.wait_for("request.finished", count=len(asked) + 1)
    check(user, "503")


async def test_device_is_offline(stack: PanelStack, user: PanelUser, context: Context) -> None:
    """It says so, and that it comes back by itself; then it does."""
    await stack.start()
    await user.connected()
    await context.offline()
    await user.is_in("offline")
    await user.sees("This device is offline.")
    await context.offline(away=False)
    await user.is_in("connected")


async def test_gateway_goes_and_comes_back(stack: PanelStack, user: PanelUser) -> None:
    """It is offline meanwhile, and then every event is there once, also those from when it was away."""
    await stack.start()
    await user.connected()
    stack.tell(3)
    await user.shows_row("event 3")
    await stack.gateway.shut_down()
    await user.is_in("offline")
    await user.sees("The gateway can't be reached.")
    stack.tell(5)
    await stack.bring_gateway()
    await user.is_in("connected")
    stack.tell(2)
    await user.shows_row("event 10")
    assert await user.summaries() == [f"event {number}" for number in range(1, 11)]


async def test_revoked_token(stack: PanelStack, user: PanelUser) -> None:
    """A new token goes on where the one before was cut off."""
    await stack.start()
    await user.connected()
    stack.tell(2)
    await user.shows_row("event 2")
    stack.replaced[PRINCIPAL] = f"    token: {NARROW_TOKEN}"
    await stack.gateway.shut_down()
    stack.tell(2)
    await stack.bring_gateway()
    await user.is_in("error")
    await user.sees("The token was not accepted (401)")
    del stack.replaced[PRINCIPAL]
    await stack.gateway.shut_down()
    await stack.bring_gateway()
    await user.give(TOKEN)
    await user.is_in("connected")
    await user.shows_row("event 4")
    assert await user.summaries() == [f"event {number}" for number in range(1, 5)]


async def test_two_tabs(stack: PanelStack, user: PanelUser, context: Context) -> None:
    """They share a stream, and the one that stays goes on without loss when the other is closed."""
    await stack.start()
    await user.connected()
    other = PanelUser(await context.page(), stack)
    await other.connected()
    stack.tell(2)
    for tab in (user, other):
        await tab.shows_row("event 2")
        assert await tab.summaries() == ["event 1", "event 2"]
    assert stack.streams == 1
    await user.page.aclose()
    stack.tell(3)
    await other.shows_row("event 5")
    assert await other.summaries() == [f"event {number}" for number in range(1, 6)]


async def test_tab_with_a_wrong_token(stack: PanelStack, user: PanelUser, context: Context) -> None:
    """It gets nothing of a stream that another tab opened with a good one."""
    await stack.start()
    await user.connected()
    other = PanelUser(await context.page(), stack)
    await other.connect("wr0ng-token-altogether")
    await other.is_in("error")
    stack.tell()
    await user.shows_row("event 1")
    assert await other.page.evaluate("() => document.querySelectorAll('.event').length") == 0
