"""Where tokens of a page with the client may show: nowhere that keeps or forwards what it sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.browser.client_pages import EVENTS, ISSUE_PATH, LEAKY, ClientPages, events_route
from tests.browser.client_scene import SECURE_HOST, Scene
from tests.browser.client_tabs import Client, Tab
from tests.browser.stage import Ending, plain, streaming
from tests.browser.token_pages import places
from tests.functional.running import TOKEN

CARRIES = {"query": "", "header": "carry: header", "cookie": "carry: cookie"}

# An image, a fetch and a link's page of a third server, which is told the page's whole URL.
VISIT = """async (url) => {
  await new Promise((done) => {
    const image = new Image();
    image.onload = image.onerror = done;
    image.src = url + "/image.png";
  });
  await fetch(url + "/fetch", {mode: "no-cors", referrerPolicy: "unsafe-url"});
  const frame = document.createElement("iframe");
  await new Promise((done) => { frame.onload = done; frame.src = url + "/"; document.body.append(frame); });
}"""

# Everything that a page's script can read, less what the test itself gave it.
LOOK = """async () => {
  const tell = (storage) => Object.entries(storage).flat();
  const stores = [];
  for (const {name, version} of await indexedDB.databases()) {
    const base = await new Promise((done, fail) => {
      const opening = indexedDB.open(name, version);
      opening.onsuccess = () => done(opening.result);
      opening.onerror = fail;
    });
    stores.push(name, ...base.objectStoreNames);
  }
  const caches = window.caches ? await window.caches.keys() : [];
  const locks = navigator.locks ? await navigator.locks.query() : {};
  const cookies = window.cookieStore ? await cookieStore.getAll() : [];
  return {
    entries: JSON.stringify(performance.getEntries()),
    kept: JSON.stringify([tell(localStorage), tell(sessionStorage), stores, caches, locks, cookies,
                          document.cookie, history.state, window.name, location.href, document.referrer]),
    workers: (await navigator.serviceWorker?.getRegistrations() ?? []).length,
    globals: Object.keys(window).filter((name) => typeof window[name] === "string").map((n) => window[n]),
  };
}"""

# What can be had of the client by way of its own properties, its prototypes' getters among them.
INSIDE = """({source}) => {
  const seen = new Set(), texts = [];
  const look = (thing) => {
    if (typeof thing === "string") texts.push(thing);
    if (thing === null || typeof thing !== "object" || seen.has(thing)) return;
    seen.add(thing);
    const ends = [null, EventTarget.prototype, Object.prototype];
    for (let at = thing; !ends.includes(at); at = Object.getPrototypeOf(at))
      for (const name of Reflect.ownKeys(at)) look(thing[name]);
  };
  look(source);
  return texts;
}"""


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """A scene whose pages tell every site their whole URL, and whose streams end twice."""
    scene.pages.pages["/"] = LEAKY
    one = streaming(b"id: 1\ndata: one\n\n", ending=Ending.END)
    away = plain("503 Service Unavailable")
    scene.streams.answers["events"] = [one, away, streaming(b"id: 2\ndata: two\n\n")]
    return scene


@pytest.fixture
async def third() -> AsyncIterator[ClientPages]:
    """A third server."""
    third = ClientPages()
    await third.start()
    yield third
    await third.stop()


async def issued(tab: Tab) -> list[str]:
    """Tell every ephemeral token that the page was given, in the answer or in a cookie."""
    tokens = [answer.get("sse_token") for answer in await tab.issued()]
    cookies = await tab.run(tab.page._tab.context.cookies())
    tokens += [c["value"] for c in cookies if c.get("name", "").startswith("tentaculo_token_")]
    return [token for token in tokens if token]


async def read(scene: Scene, third: ClientPages, **options: Any) -> Client:
    """Read events over two reconnections, with a third server's things on the page."""
    client = await (await scene.tab(host=SECURE_HOST)).client(**options)
    assert await client.data(2) == ["one", "two"]
    await client.tab.do(VISIT, third.url("", host="other.test"))
    assert len(third.requests) == 3
    return client


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
@pytest.mark.parametrize("carry", CARRIES)
async def test_tokens(carry: str, shared: bool, scene: Scene, third: ClientPages) -> None:
    """The principal token is nowhere, with a cookie no token is, and with a header no URL has one."""
    gateway = await scene.start(events_route(terms=CARRIES[carry]))
    client = await read(scene, third, shared=shared)
    tab = client.tab
    ephemeral = await issued(tab)
    assert len(ephemeral) == (1 if carry == "cookie" else 3)  # the cookie is the last one
    look = await tab.do(LOOK)
    inside = await client.do(INSIDE)
    assert scene.url(EVENTS, host=SECURE_HOST) in inside
    assert EVENTS in look["entries"]
    assert look["workers"] == 0
    seen = await places([scene.context], [tab.page], [third])
    backend = b"".join(exchange.head.raw for exchange in scene.streams.openings("events"))
    referers = [request.headers.get("Referer") for request in third.requests]
    assert set(referers) == {scene.url("/", host=SECURE_HOST)}
    texts = {
        "script": str(look),
        "client": str(inside),
        "requests": seen,
        "log": gateway.logs.text,
        "backend": backend.decode("latin-1"),
        "history": str(await tab.page.history()),
    }
    found = {name for name, text in texts.items() if TOKEN in text}
    assert found == set()
    urls = {name for name, text in texts.items() if [token for token in ephemeral if token in text]}
    # A page may see the URLs of its own requests: that is why the other two ways are there.
    assert urls == ({"script", "requests"} if carry == "query" else set())
    assert not [token for token in ephemeral if token in look["kept"]]
    assert "tentaculo_" not in look["kept"]


async def test_only_the_issue_path_gets_the_principal_token(scene: Scene, third: ClientPages) -> None:
    """One request in each turn has it, in a header."""
    await scene.start()
    client = await read(scene, third)
    sent = await scene.context.sent()
    with_token = [request for request in sent if TOKEN in str(request)]
    assert {request.url for request in with_token} == {scene.url(ISSUE_PATH, host=SECURE_HOST)}
    assert len(with_token) == len(await client.asked()) == 3
    assert all(request.fields["x-vx11-token"] == TOKEN for request in with_token)


async def test_issue_path_that_redirects(scene: Scene, third: ClientPages) -> None:
    """The principal token does not go where an answer sends it."""
    there = third.url("/token", host="other.test")
    moved = plain("307 Temporary Redirect", f"Location: {there}\r\n".encode())
    scene.streams.answers["moved"] = [moved] * 9
    route = "  - {name: moved, path: /events/moved, upstream: events, access: public}\n"
    await scene.start(events_route(), route)
    client = await (await scene.tab()).client(issuePath="/events/moved")
    assert (await client.errors())[0][:2] == (0, "")
    assert third.requests == []
    assert client.tab.openings("/events?") == []


async def test_console_of_the_page(scene: Scene, third: ClientPages) -> None:
    """What the client itself writes there is nothing."""
    await scene.start()
    tab = await scene.tab(host=SECURE_HOST)
    await tab.do(
        "() => { window.said = []; for (const n of ['log', 'info', 'warn', 'error', 'debug'])"
        " console[n] = (...all) => window.said.push(String(all)); }"
    )
    client = await tab.client()
    await client.data(2)
    assert await tab.do("() => window.said") == []
