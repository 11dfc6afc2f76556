"""What the EventsPanel looks like to everyone: contrast, names, keys, narrow screens, and its policy."""

from __future__ import annotations

import pytest

from tests.browser.console_pages import check
from tests.browser.panel_fixtures import panel_dist, stack, user
from tests.browser.panel_stack import PanelStack
from tests.browser.panel_user import PanelUser

__all__ = ["panel_dist", "stack", "user"]

OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
VIOLATIONS = """() => new Promise((resolve) => {
  new ReportingObserver((reports) => resolve(reports.map((one) => one.body.effectiveDirective)),
    {types: ["csp-violation"], buffered: true}).observe();
  setTimeout(() => resolve([]), 100);
})"""


async def fill(stack: PanelStack, user: PanelUser) -> None:
    """Have events of every severity, one of them open."""
    await user.connected()
    for severity in ("critical", "error", "warn", "info"):
        stack.publish(f"{severity} with a long summary {'word ' * 40}", {"a": 1}, severity=severity)
    await user.command("refresh")
    await user.sees("Its event came back in")
    await user.open_row("critical")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(scheme: str, stack: PanelStack, user: PanelUser) -> None:
    """Idle, in an error, connected, paused, filtered and offline, on a wide screen and a narrow one."""
    await stack.start()
    await user.look(1280, scheme=scheme)
    await user.load()
    assert await user.audit() == []
    await user.give("wr0ng-token-altogether")
    await user.is_in("error")
    assert await user.audit() == []
    await fill(stack, user)
    for width in (1280, 360):
        await user.look(width, scheme=scheme)
        assert await user.audit() == []
    await user.click("text=Pause")
    stack.tell()
    await user.sees("Resume")
    await user.write("Search in events", "nothing like this")
    await user.sees("No event matches")
    assert await user.audit() == []
    await stack.gateway.shut_down()
    await user.is_in("offline")
    assert await user.audit() == []


@pytest.mark.parametrize("width", [360, 480, 720, 1280])
async def test_nothing_hangs_over(width: int, stack: PanelStack, user: PanelUser) -> None:
    """No state scrolls sideways, however narrow the screen and long the values."""
    await stack.start()
    await user.look(width)
    await user.load()
    assert await user.page.evaluate(OVERFLOW) == 0
    await fill(stack, user)
    stack.publish("x" * 5_000, {"y" * 500: "z" * 5_000}, module="m" * 500, event_type="t" * 500)
    await user.open_row("xxx")
    assert await user.page.evaluate(OVERFLOW) == 0


async def test_keys(stack: PanelStack, user: PanelUser) -> None:
    """Everything is reached and worked with keys alone."""
    await stack.start()
    await user.load()
    await user.press("Tab")
    assert await user.focused() == "Principal token"
    await user.press("x", "Tab")
    assert await user.focused() == "Connect"
    await user.connected()
    stack.tell(2)
    await user.shows_row("event 2")
    await user.page.evaluate("() => document.querySelector('.events').focus()")
    await user.press("Tab", "Enter")
    await user.sees("Correlation id")
    await user.press("Enter")
    await user.sees_no("Correlation id")


async def test_policy(stack: PanelStack, user: PanelUser) -> None:
    """Its own policy hinders it in nothing, and forbids what is not its own."""
    await stack.start()
    await fill(stack, user)
    assert await user.page.evaluate(VIOLATIONS) == []
    check(user)
    inline = "() => { const one = document.createElement('div'); one.setAttribute('style', 'color: red'); }"
    await user.page.evaluate(inline)
    assert "style-src-attr" in await user.page.evaluate(VIOLATIONS)
