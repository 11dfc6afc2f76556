"""What tests ask of the browser, shown without a gateway."""

from __future__ import annotations

import pytest

from tests.browser.conftest import StartCable, StartPages, StartSseServer
from tests.fakes import chromium as driving
from tests.fakes.chromium import Chromium, ChromiumMissing, Context, Page, Source
from tests.fakes.gates import soon
from tests.fakes.sse_server import SseServer


@pytest.fixture
async def open_server(start_sse_server: StartSseServer) -> SseServer:
    """An SSE server that every page may read."""
    return await start_sse_server(allow_origin="*")


@pytest.fixture
async def ready(page: Page, start_pages: StartPages) -> Page:
    """A page that is loaded."""
    assert await page.goto((await start_pages()).url()) == 200
    return page


async def test_events_arrive(ready: Page, open_server: SseServer) -> None:
    """An EventSource gets events in order, with their ids and types."""
    source = await ready.event_source(open_server.url, "news")
    await open_server.next()
    open_server.publish("one")
    open_server.publish("two", event="news")
    open_server.publish("three\nlines")
    messages = await source.until("message", 2)
    assert [(m.data, m.last_event_id) for m in messages] == [("one", "1"), ("three\nlines", "3")]
    assert [noted.kind for noted in await source.log()] == ["open", "message", "news", "message"]
    assert await source.ready_state() == Source.OPEN


async def test_reconnects_with_last_event_id(ready: Page, open_server: SseServer) -> None:
    """After a dropped connection the browser comes back for what it missed."""
    source = await ready.event_source(open_server.url)
    first = await open_server.next()
    open_server.publish("one")
    await source.data(1)
    open_server.drop(first)
    open_server.publish("two")
    assert await source.data(2) == ["one", "two"]
    second = await open_server.next()
    assert (first.last_event_id, second.last_event_id) == (None, "1")
    (error,) = await source.until("error")
    assert error.ready_state == Source.CONNECTING
    assert len(await source.until("open", 2)) == 2


async def test_refused_source_is_closed(ready: Page, open_server: SseServer) -> None:
    """An answer other than 200 ends an EventSource for good, and the test sees that."""
    source = await ready.event_source(open_server.url.replace("events", "nothing"))
    (error,) = await source.until("error")
    assert error.ready_state == await source.ready_state() == Source.CLOSED


async def test_close_ends_the_stream(ready: Page, open_server: SseServer) -> None:
    """A closed EventSource, like a closed page, is gone for the server too."""
    first = await ready.event_source(open_server.url)
    one = await open_server.next()
    await ready.event_source(open_server.url)
    two = await open_server.next()
    await first.close()
    await soon(one.gone.wait())
    assert open_server.open == [two]
    await ready.aclose()
    await soon(two.gone.wait())


async def test_wait_that_fails_tells_the_log(ready: Page, open_server: SseServer) -> None:
    """What never happens fails the test with what did happen."""
    source = await ready.event_source(open_server.url)
    await source.until("open")
    with pytest.raises(AssertionError, match=r"not 1 of 'message' among \[Noted\(kind='open'"):
        await source.data(1, 0.2)


async def test_history_and_referer(page: Page, context: Context, start_pages: StartPages) -> None:
    """History entries, and every request with its Referer, are seen: of the browser and of the other site."""
    here, there = await start_pages(), await start_pages()
    image = there.url("/image.png", host="other.test")
    here.pages["/"] = '<meta name="referrer" content="unsafe-url">'
    await page.goto(here.url("/"))
    await page.goto(here.url("/?token=secret") + "#part")
    await page.evaluate("(url) => fetch(url, {mode: 'no-cors'}).then(() => 0)", image)
    assert await page.history() == ["about:blank", here.url("/"), here.url("/?token=secret") + "#part"]
    sent = [request for request in await context.sent() if request.url == image]
    assert [(s.kind, s.method, s.referer) for s in sent] == [("fetch", "GET", here.url("/?token=secret"))]
    assert [request.headers["Referer"] for request in there.requests] == [here.url("/?token=secret")]
    assert there.requests[0].host == f"other.test:{there.port}"


async def test_reconnects_are_recorded(ready: Page, context: Context, open_server: SseServer) -> None:
    """Each opening of an EventSource is among the requests, with the fields that only the network adds."""
    source = await ready.event_source(open_server.url)
    open_server.drop(await open_server.next())
    await source.until("open", 2)
    asked = [request for request in await context.sent() if request.kind == "eventsource"]
    assert [request.url for request in asked] == [open_server.url] * 2
    assert {request.fields["accept"] for request in asked} == {"text/event-stream"}
    assert all("host" in request.fields for request in asked)


async def test_cut_cable(ready: Page, open_server: SseServer, start_cable: StartCable) -> None:
    """A cut between browser and server is noticed by both, and overcome once the cable carries again."""
    cable = await start_cable(open_server.port)
    source = await ready.event_source(f"http://cable.test:{cable.port}/events")
    stream = await open_server.next()
    cable.unplug()
    await soon(stream.gone.wait())
    await source.until("error", 2)
    assert not open_server.open
    cable.plug_in()
    await source.until("open", 2)
    open_server.publish("back")
    assert await source.data(1) == ["back"]


async def test_offline(ready: Page, context: Context, open_server: SseServer) -> None:
    """A browser without a network can't come back to a dropped stream, and does once it has one."""
    source = await ready.event_source(open_server.url)
    await source.until("open")
    await context.offline()
    assert await ready.evaluate("navigator.onLine") is False
    open_server.drop()
    await source.until("error", 2)
    assert len(open_server.streams) == 1
    await context.offline(away=False)
    await source.until("open", 2)
    open_server.publish("back")
    assert await source.data(1) == ["back"]


async def test_cookies_of_a_profile(browser: Chromium, context: Context, ready: Page) -> None:
    """A profile's cookies are told, and another profile has none of them."""
    await ready.evaluate("document.cookie = 'name=value'")
    assert await context.cookies() == {"name": "value"}
    other = await browser.context()
    assert await other.cookies() == {}
    await other.aclose()


def test_missing_browser_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Chromium one sentence says what to install."""
    monkeypatch.setattr(driving, "COMMAND", "chromium-that-nobody-has")
    with pytest.raises(ChromiumMissing, match="install the package chromium"):
        Chromium().start()
