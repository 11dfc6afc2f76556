"""An operator at the console: what they type and press, and what the page then shows.

Waiting is done in the page, for what it shows. Nothing here knows how the console works.
"""

from __future__ import annotations

import pytest
from playwright.async_api import ConsoleMessage
from playwright.async_api import Page as Tab

from tests.clients.node import PACKAGES
from tests.fakes.chromium import Page
from tests.functional.running import RunningGateway
from tests.functional.tokens import ADMIN_TOKEN

AXE = PACKAGES / "node_modules" / "axe-core" / "axe.min.js"
SECTIONS = ("overview", "routes", "upstreams", "streams", "log")
TOKEN_FIELD = "#admin-token"

# The page forbids to make functions of strings, so what is waited for is written into the function.
UNTIL = """(argument) => new Promise((resolve) => {
  const holds = %s;
  const look = () => holds(argument) ? resolve(true) : setTimeout(look, 10);
  look();
})"""
SHOWS = "(text) => document.body.innerText.includes(text)"
SHOWS_NOT = "(text) => !document.body.innerText.includes(text)"
VISIBLE = "(text) => [...document.querySelectorAll('%s')].some((one) => one.checkVisibility())"
AUDIT = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.map((one) => [one.id, ...one.nodes.map((node) => node.html)]);
}"""


class Operator:
    """Somebody at a console in a tab; `faults` are what its script or the browser complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []

    async def arrive(self, gateway: RunningGateway, hash: str = "") -> None:
        """Load the page."""
        await self.page.act(self._listen)
        assert await self.page.goto(f"http://127.0.0.1:{gateway.admin_port}/console/{hash}") == 200
        await self.until(VISIBLE % TOKEN_FIELD)

    async def sign_in(self, token: str = ADMIN_TOKEN) -> None:
        """Give a token in the form."""
        await self.page.act(lambda tab: tab.fill(TOKEN_FIELD, token))
        await self.press("Enter")

    async def enter(self, gateway: RunningGateway, hash: str = "") -> None:
        """Load the page, sign in, and wait until it is live."""
        await self.arrive(gateway, hash)
        await self.sign_in()
        await self.sees("Live")

    async def go(self, section: str) -> None:
        """Follow the link to a section, and wait until its content is there."""
        link = f"nav a[href='#/{section}']"
        await self.click(link)
        await self.until("(link) => document.querySelector(link).ariaCurrent === 'page'", link)
        await self.sees_no("Loading…")

    async def click(self, selector: str) -> None:
        """Click what is first to fit."""
        await self.page.act(lambda tab: tab.locator(selector).first.click(timeout=15000))

    async def choose(self, label: str, value: str) -> None:
        """Choose an option by its field's label."""
        await self.page.act(lambda tab: tab.get_by_label(label, exact=True).select_option(value))

    async def write(self, label: str, text: str) -> None:
        """Write into a field by its label."""
        await self.page.act(lambda tab: tab.get_by_label(label, exact=True).fill(text))

    async def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        for key in keys:
            await self.page.act(lambda tab, key=key: tab.keyboard.press(key))  # type: ignore[misc]

    async def sees(self, text: str) -> None:
        """Wait until a text is on the page."""
        await self.until(SHOWS, text)

    async def sees_no(self, text: str) -> None:
        """Wait until a text is no longer on the page."""
        await self.until(SHOWS_NOT, text)

    async def until(self, holds: str, argument: object = None) -> None:
        """Wait until a JavaScript function of `argument` returns something true."""
        try:
            await self.page.evaluate(UNTIL % holds, argument)
        except TimeoutError:
            shown = await self.page.evaluate("() => document.body.innerText")
            raise AssertionError(f"not {argument or holds!r} in:\n{shown}\n{self.faults}") from None

    async def texts(self, selector: str) -> list[str]:
        """Tell the text of everything that fits and can be seen."""
        script = """(selector) => [...document.querySelectorAll(selector)]
          .filter((one) => one.checkVisibility()).map((one) => one.innerText.replace(/\\s+/g, " ").trim())"""
        return list(await self.page.evaluate(script, selector))

    async def rows(self) -> list[dict[str, str]]:
        """Tell the rows of the table that is shown, each as its cells by their column's label."""
        script = """() => {
          const table = document.querySelector("main table");
          const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
          const told = (row) => names.map((name, place) => [name, row.cells[place].innerText]);
          return [...table.tBodies[0].rows].map((row) => Object.fromEntries(told(row)));
        }"""
        return list(await self.page.evaluate(script))

    async def focused(self) -> str:
        """Tell what has the focus: its name as a screen reader says it, near enough."""
        script = """() => {
          const one = document.activeElement;
          const label = one.labels?.[0]?.innerText ?? one.getAttribute("aria-label") ?? one.textContent;
          return (label || one.getAttribute("title") || one.tagName).replace(/\\s+/g, " ").trim();
        }"""
        return str(await self.page.evaluate(script))

    async def look(self, width: int, height: int = 800, *, scheme: str = "light") -> None:
        """Have a window of a size, and light or dark colors."""
        await self.page.act(lambda tab: tab.set_viewport_size({"width": width, "height": height}))
        await self.page.act(lambda tab: tab.emulate_media(color_scheme=scheme))  # type: ignore[arg-type]

    async def audit(self) -> list[list[str]]:
        """Return what axe-core finds, each with the elements."""
        if not AXE.is_file():
            pytest.fail(f"no axe-core in {PACKAGES}: scripts/setup could not install it", pytrace=False)
        if not await self.page.evaluate("() => 'axe' in window"):
            await self.page.act(lambda tab: tab.evaluate(AXE.read_text(encoding="utf-8")))
        return list(await self.page.evaluate(AUDIT))

    async def leaked(self) -> str:
        """Return all that page and browser keep where a token could be, as one text."""
        script = """() => JSON.stringify([
          location.href, document.cookie, {...localStorage}, {...sessionStorage}, history.state,
          performance.getEntries().map((entry) => entry.toJSON()), document.documentElement.outerHTML,
          [...document.querySelectorAll("input")].map((input) => input.value),
        ])"""
        return f"{await self.page.evaluate(script)}{await self.page.history()}"

    async def _listen(self, tab: Tab) -> None:
        tab.on("console", self._note)
        tab.on("pageerror", lambda error: self.faults.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)


def check(operator: Operator, *expected: str) -> None:
    """Fail on any complaint but those that hold one of these texts."""
    found = [fault for fault in operator.faults if not any(text in fault for text in expected)]
    assert not found, found
