"""Somebody at the panel: what they type and press, and what it then shows."""

from __future__ import annotations

import json
from typing import Protocol

from playwright.async_api import Browser
from playwright.async_api import Page as Tab

from tests.browser.console_pages import Operator
from tests.browser.panel_stack import TOKEN
from tests.fakes.chromium import Page

TOKEN_FIELD = "Principal token"
TASKS = "disabled-by-default-devtools.timeline"
ALL_ROWS = """() => {
  const button = document.querySelector(".older button");
  button?.scrollIntoView();  // as who clicks it must have scrolled there
  button?.click();
  return button === null;
}"""
ROWS = "() => [...document.querySelectorAll('.event .summary')].map((one) => one.textContent)"


class Served(Protocol):
    """What serves the panel."""

    @property
    def url(self) -> str:
        """Where the panel is, once it is served."""


class PanelUser(Operator):
    """A user in a tab of their own."""

    def __init__(self, page: Page, stack: Served) -> None:
        super().__init__(page)
        self.stack = stack

    async def load(self) -> None:
        """Load the panel."""
        await self.page.act(self._listen)
        assert await self.page.goto(self.stack.url) == 200
        await self.sees(TOKEN_FIELD)

    async def connect(self, token: str = TOKEN) -> None:
        """Load the panel and give a token."""
        await self.load()
        await self.give(token)

    async def give(self, token: str) -> None:
        """Type a token and press Enter."""
        await self.write(TOKEN_FIELD, token)
        await self.press("Enter")

    async def connected(self, token: str = TOKEN) -> None:
        """Load, give a token, and wait until the stream is open."""
        await self.connect(token)
        await self.is_in("connected")

    async def is_in(self, phase: str) -> None:
        """Wait until the panel shows a state, by its word and by its look."""
        await self.until(
            "(phase) => document.querySelector('.pill').dataset.phase === phase"
            " && document.querySelector('.pill').innerText.trim().toLowerCase() === phase",
            phase,
        )

    async def command(self, text: str) -> None:
        """Send a command."""
        await self.write("Command", text)
        await self.press("Enter")

    async def summaries(self) -> list[str]:
        """Tell the summaries in the list, from top to bottom."""
        return list(await self.page.evaluate(ROWS))

    async def all_summaries(self) -> list[str]:
        """Have a row for every event that is kept, and tell their summaries."""
        await self.until(ALL_ROWS)
        return await self.summaries()

    async def has_rows(self, count: int) -> None:
        """Wait until the list has so many rows."""
        await self.until("(count) => document.querySelectorAll('.event').length === count", count)

    async def shows_row(self, summary: str) -> None:
        """Wait until an event with this summary is in the list."""
        found = f"(summary) => ({ROWS})().includes(summary)"
        await self.until(found, summary)

    async def total(self, name: str) -> int:
        """Tell a number of the footer: `kept` or `received`."""
        text = f"() => document.querySelector('[data-total={name}]').textContent"
        return int((await self.page.evaluate(text)).replace(",", ""))

    async def open_row(self, summary: str) -> None:
        """Open an event's details."""
        script = """(summary) => {
          const row = [...document.querySelectorAll(".row")]
            .find((one) => one.querySelector(".summary").textContent.startsWith(summary));
          row?.click();
          return row !== undefined;
        }"""
        await self.until(script, summary)
        await self.sees("Correlation id")

    async def measure(self) -> None:
        """Begin to note what the page's thread does."""
        await self.page.act(lambda tab: browser_of(tab).start_tracing(page=tab, categories=[TASKS]))

    async def longest_task(self) -> float:
        """Tell how many milliseconds the page's thread worked on one task at most.

        Its processor time counts: on a busy machine the clock would also count what others do.
        """
        trace = json.loads(await self.page.act(lambda tab: browser_of(tab).stop_tracing()))
        threads = {
            (event["pid"], event["tid"])
            for event in trace["traceEvents"]
            if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
        }
        tasks = [
            event["tdur"] / 1000
            for event in trace["traceEvents"]
            if event["name"] == "RunTask" and (event["pid"], event["tid"]) in threads and "tdur" in event
        ]
        assert len(tasks) > 10
        return float(max(tasks))


def browser_of(tab: Tab) -> Browser:
    """Return the browser that a tab belongs to."""
    browser = tab.context.browser
    assert browser is not None
    return browser
