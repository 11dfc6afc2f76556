"""Streams that a page opens by a token in the URL (`carry: query`, `reuse: resume`), the backend unaware."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.browser.conftest import StartPages
from tests.browser.pages import PageServer
from tests.browser.token_pages import (
    HOST,
    ISSUE_PATH,
    LossyCable,
    check_log,
    check_upstream,
    issue,
    issued_url,
    token_file,
    url_of,
)
from tests.fakes.chromium import Chromium, Context, Page, Source
from tests.fakes.client import Fields
from tests.fakes.gates import soon
from tests.fakes.sse_server import SseServer
from tests.functional.conftest import StartGateway
from tests.functional.running import RunningGateway

REUSED = r'ephemeral_tokens_refused_total\{reason="token_reused"\}'
SUPERSEDED = r'tentaculo_streams_ended_total\{.*reason="superseded"'


@pytest.fixture
async def pages(start_pages: StartPages) -> PageServer:
    """Pages, behind the gateway and at an origin of their own."""
    return await start_pages()


@pytest.fixture
async def gateway(start_gateway: StartGateway, pages: PageServer, sse_server: SseServer) -> RunningGateway:
    """A gateway before the page and the events."""
    return await start_gateway(token_file(sse_server, pages))


@pytest.fixture
async def cable(gateway: RunningGateway) -> AsyncIterator[LossyCable]:
    """The network between the browser and the gateway."""
    cable = LossyCable(gateway.port)
    await cable.start()
    yield cable
    await cable.stop()


async def asked(context: Context) -> list[str]:
    """Tell the URL of each opening of an EventSource."""
    return [request.url for request in await context.sent() if request.kind == "eventsource"]


async def test_backend_drops_the_connection(
    gateway: RunningGateway, page: Page, context: Context, sse_server: SseServer
) -> None:
    """The browser comes back by itself to the same URL for what it missed; nobody else saw the token."""
    await page.goto(url_of(gateway))
    url = await issued_url(page)
    source = await page.event_source(url)
    first = await sse_server.next()
    sse_server.publish("one")
    await source.data(1)
    gateway.errors_expected = True
    sse_server.drop(first)
    sse_server.publish("two")
    assert await source.data(2) == ["one", "two"]
    assert (first.last_event_id, (await sse_server.next()).last_event_id) == (None, "1")
    assert await asked(context) == [url_of(gateway, url)] * 2
    token = url.partition("=")[2]
    check_upstream(sse_server, token)
    check_log(gateway, token)
    opened = gateway.logs.named("stream.opened")
    assert [line["url"] for line in opened] == ["/events?token=***"] * 2


@pytest.mark.parametrize("end_reason", ["client_gone", "superseded"])
async def test_network_is_cut(
    end_reason: str, gateway: RunningGateway, page: Page, cable: LossyCable, sse_server: SseServer
) -> None:
    """A browser whose network was away gets what it missed, also while the gateway holds its old stream."""
    await page.goto(f"http://{HOST}:{cable.port}/")
    source = await page.event_source(await issued_url(page))
    first = await sse_server.next()
    sse_server.publish("one")
    await source.data(1)
    if end_reason == "superseded":
        cable.lose()
    else:
        cable.unplug()
        await source.until("error", 2)
        cable.plug_in()
    sse_server.publish("two")
    assert await source.data(2) == ["one", "two"]
    assert (await sse_server.next()).last_event_id == "1"
    await soon(first.gone.wait())
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == end_reason
    assert await gateway.metric(SUPERSEDED) == (end_reason == "superseded")


async def test_second_client(
    gateway: RunningGateway, page: Page, browser: Chromium, sse_server: SseServer
) -> None:
    """Whoever else has the URL gets 401, another profile of the browser too, and the stream goes on."""
    await page.goto(url_of(gateway))
    url = await issued_url(page)
    source = await page.event_source(url)
    stream = await sse_server.next()
    other = await browser.context()
    elsewhere = await other.page()
    await elsewhere.goto(url_of(gateway))
    refused = await elsewhere.event_source(url)
    (error,) = await refused.until("error")
    assert error.ready_state == Source.CLOSED
    assert await elsewhere.evaluate("(url) => fetch(url).then((answer) => answer.status)", url) == 401
    agent: Fields = [("User-Agent", stream.head.value("User-Agent") or "")]
    assert [(await gateway.call(url, fields)).status for fields in (agent, ())] == [401, 401]
    assert await gateway.metric(REUSED) == 4
    sse_server.publish("still here")
    assert await source.data(1) == ["still here"]
    assert [noted.kind for noted in await source.log()] == ["open", "message"]
    assert (sse_server.streams, gateway.logs.named("stream.ended")) == ([stream], [])
    check_log(gateway, url.partition("=")[2])
    await other.aclose()


@pytest.mark.parametrize(("host", "bound"), [("app.test", False), (HOST, True)], ids=["cross", "same"])
async def test_page_of_another_origin(
    host: str,
    bound: bool,
    start_gateway: StartGateway,
    pages: PageServer,
    page: Page,
    context: Context,
    sse_server: SseServer,
) -> None:
    """A listed origin issues and opens with credentials; its binding cookie is kept only within one site."""
    origin = pages.url("", host=host)
    cors = f"cors: {{origins: ['{origin}'], credentials: true}}"
    gateway = await start_gateway(token_file(sse_server, pages, more=cors))
    await page.goto(f"{origin}/")
    url = url_of(gateway, await issued_url(page, url_of(gateway, ISSUE_PATH), credentials="include"))
    preflight, issuing = gateway.logs.named("request.finished")
    assert (preflight["method"], preflight["status"]) == ("OPTIONS", 204)
    assert (issuing["method"], issuing["url"]) == ("POST", ISSUE_PATH)
    assert ("tentaculo_binding" in await context.cookies()) == bound
    source = await page.event_source(url, credentials=True)
    first = await sse_server.next()
    sse_server.publish("one")
    await source.data(1)
    gateway.errors_expected = True
    sse_server.drop(first)
    sse_server.publish("two")
    assert await source.data(2) == ["one", "two"]
    check_upstream(sse_server, url.partition("=")[2])


async def test_page_of_an_origin_that_is_not_listed(
    start_gateway: StartGateway, start_pages: StartPages, page: Page, pages: PageServer, sse_server: SseServer
) -> None:
    """Its preflight is refused, so the browser rejects the fetch and no token is issued."""
    listed = pages.url("", host="app.test")
    cors = f"cors: {{origins: ['{listed}'], credentials: true}}"
    gateway = await start_gateway(token_file(sse_server, pages, more=cors))
    for unlisted in (pages.url(host="other.test"), (await start_pages()).url(host="app.test")):
        await page.goto(unlisted)
        answer = await issue(page, url_of(gateway, ISSUE_PATH), credentials="include")
        assert answer == {"rejected": "TypeError"}
    lines = gateway.logs.named("request.finished")
    assert [(line["method"], line["status"]) for line in lines] == [("OPTIONS", 403)] * 2
    assert await gateway.metric("ephemeral_tokens_issued_total") == 0
