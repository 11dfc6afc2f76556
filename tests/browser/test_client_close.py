"""A client that is closed, in whatever phase, lets go of everything at once and does nothing more."""

from __future__ import annotations

import pytest

from tests.browser.client_pages import EVENTS, ISSUE_PATH, SCRIPT
from tests.browser.client_scene import Scene
from tests.browser.client_tabs import CLOSED, Client, Tab
from tests.browser.stage import Answer, Ending, plain, streaming

HOUR = 3600.0
SILENT = Answer(b"", (b"", b""))  # no head comes

# A client whose provider's promise the test keeps.
WAITING = """async ([script, url]) => {
  const {EphemeralEventSource} = await import(script);
  window.asked = new Promise((asked) => {
    const token = () => { asked(); return new Promise((give) => { window.give = give; }); };
    window.source = new EphemeralEventSource(url, {issuePath: "/token", token});
  });
  await window.asked;
}"""

AT_ONCE = """async ([script, url]) => {
  const {EphemeralEventSource} = await import(script);
  new EphemeralEventSource(url, {issuePath: "/token", token: () => "principal-token"}).close();
}"""


@pytest.fixture
async def scene(scene: Scene) -> Scene:
    """A scene with a stream that goes on."""
    scene.streams.answers["events"] = [streaming(b"data: one\n\n"), streaming(b"data: two\n\n")]
    await scene.start()
    return scene


async def is_quiet(tab: Tab, urls: int) -> None:
    """Fail if the page asks for anything of the stream's in the next hour."""
    await tab.pass_time(HOUR)
    await tab.sleep(HOUR)
    await tab.round_trip()
    assert len(tab.urls(ISSUE_PATH) + tab.urls(EVENTS)) == urls


async def closed(client: Client, urls: int) -> None:
    """Close a client, and fail unless nothing happens any more."""
    before = await client.log()
    await client.close()
    assert await client.ready_state() == CLOSED
    await is_quiet(client.tab, urls)
    assert await client.log() == before
    await client.close()
    assert await client.ready_state() == CLOSED


async def test_while_the_principal_token_is_awaited(scene: Scene) -> None:
    """A token that is given later is used for nothing."""
    tab = await scene.timeless()
    await tab.do(WAITING, [SCRIPT, EVENTS])
    await tab.do("() => { window.source.close(); window.give('late-principal-token'); }")
    await is_quiet(tab, 0)
    assert await tab.do("() => window.source.readyState") == CLOSED


async def test_at_once(scene: Scene) -> None:
    """Closed in the same breath it was made, it asks for no stream."""
    tab = await scene.timeless()
    await tab.do(AT_ONCE, [SCRIPT, EVENTS])
    await tab.pass_time(HOUR)
    assert tab.openings() == []


async def test_while_a_token_is_issued(scene: Scene) -> None:
    """The call is given up, and its answer opens nothing."""
    tab = await scene.timeless()
    held = await tab.hold(ISSUE_PATH, "POST")
    client = await tab.client()
    await held.come(1)
    await closed(client, 1)
    await held.let_go()
    await is_quiet(tab, 1)
    assert scene.streams.openings("events") == []


async def test_while_it_opens(scene: Scene) -> None:
    """The backend that has not answered yet is let go."""
    scene.streams.answers["events"] = [SILENT]
    client = await (await scene.timeless()).client()
    exchange = await scene.streams.opened("events")
    await closed(client, 2)
    await exchange.gone()


async def test_while_it_streams(scene: Scene) -> None:
    """The backend is told, and events on their way come to nobody."""
    client = await (await scene.timeless()).client()
    await client.data(1)
    await closed(client, 2)
    await (await scene.streams.opened("events")).gone()
    assert (await scene.gateway.logs.wait_for("stream.ended"))["end_reason"] == "client_gone"


async def test_in_a_listener(scene: Scene) -> None:
    """What comes behind the event in the same chunk is not dispatched."""
    scene.streams.answers["events"] = [streaming(b": hello\n\n", b"data: 1\n\ndata: 2\n\nevent: x\ndata\n\n")]
    client = await (await scene.timeless()).client(EVENTS, "x")
    await client.until("open")
    await client.do("(client) => { client.source.onmessage = () => client.source.close(); }")
    scene.streams.go("events")
    assert await client.data(1) == ["1"]
    await closed(client, 2)
    await (await scene.streams.opened("events")).gone()


ENDS = {
    "an end": streaming(b": hello\n\n", ending=Ending.END),
    "a refusal": plain("503 Service Unavailable"),
    "a Retry-After": plain("503 Service Unavailable", b"Retry-After: 5\r\n"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_while_it_waits(end: Answer, scene: Scene) -> None:
    """It does not come back, nor when the network does."""
    scene.streams.answers["events"] = [end, streaming(b"data: two\n\n")]
    client = await (await scene.timeless()).client()
    await client.errors()
    await closed(client, 2)
    await client.tab.do("() => window.dispatchEvent(new Event('online'))")
    await is_quiet(client.tab, 2)


async def test_in_its_error(scene: Scene) -> None:
    """A page may give up by itself at the first error."""
    scene.streams.answers["events"] = [streaming(b"data: one\n\n", b"", ending=Ending.END)]
    client = await (await scene.timeless()).client()
    await client.data(1)
    await client.do("(client) => { client.source.onerror = () => client.source.close(); }")
    scene.streams.go("events")
    await client.errors()
    await closed(client, 2)


@pytest.mark.parametrize("how", ["closed", "left", "crashed"])
async def test_page_goes(how: str, scene: Scene) -> None:
    """With the page its stream goes, as the browser sees to it."""
    client = await scene.client()
    await client.data(1)
    if how == "closed":
        await client.tab.page.aclose()
    elif how == "left":
        await client.tab.goto(scene.url("/", host="other.test"))
    else:
        await client.tab.crash()
    await (await scene.streams.opened("events")).gone()
