"""A tab that runs `EphemeralEventSource`, and all that a test can do to it or see of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from playwright.async_api import JSHandle, Route
from playwright.async_api import Request as Asked

from tests.browser.client_pages import EVENTS, ISSUE_PATH, SCRIPT
from tests.fakes.chromium import Context, Page
from tests.fakes.gates import eventually
from tests.functional.running import TOKEN

T = TypeVar("T")

PATIENCE = 30.0
CONNECTING, OPEN, CLOSED = range(3)

# Makes a client that notes all that happens to it, and that can be asked to wait for some of it. Its token
# is given by turns as a promise and as a value; where it is empty, asking fails.
MAKE = """async ([script, url, types, {token, ...options}]) => {
  const {EphemeralEventSource} = await import(script);
  const log = [], counts = new Map(), waiting = new Set();
  const client = {log, token, asked: []};
  const provide = () => {
    client.asked.push(Date.now());
    if (client.token === "") throw new Error("no token");
    return client.token;
  };
  if (token !== null)
    options.token = () => client.asked.length % 2 ? provide() : new Promise((given) => given(provide()));
  const source = client.source = new EphemeralEventSource(url, options);
  const note = (event) => {
    log.push([event.type, event.data ?? null, event.lastEventId ?? null, source.readyState,
              event.code ?? null, event.reason ?? null, Date.now() / 1000]);
    counts.set(event.type, (counts.get(event.type) ?? 0) + 1);
    for (const check of waiting) check();
  };
  for (const type of new Set(["open", "error", "message", ...types])) source.addEventListener(type, note);
  client.until = (type, count) => new Promise((resolve) => {
    const check = () => {
      if ((counts.get(type) ?? 0) < count) return;
      waiting.delete(check);
      resolve(log.filter((entry) => entry[0] === type));
    };
    waiting.add(check);
    check();
  });
  return client;
}"""


@dataclass(frozen=True, slots=True)
class Noted:
    """What happened to a client, when by the page's clock; `code` and `reason` are what an error says."""

    kind: str
    data: str | None
    last_event_id: str | None
    ready_state: int
    code: int | None
    reason: str | None
    at: float


