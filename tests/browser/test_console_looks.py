"""What the console asks of a screen, of eyes, hands and ears: widths, colors, keys, and axe-core's rules."""

from __future__ import annotations

import pytest

from tests.browser.console_pages import SECTIONS, Operator, check
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartEdited
from tests.functional.editing import EditedGateway, edited

EVENTS = "{name: events, path: /sse/events, upstream: backend, stream: {shared: true}}"
LONG = f"{{name: {'long-' * 12}name, path: /{'deep/' * 30}*, upstream: backend, maintenance: {{}}}}"
REST = "{name: rest, path: /*, upstream: backend}"
BAD = "{name: rest, path: /*, upstream: backend, acess: public}"
DOWN = "away: {servers: ['http://127.0.0.1:9', 'http://127.0.0.1:10']}"
OVERFLOW = """() => [...document.querySelectorAll("body, body *")]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5 && one.checkVisibility()
    && !one.closest("nav, .log, .spoken, .skip, thead"))
  .map((one) => one.outerHTML.slice(0, 200))"""
WIDER = "() => document.documentElement.scrollWidth - innerWidth"


@pytest.fixture
async def gateway(start_edited: StartEdited, upstream: ScriptedUpstream) -> EditedGateway:
    """A gateway with something in every section: long names, a stream, failed calls, a rejected edit."""
    routes = (EVENTS, LONG, "{name: away, path: /away, upstream: away}", REST)
    gateway = await start_edited(edited(upstream.port, *routes).replace("routes:", f"  {DOWN}\nroutes:"))
    gateway.errors_expected = True
    await gateway.open()
    for target in ("/away", "/status/503", f"/echo/{'far/' * 60}"):
        await gateway.call(target)
    await gateway.edit(edited(upstream.port, BAD))
    return gateway


async def fill(gateway: EditedGateway, operator: Operator) -> None:
    """Have lines in the log and figures on the overview."""
    await operator.sees("Configuration rejected")
    await gateway.call("/away")
    await gateway.call(f"/echo/{'far/' * 60}")
    await operator.until("() => document.querySelector('.sparkline .stroke').getAttribute('d')")


@pytest.mark.parametrize("width", [360, 768, 1280])
async def test_widths(width: int, gateway: EditedGateway, operator: Operator) -> None:
    """No section is wider than the window, whatever is in it."""
    await operator.look(width)
    await operator.arrive(gateway)
    assert await operator.page.evaluate(WIDER) == 0
    await operator.sign_in()
    await fill(gateway, operator)
    for section in SECTIONS:
        await operator.go(section)
        assert await operator.page.evaluate(OVERFLOW) == []
        assert await operator.page.evaluate(WIDER) == 0
    check(operator)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe(scheme: str, width: int, gateway: EditedGateway, operator: Operator) -> None:
    """It finds nothing, in any section and any of its states."""
    await operator.look(width, scheme=scheme)
    await operator.arrive(gateway)
    assert await operator.audit() == []
    await operator.sign_in("An0ther-token-altogether")
    await operator.sees("That is not")
    assert await operator.audit() == []
    await operator.sign_in()
    await fill(gateway, operator)
    for section in SECTIONS:
        await operator.go(section)
        assert await operator.audit() == [], section
    await operator.click(".lines summary")
    await operator.until("() => document.querySelector('.fields')")
    assert await operator.audit() == []
    await operator.go("streams")
    await operator.click("td button")
    assert await operator.audit() == []
    check(operator, "401 (Unauthorized)")


