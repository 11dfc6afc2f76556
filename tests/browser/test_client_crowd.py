"""Ten thousand events at 500 a second for eight tabs by one stream, whose leader is killed twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.browser.client_pages import EVENTS, ISSUE_PATH, SCRIPT
from tests.browser.client_scene import SECURE_HOST, Scene
from tests.browser.client_tabs import Tab
from tests.fakes.event_server import EventServer
from tests.functional.running import TOKEN

TABS = 8
EVENTS_SENT = 10_000
PER_SECOND = 500
AT_ONCE = 10
LONGEST_MS = 200
PATIENCE = 240.0

# Keeps the numbers of the events, and what else a test asks for; long tasks are noted from the beginning.
FOLLOW = """async ([script, url, issuePath, token]) => {
  const {EphemeralEventSource} = await import(script);
  const numbers = window.numbers = [], tasks = window.tasks = [], waiting = new Set();
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({type: "longtask"});
  const source = new EphemeralEventSource(url, {issuePath, token: () => token, shared: true});
  window.came = (count) => new Promise((done) => {
    const check = () => numbers.length >= count && done();
    waiting.add(check);
    check();
  });
  source.onmessage = ({data}) => {
    numbers.push(Number(data.slice(6)));
    for (const check of waiting) check();
  };
  await new Promise((opened) => { source.onopen = opened; });
}"""
WRONG = "() => window.numbers.findIndex((number, at) => number !== at + 1)"

# Is busy for longer than it should be, and tells what was noted of that.
BUSY = """(limit) => new Promise((done) => setTimeout(() => {
  for (const end = performance.now() + limit + 50; performance.now() < end;);
  setTimeout(() => done(window.tasks), 50);
}))"""


@pytest.fixture
async def scene(scene: Scene, server: EventServer) -> Scene:
    """A started scene."""
    await scene.start(port=server.port)
    return scene


async def follow(scene: Scene) -> Tab:
    """Open a tab that reads."""
    tab = await scene.tab(host=SECURE_HOST)
    await tab.do(FOLLOW, [SCRIPT, EVENTS, ISSUE_PATH, TOKEN])
    return tab


async def came(tab: Tab, count: int) -> None:
    """Wait until a tab has had so many events."""
    await tab.do("(count) => window.came(count)", count, PATIENCE)


async def send(server: EventServer) -> None:
    """Send all events at their rate; where the machine lags behind, it catches up."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while server.emitted < EVENTS_SENT:
        await asyncio.sleep(began + server.emitted / PER_SECOND - loop.time())
        await server.emit(AT_ONCE)


async def kill_the_leader(tabs: list[Tab]) -> None:
    """Kill the renderer of the tab that reads the stream."""
    (leader,) = [tab for tab in tabs if tab.openings() and not tab.crashed]
    await leader.crash()


@pytest.mark.slow
async def test_ten_thousand_events(scene: Scene, server: EventServer) -> None:
    """Each reaches every tab that lives once, in order, and no tab is busy for longer than 200 ms."""
    tabs = [await follow(scene) for _ in range(TABS)]
    sending = asyncio.ensure_future(send(server))
    for part in (1, 2):
        await came(tabs[-1], part * EVENTS_SENT // 3)
        await kill_the_leader(tabs)
    await sending
    alive = [tab for tab in tabs if not tab.crashed]
    assert len(alive) == TABS - 2
    for tab in alive:
        await came(tab, EVENTS_SENT)
        assert await tab.do(WRONG) == -1
        assert await tab.do("() => window.numbers.length") == EVENTS_SENT
    tasks: list[Any] = [await tab.do("() => window.tasks") for tab in alive]
    assert max([0, *(task for each in tasks for task in each)]) <= LONGEST_MS, tasks
    assert max(await alive[0].do(BUSY, LONGEST_MS)) > LONGEST_MS  # so it would have been seen
    assert sum(len(tab.openings()) for tab in alive) == 1
    assert len(await server.requests()) == len(scene.gateway.logs.named("stream.opened")) == 3
    assert await scene.gateway.metric("ephemeral_tokens_issued_total") == 3