class Held:
    """Requests of a page that wait until the test lets them go."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._held: list[Route] = []
        self._open = False

    async def come(self, count: int) -> None:
        """Wait until so many wait."""
        await eventually(lambda: len(self._held) >= count, PATIENCE)

    async def let_go(self) -> None:
        """Let them go, and all that come later; those that the page gave up are gone already."""
        self._open = True
        for route in self._held:
            await self._tab.run(route.continue_())

    async def note(self, route: Route) -> None:
        """Keep a request, or let it pass."""
        if self._open:
            await route.continue_()
        else:
            self._held.append(route)


class Tab:
    """A page, its requests of its own, and whether its renderer died."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[Asked] = []
        self.crashed = False
        self._unanswered: set[Asked] = set()

    @classmethod
    async def of(cls, page: Page) -> Tab:
        """Watch a page from now on."""
        tab = cls(page)
        await tab.run(tab._watch())
        return tab

    async def run(self, work: Awaitable[T], seconds: float = PATIENCE) -> T:
        """Await in the browser's thread what belongs there."""
        return await self.page._chromium.run(work, seconds)

    async def goto(self, url: str) -> None:
        """Load a page."""
        assert await self.page.goto(url) == 200

    async def do(self, script: str, argument: object = None, seconds: float = PATIENCE) -> Any:
        """Run a JavaScript function, and wait for its promise."""
        return await self.run(self.page._tab.evaluate(script, argument), seconds)

    async def client(
        self,
        url: str = EVENTS,
        *types: str,
        token: str | None = TOKEN,
        script: str = SCRIPT,
        **options: object,
    ) -> Client:
        """Make a client with these options; without a token no token is asked for."""
        if token is not None:
            options.setdefault("issuePath", ISSUE_PATH)
        making = self.page._tab.evaluate_handle(MAKE, [script, url, types, {**options, "token": token}])
        return Client(self, await self.run(making))

    def urls(self, part: str) -> list[str]:
        """Tell every URL with this part in it that the page has asked for."""
        return [asked.url for asked in self.asked if part in asked.url]

    def openings(self, path: str = EVENTS) -> list[Asked]:
        """Tell every request that the page made for a stream, preflights aside."""
        return [a for a in self.asked if path in a.url and a.method == "GET" and a.resource_type == "fetch"]

    async def issued(self) -> list[dict[str, Any]]:
        """Tell every answer of the issue path."""
        asked = [one for one in self.asked if ISSUE_PATH in one.url and one.method == "POST"]
        return [await self.run(_answer(one)) for one in asked]

    async def round_trip(self) -> None:
        """Load something small: what the page asked for before has left by then."""
        await self.do("() => fetch('/').then((answer) => answer.text())")

    async def hold(self, path: str, method: str) -> Held:
        """Have requests wait before they leave the browser; a path ends where its query begins."""
        held = Held(self)

        async def note(route: Route) -> None:
            await (held.note(route) if route.request.method == method else route.continue_())

        await self.run(self.page._tab.route(re.compile(re.escape(path) + r"(\?.*)?$"), note))
        return held

    async def stop_clock(self) -> None:
        """Let the page's time stand still from now on, but for `pass_time` and `sleep`."""
        await self.run(self.page._tab.clock.install(time=0))
        await self.run(self.page._tab.clock.pause_at(1000))

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for the page, each of its timers in its turn."""
        await self.run(self.page._tab.clock.run_for(round(seconds * 1000)))

    async def sleep(self, seconds: float) -> None:
        """Close the laptop and open it later: timers that are due by then run once."""
        await self.run(self.page._tab.clock.fast_forward(round(seconds * 1000)))

    async def pass_until(self, holds: Callable[[], bool], seconds: float = 15.0) -> None:
        """Let time pass in steps of so many seconds until something has come of it.

        It stands still while the page awaits an answer: what is on its way must not seem to take minutes.
        """
        async with asyncio.timeout(PATIENCE):
            while not holds():
                if not self._unanswered:
                    await self.pass_time(seconds)
                await self.round_trip()

    async def crash(self) -> None:
        """Kill the renderer."""
        await self.run(self._crash())
        await eventually(lambda: self.crashed, PATIENCE)

    async def _watch(self) -> None:
        self.page._tab.on("request", self._note_asked)
        self.page._tab.on("response", lambda response: self._unanswered.discard(response.request))
        self.page._tab.on("requestfailed", lambda asked: self._unanswered.discard(asked))  # noqa: PLW0108 - playwright
        self.page._tab.on("crash", self._note_crash)

    async def _crash(self) -> None:
        # Nobody is left who could answer.
        crashing = asyncio.ensure_future(self.page._protocol.send("Page.crash"))
        crashing.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.sleep(0)

    def _note_asked(self, asked: Asked) -> None:
        self.asked.append(asked)
        self._unanswered.add(asked)

    def _note_crash(self, _: object) -> None:
        self.crashed = True


class Client:
    """An `EphemeralEventSource` in a tab."""

    def __init__(self, tab: Tab, handle: JSHandle) -> None:
        self.tab = tab
        self._handle = handle

    async def do(self, script: str, argument: object = None, seconds: float = PATIENCE) -> Any:
        """Run a JavaScript function on the notes; its `source` is the client."""
        return await self.tab.run(self._handle.evaluate(script, argument), seconds)

    async def until(self, kind: str, count: int = 1, seconds: float = PATIENCE) -> list[Noted]:
        """Wait until something happened `count` times, and return all of that kind."""
        try:
            found = await self.do("(client, wanted) => client.until(...wanted)", [kind, count], seconds)
        except TimeoutError:
            raise AssertionError(f"not {count} of {kind!r} among {await self.log()}") from None
        return [Noted(*entry) for entry in found]

    async def data(self, count: int) -> list[str | None]:
        """Wait for `count` messages, and return the data of all."""
        return [noted.data for noted in await self.until("message", count)]

    async def log(self) -> list[Noted]:
        """Tell all that happened so far."""
        return [Noted(*entry) for entry in await self.do("(client) => client.log")]

    async def errors(self, count: int = 1) -> list[tuple[int | None, str | None, int]]:
        """Wait for `count` errors, and return the code, the reason and the state of all."""
        found = await self.until("error", count)
        return [(error.code, error.reason, error.ready_state) for error in found]

    async def ready_state(self) -> int:
        """Tell its `readyState`."""
        return int(await self.do("(client) => client.source.readyState"))

    async def asked(self) -> list[float]:
        """Tell when it asked for the principal token, in seconds of the page's clock."""
        return [time / 1000 for time in await self.do("(client) => client.asked")]

    async def set_token(self, token: str) -> None:
        """Have another principal token from now on."""
        await self.do("(client, token) => { client.token = token; }", token)

    async def close(self) -> None:
        """Call its `close()`."""
        await self.do("(client) => client.source.close()")


async def _answer(asked: Asked) -> dict[str, Any]:
    response = await asked.response()
    assert response is not None
    return dict(await response.json())


async def new_tab(context: Context, url: str) -> Tab:
    """Open a tab at a URL."""
    tab = await Tab.of(await context.page())
    await tab.goto(url)
    return tab
