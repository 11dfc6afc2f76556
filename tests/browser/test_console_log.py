"""The console's live log: what chooses among its lines, floods, and values that are meant to harm."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.console_pages import Operator, check
from tests.fakes.client import request
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartEdited
from tests.functional.editing import EditedGateway, edited
from tests.functional.running import GOOD

ECHO = "{name: echo, path: /echo/*, upstream: backend}"
REST = "{name: rest, path: /*, upstream: backend}"
LINES = ".log .lines li"
MARKUP = "<img src=x onerror=document.title='taken'><script>document.title='taken'</script>"
CALLS = f"""(wanted) => [...document.querySelectorAll('{LINES} .title')]
  .map((one) => `${{one.textContent}}\\n`).filter((text) => text.startsWith("GET")).join("") === wanted"""
NEWEST = f"(text) => document.querySelector('{LINES}:last-child')?.textContent.includes(text)"
INSIDE = """() => {
  const bottom = (selector) => document.querySelector(selector).getBoundingClientRect().bottom;
  return bottom(".fields") <= bottom(".log");
}"""
COUNT_AT_ONCE = f"""() => {{
  window.atOnce = 0;
  const count = (records) => atOnce = Math.max(atOnce, records.flatMap((one) => [...one.addedNodes]).length);
  new MutationObserver(count).observe(document.querySelector('{LINES}').parentNode, {{childList: true}});
}}"""


@pytest.fixture
async def gateway(start_edited: StartEdited, upstream: ScriptedUpstream) -> EditedGateway:
    """A gateway with two routes."""
    return await start_edited(edited(upstream.port, ECHO, REST))


@pytest.fixture
async def watching(gateway: EditedGateway, operator: Operator) -> Operator:
    """An operator who looks at the log of that gateway, before which three calls were made."""
    await operator.enter(gateway, "#/log")
    await gateway.call("/echo/first")
    await gateway.call("/status/503")
    await gateway.call("/echo/refused", fields=())
    await operator.sees("/echo/refused")
    return operator


async def lists(operator: Operator, *targets: str) -> None:
    """Wait until the calls in the log are those of the targets."""
    await operator.until(CALLS, "".join(f"GET {target}\n" for target in targets))


async def log(gateway: EditedGateway, **fields: Any) -> None:
    """Log an event with any fields."""
    gateway.gateway._logs.logger.info("test.said", **fields)


@pytest.mark.parametrize(
    ("label", "value", "left"),
    [
        pytest.param("Route", "rest", ["/status/503"], id="route"),
        pytest.param("Status", "4", ["/echo/refused"], id="status"),
        pytest.param("Status", "5", ["/status/503"], id="failed"),
        pytest.param("Level", "warning", [], id="level"),
        pytest.param("Event", "console.opened", [], id="event"),
        pytest.param(
            "Event", "request.finished", ["/echo/first", "/status/503", "/echo/refused"], id="requests"
        ),
    ],
)
async def test_choices(label: str, value: str, left: list[str], watching: Operator) -> None:
    """Each leaves the lines that are so; all come back when it is taken away."""
    await watching.choose(label, value)
    await lists(watching, *left)
    await watching.click("button:has-text('All lines')")
    await watching.sees("/echo/first")
    await lists(watching, "/echo/first", "/status/503", "/echo/refused")
    check(watching)


async def test_text(gateway: EditedGateway, watching: Operator) -> None:
    """It is looked for anywhere in a line, and in those that come later too."""
    await watching.write("Text", "FIRST")
    await watching.sees_no("/status/503")
    await lists(watching, "/echo/first")
    await gateway.call("/echo/other")
    await gateway.call("/status/200?also=first")
    await watching.sees("also=first")
    await lists(watching, "/echo/first", "/status/200?also=first")
    await watching.write("Text", "nowhere")
    await watching.sees("No line is like that.")
    check(watching)


async def test_pause_and_clear(gateway: EditedGateway, watching: Operator) -> None:
    """While paused nothing moves; going on shows what came meanwhile, and clearing empties it."""
    await watching.click("button:has-text('Pause')")
    await gateway.call("/echo/meanwhile")
    await watching.sees("paused, 1 new line")
    await lists(watching, "/echo/first", "/status/503", "/echo/refused")
    await watching.click("button:has-text('Go on')")
    await watching.sees("/echo/meanwhile")
    await watching.click("button:has-text('Clear')")
    await watching.sees("No line yet.")
    await gateway.call("/echo/after")
    await watching.sees("/echo/after")
    await lists(watching, "/echo/after")
    check(watching)


async def test_a_line_opens(watching: Operator) -> None:
    """By keys alone: arrows lead from line to line, Enter opens one with all that it holds."""
    await watching.page.evaluate("() => document.querySelector('.log').focus()")
    await watching.press("ArrowUp", "Enter")
    await watching.until("() => document.querySelector('.fields')?.innerText.includes('request_id')")
    (fields,) = await watching.texts(".fields")
    assert "/echo/refused" in fields
    assert "unauthorized" in fields
    await watching.until(INSIDE)
    await watching.press("ArrowUp", "ArrowDown", "Enter")
    assert await watching.texts(".fields") == []
    check(watching)


async def test_hostile_values(gateway: EditedGateway, watching: Operator) -> None:
    """Markup, control characters, turned text and huge values are text, at a glance and opened."""
    client = await gateway.client()
    await client.send(request("GET", f"/echo/{quote(MARKUP, safe='')}", GOOD))
    await client.reply()
    await log(gateway, said=MARKUP, **{MARKUP: {"__proto__": MARKUP}}, turned="\u202etxt.exe\x1b[31m")
    await log(gateway, huge="x" * 2_000_000 + "y", level="<b>", status=float("nan"))
    await log(gateway, level=None, timestamp=MARKUP, url=[MARKUP], route={"a": 1}, principal=7)
    await watching.until(f"() => document.querySelectorAll('{LINES}').length >= 7")
    await watching.sees("onerror=document.title")
    assert await watching.page.evaluate("() => document.querySelectorAll('img, main script').length") == 0
    shown = "\n".join(await watching.texts(LINES))
    assert "\N{REPLACEMENT CHARACTER}txt.exe\N{SYMBOL FOR ESCAPE}[31m" in shown
    assert len(shown) < 5000
    await watching.page.evaluate(
        f"() => document.querySelectorAll('{LINES} details').forEach((one) => one.open = true)"
    )
    await watching.until(f"() => [...document.querySelectorAll('{LINES} .fields')].length >= 7")
    assert await watching.page.evaluate("() => document.querySelectorAll('img, main script').length") == 0
    assert await watching.page.evaluate("() => document.title") == "Log · Tentáculo console"
    check(watching)


async def test_flood(gateway: EditedGateway, watching: Operator) -> None:
    """Of 5,000 lines the newest 1,000 stay, and the page draws no more than some at a time."""
    await watching.page.evaluate(COUNT_AT_ONCE)
    for number in range(5_000):
        gateway.gateway._logs.logger.info("test.flood", number=number)
        if number % 900 == 899:  # more at once than is shown within a second
            await watching.until(NEWEST, f"number={number}")
    await watching.until(NEWEST, "number=4999")
    await watching.until(f"() => document.querySelectorAll('{LINES}').length === 1000")
    assert await watching.texts(".log-tools .summary") == ["1,000 lines"]
    assert await watching.page.evaluate("() => atOnce") <= 50
    check(watching)


async def test_follows_the_newest(gateway: EditedGateway, watching: Operator) -> None:
    """It does until somebody scrolls up to read, and again once they say so."""
    at_end = "() => {const box = document.querySelector('.log');"
    at_end += " return box.scrollTop > 0 && box.scrollTop + box.clientHeight >= box.scrollHeight - 2}"
    for number in range(100):
        await log(gateway, number=number)
    await watching.sees("number=99")
    await watching.until(at_end)
    await watching.page.evaluate("() => document.querySelector('.log').scrollTop -= 300")
    await watching.sees("Go to the newest")
    before = await watching.page.evaluate("() => document.querySelector('.log').scrollTop")
    await log(gateway, number=100)
    await watching.sees("number=100")
    assert await watching.page.evaluate("() => document.querySelector('.log').scrollTop") == before
    await watching.click("button:has-text('Go to the newest')")
    await watching.until(at_end)
    await watching.sees_no("Go to the newest")
    check(watching)
