"""A public stream through the gateway, opened by a browser from a page of the gateway's own origin."""

from __future__ import annotations

import pytest

from tests.browser.conftest import StartPages
from tests.browser.pages import PageServer
from tests.fakes.chromium import Page
from tests.fakes.gates import soon
from tests.fakes.sse_server import SseServer
from tests.functional.configuration import HEAD, PRINCIPALS
from tests.functional.conftest import StartGateway
from tests.functional.running import RunningGateway

ORIGIN = "http://gateway.test"


@pytest.fixture
async def gateway(
    start_gateway: StartGateway, start_pages: StartPages, sse_server: SseServer
) -> RunningGateway:
    """A gateway before the page and the events."""
    pages: PageServer = await start_pages()
    return await start_gateway(f"""{HEAD}{PRINCIPALS}
upstreams:
  pages: http://127.0.0.1:{pages.port}
  events: http://127.0.0.1:{sse_server.port}
routes:
  - {{name: page, path: /, upstream: pages, access: public}}
  - {{name: events, path: /events, upstream: events, access: public, stream: {{}}}}
""")


async def test_events_arrive_as_they_are_published(
    gateway: RunningGateway, page: Page, sse_server: SseServer
) -> None:
    """Each event reaches the browser before the next one is published."""
    assert await page.goto(f"{ORIGIN}:{gateway.port}/") == 200
    source = await page.event_source("/events")
    stream = await sse_server.next()
    for count in (1, 2, 3):
        sse_server.publish(f"event {count}")
        assert (await source.data(count))[-1] == f"event {count}"
    assert stream.head.value("Accept") == "text/event-stream"
    assert [noted.kind for noted in await source.log()] == ["open", "message", "message", "message"]


async def test_browser_reconnects_with_last_event_id(
    gateway: RunningGateway, page: Page, sse_server: SseServer
) -> None:
    """After the backend dropped the connection the browser comes back for what it missed."""
    await page.goto(f"{ORIGIN}:{gateway.port}/")
    source = await page.event_source("/events")
    first = await sse_server.next()
    sse_server.publish("one")
    await source.data(1)
    gateway.errors_expected = True
    sse_server.drop(first)
    sse_server.publish("two")
    assert await source.data(2) == ["one", "two"]
    assert (await sse_server.next()).last_event_id == "1"
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == "upstream_error"


async def test_closed_page_ends_the_stream_upstream(
    gateway: RunningGateway, page: Page, sse_server: SseServer
) -> None:
    """The backend sees that the page was closed."""
    await page.goto(f"{ORIGIN}:{gateway.port}/")
    await page.event_source("/events")
    stream = await sse_server.next()
    await page.aclose()
    await soon(stream.gone.wait())
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == "client_gone"
