"""A real Chromium, driven through playwright on an event loop in a thread of its own.

Playwright keeps a process and its pipes open between tests, which the tests' own loops must not. What a test
awaits here is handed to that thread. Nothing here knows the gateway.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from playwright.async_api import Browser, BrowserContext, CDPSession, JSHandle, async_playwright
from playwright.async_api import Page as Tab
from playwright.async_api import Request as Asked

from tests.fakes.gates import soon

T = TypeVar("T")

COMMAND = "chromium"
MISSING = (
    "Chromium is missing: install the package chromium (its name on Debian); scripts/test does so as root."
)
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP *.test 127.0.0.1",
)
READY_WITHIN_SECONDS = 60
STOPPED_WITHIN_SECONDS = 20

CONSTRUCTORS = ("EventSource", "EphemeralEventSource")
# Its module is at this path wherever a page asks for the second of these.
MODULE_PATH = "/event-source.js"

# An EventSource that notes all that happens to it, and that can be asked to wait for some of it.
OPEN = """async ([constructor, module, url, types, withCredentials]) => {
  const Source = globalThis[constructor] ?? (await import(module))[constructor];
  const source = new Source(url, {withCredentials});
  const log = [], waiting = new Set();
  const note = (event) => {
    log.push([event.type, event.data ?? null, event.lastEventId ?? null, source.readyState]);
    for (const check of waiting) check();
  };
  for (const type of new Set(["open", "error", "message", ...types])) source.addEventListener(type, note);
  const until = (type, count) => new Promise((resolve) => {
    const check = () => {
      const found = log.filter((entry) => entry[0] === type);
      if (found.length >= count) { waiting.delete(check); resolve(found); }
    };
    waiting.add(check);
    check();
  });
  return {source, log, until};
}"""


class ChromiumMissing(Exception):
    """No Chromium is installed."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What happened to an EventSource: `kind` is open, error, message or an event's own type."""

    kind: str
    data: str | None
    last_event_id: str | None
    ready_state: int


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that the browser made, whatever for; `kind` is eventsource, document, image, fetch …"""

    kind: str
    method: str
    url: str
    fields: dict[str, str]

    @property
    def referer(self) -> str | None:
        """What it told of the page that it came from."""
        return self.fields.get("referer")


class Chromium:
    """One browser; `start` and `stop` block, so that a fixture of the whole session can call them."""

    def __init__(self) -> None:
        self._browser: Browser
        self._loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event
        self._thread: threading.Thread

    def start(self) -> None:
        """Start the browser; ChromiumMissing when there is none."""
        path = shutil.which(COMMAND)
        if path is None:
            raise ChromiumMissing(MISSING)
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._live(path, ready),), name="Chromium", daemon=True
        )
        self._thread.start()
        ready.result(READY_WITHIN_SECONDS)

    def stop(self) -> None:
        """End the browser, its driver and the thread."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(STOPPED_WITHIN_SECONDS)
        assert not self._thread.is_alive(), "Chromium goes on"

    async def run(self, work: Awaitable[T], seconds: float = 30.0) -> T:
        """Await in the browser's thread what belongs there."""

        async def awaited() -> T:
            return await work

        return await soon(
            asyncio.wrap_future(asyncio.run_coroutine_threadsafe(awaited(), self._loop)), seconds
        )

    async def context(self) -> Context:
        """Open a profile without cookies, caches or history of others."""
        return await self.run(self._context())

    async def _context(self) -> Context:
        # Subscribing to requests sends the driver a message, so that too belongs into the browser's thread.
        return Context(self, await self._browser.new_context())

    async def _live(self, path: str, ready: Future[None]) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with async_playwright() as playwright:
                self._browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
                ready.set_result(None)
                await self._end.wait()
                await self._browser.close()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)