async def test_colors_switch(gateway: EditedGateway, operator: Operator) -> None:
    """They are the system's until the switch is used, which lasts for the page and is stored nowhere."""
    ground = "() => getComputedStyle(document.body).backgroundColor"
    await operator.look(1280)
    await operator.arrive(gateway)
    light = await operator.page.evaluate(ground)
    await operator.look(1280, scheme="dark")
    dark = await operator.page.evaluate(ground)
    assert light != dark
    await operator.click("button:has-text('Use light colors')")
    assert await operator.page.evaluate(ground) == light
    await operator.sign_in()
    await operator.sees("Live")
    assert await operator.page.evaluate(ground) == light
    await operator.click("button:has-text('Use dark colors')")
    assert await operator.page.evaluate(ground) == dark
    await operator.page.act(lambda tab: tab.reload())
    assert await operator.page.evaluate("() => document.documentElement.dataset.theme") is None
    check(operator)


async def test_keys_alone(gateway: EditedGateway, operator: Operator) -> None:
    """Signing in, going to a section, ending a stream, and signing out, each by keys that are usual."""
    await operator.arrive(gateway)
    assert await operator.focused() == "Admin token"
    await operator.sign_in()
    await operator.sees("Live")
    assert await operator.focused() == "Overview"
    await operator.press("Shift+Tab")
    assert await operator.focused() == "Log"
    await operator.press("Shift+Tab", "Enter")
    await operator.sees("1 stream")
    assert await operator.focused() == "Open streams"
    await operator.press("Tab")
    assert await operator.focused() == "Route"
    await operator.press("Tab", "Tab")
    assert (await operator.focused()).startswith("End stream")
    await operator.press("Enter", "Tab", "Enter")
    await operator.sees("No stream is open.")
    assert await operator.focused() == "Principal"
    names = []
    for _ in range(10):
        await operator.press("Shift+Tab")
        names.append(await operator.focused())
    sections = ["Overview", "Routes", "Upstreams", "Open streams", "Log"]
    order = ["Skip to the section", "Reload", "Use dark colors", "Sign out", *sections, "Route"]
    assert names[::-1] == order
    await operator.press("Tab", "Tab", "Tab", "Enter")
    await operator.sees("Admin token")
    check(operator)


async def test_skip_link(gateway: EditedGateway, operator: Operator) -> None:
    """It leads past the head, and stays in the section."""
    await operator.enter(gateway, "#/routes")
    await operator.sees("4 routes")
    await operator.page.evaluate("() => document.activeElement.blur()")
    await operator.page.evaluate("() => document.querySelector('.skip').focus()")
    await operator.press("Enter", "Tab")
    assert await operator.focused() == "Filter"
    assert await operator.page.evaluate("() => location.hash") == "#/routes"
    check(operator)


async def test_what_is_said(gateway: EditedGateway, operator: Operator) -> None:
    """Names for each part, and one region alone that speaks by itself."""
    await operator.enter(gateway)
    await fill(gateway, operator)
    assert await operator.page.evaluate("""() => [
      document.querySelectorAll("[aria-live], [role=status], [role=alert], [role=log]").length,
      document.querySelectorAll("header, nav[aria-label], main").length,
      document.documentElement.lang,
    ]""") == [1, 3, "en"]
    drawing = "() => document.querySelector('.sparkline').getAttribute('aria-label')"
    assert (await operator.page.evaluate(drawing)).startswith("Calls of the last two minutes, peak ")
    for section, caption in (("routes", "Routes"), ("upstreams", "Servers"), ("streams", "Open streams")):
        await operator.go(section)
        assert (await operator.texts("caption"))[0].startswith(caption)
        scopes = "() => [...document.querySelectorAll('th')].every((one) => one.scope)"
        assert await operator.page.evaluate(scopes)
    check(operator)


async def test_reduced_motion(gateway: EditedGateway, operator: Operator) -> None:
    """Nothing moves for whoever asked for that."""
    await operator.page.act(lambda tab: tab.emulate_media(reduced_motion="reduce"))
    await operator.enter(gateway)
    moving = """() => [...document.querySelectorAll("*")].filter((one) => {
      const style = getComputedStyle(one);
      return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
    }).length"""
    assert await operator.page.evaluate(moving) == 0
