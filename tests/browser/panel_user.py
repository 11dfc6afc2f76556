"""Somebody at the panel: what they type and press, and what it then shows."""

from __future__ import annotations

from typing import Any

from tests.browser.console_pages import Operator
from tests.browser.panel_stack import TOKEN, PanelStack
from tests.fakes.chromium import Page

TOKEN_FIELD = "Principal token"
ROWS = "() => [...document.querySelectorAll('.event .summary')].map((one) => one.textContent)"


class PanelUser(Operator):
    """A user in a tab of their own."""

    def __init__(self, page: Page, stack: PanelStack) -> None:
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
        """Begin to note the tasks that last more than 50 ms."""
        await self.page.evaluate("""() => {
          globalThis.tasks = [];
          new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)))
            .observe({type: "longtask"});
        }""")

    async def longest_task(self) -> float:
        """Tell how many milliseconds the longest one took, 0 if none was long."""
        script = "() => new Promise((resolve) => setTimeout(() => resolve(Math.max(0, ...tasks)), 50))"
        return float(await self.page.evaluate(script))

    async def measured(self, script: str, argument: object = None) -> Any:
        """Run a script in the page, with what happens in the two frames after it, and return milliseconds."""
        timed = f"""async (argument) => {{
          const started = performance.now();
          await ({script})(argument);
          await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          return performance.now() - started;
        }}"""
        return await self.page.evaluate(timed, argument)