class Context:
    """A profile of its own, with every request that its pages made."""

    def __init__(self, chromium: Chromium, driven: BrowserContext) -> None:
        self._chromium = chromium
        self._driven = driven
        self._asked: list[Asked] = []
        driven.on("request", self._note)

    async def page(self) -> Page:
        """Open a page."""
        return await self._chromium.run(self._page())

    async def sent(self) -> list[Sent]:
        """Tell every request so far, with the fields that went over the network."""
        return await self._chromium.run(self._sent())

    async def offline(self, *, away: bool = True) -> None:
        """Let every new request fail, or no longer. Streams that are open go on: a cable can cut them."""
        await self._chromium.run(self._driven.set_offline(away))

    async def cookies(self) -> dict[str, str]:
        """Tell the cookies of every site, HttpOnly ones too."""
        return {
            cookie["name"]: cookie["value"] for cookie in await self._chromium.run(self._driven.cookies())
        }

    async def aclose(self) -> None:
        """Close its pages and forget it."""
        await self._chromium.run(self._driven.close())

    def _note(self, asked: Asked) -> None:
        self._asked.append(asked)

    async def _page(self) -> Page:
        tab = await self._driven.new_page()
        return Page(self._chromium, tab, await self._driven.new_cdp_session(tab))

    async def _sent(self) -> list[Sent]:
        return [Sent(a.resource_type, a.method, a.url, await a.all_headers()) for a in list(self._asked)]


class Page:
    """One page; `constructor` is what it opens event streams with."""

    def __init__(self, chromium: Chromium, tab: Tab, protocol: CDPSession) -> None:
        self.constructor = CONSTRUCTORS[0]
        self._chromium = chromium
        self._tab = tab
        self._protocol = protocol

    async def goto(self, url: str) -> int:
        """Load a URL as if typed, and return the answer's status."""
        response = await self._chromium.run(self._tab.goto(url))
        assert response is not None
        return response.status

    async def evaluate(self, script: str, argument: object = None) -> Any:
        """Run a JavaScript function or expression, and wait for its promise."""
        return await self._chromium.run(self._tab.evaluate(script, argument))

    async def act(self, work: Callable[[Tab], Awaitable[T]]) -> T:
        """Have the driver do what has no method here: keys, sizes, colors."""
        return await self._chromium.run(work(self._tab))

    async def history(self) -> list[str]:
        """Tell the URL of each entry of its history, oldest first."""
        told = await self._chromium.run(self._protocol.send("Page.getNavigationHistory"))
        return [entry["url"] for entry in told["entries"]]

    async def event_source(self, url: str, *types: str, credentials: bool = False) -> Source:
        """Make a `new EventSource(url)`, or another's, that also listens to events of these types."""
        asked = [self.constructor, MODULE_PATH, url, types, credentials]
        opened = self._tab.evaluate_handle(OPEN, asked)
        return Source(self._chromium, await self._chromium.run(opened))

    async def aclose(self) -> None:
        """Close it, as a user closes a tab."""
        await self._chromium.run(self._tab.close())


class Source:
    """An EventSource in a page."""

    CONNECTING, OPEN, CLOSED = range(3)

    def __init__(self, chromium: Chromium, handle: JSHandle) -> None:
        self._chromium = chromium
        self._handle = handle

    async def until(self, kind: str, count: int = 1, seconds: float = 15.0) -> list[Noted]:
        """Wait until something happened `count` times, and return all of that kind."""
        waiting = self._handle.evaluate("(source, wanted) => source.until(...wanted)", [kind, count])
        try:
            return [Noted(*entry) for entry in await self._chromium.run(waiting, seconds)]
        except TimeoutError:
            raise AssertionError(f"not {count} of {kind!r} among {await self.log()}") from None

    async def data(self, count: int, seconds: float = 15.0) -> list[str | None]:
        """Wait for `count` messages, and return the data of all."""
        return [noted.data for noted in await self.until("message", count, seconds)]

    async def log(self) -> list[Noted]:
        """Tell all that happened so far."""
        return [
            Noted(*entry)
            for entry in await self._chromium.run(self._handle.evaluate("(source) => source.log"))
        ]

    async def ready_state(self) -> int:
        """Tell its `readyState`."""
        return int(await self._chromium.run(self._handle.evaluate("(source) => source.source.readyState")))

    async def close(self) -> None:
        """Call its `close()`."""
        await self._chromium.run(self._handle.evaluate("(source) => source.source.close()"))
