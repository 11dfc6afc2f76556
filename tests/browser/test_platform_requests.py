"""What a browser asks with, as the upstream gets it: fields, cookies, other origins; and how it leaves."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.browser.conftest import StartPages, StartStage
from tests.browser.stage import (
    NEEDS_PREFLIGHT,
    NO_STATUS,
    STREAM,
    Answer,
    Ending,
    Stage,
    comes_back,
    plain,
    streaming,
)
from tests.fakes.chromium import CONSTRUCTORS, Page, Source

pytestmark = pytest.mark.parametrize("page", CONSTRUCTORS, indirect=True)


@dataclass(frozen=True, slots=True)
class Rule:
    """A route's `cors`, what an upstream says to the same end, and whether a page may then open streams."""

    cors: str
    fields: str
    without_credentials: bool = False
    with_credentials: bool = False


ALLOW_ORIGIN = "Access-Control-Allow-Origin"
ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials: true"
RULES = {
    "listed": Rule(
        "cors: {{origins: ['{0}'], credentials: true}}",
        f"{ALLOW_ORIGIN}: {{0}}\r\n{ALLOW_CREDENTIALS}\r\n",
        without_credentials=True,
        with_credentials=True,
    ),
    "no-credentials": Rule(
        "cors: {{origins: ['{0}']}}", f"{ALLOW_ORIGIN}: {{0}}\r\n", without_credentials=True
    ),
    "anyone": Rule("cors: {{origins: ['*']}}", f"{ALLOW_ORIGIN}: *\r\n", without_credentials=True),
    "other": Rule(
        "cors: {{origins: ['http://other.test'], credentials: true}}",
        f"{ALLOW_ORIGIN}: http://other.test\r\n{ALLOW_CREDENTIALS}\r\n",
    ),
    "nobody": Rule("", ""),
}


@pytest.mark.parametrize("start_stage", ["direct", "gateway", "gateway-only"], indirect=True)
async def test_fields(stage: Stage, page: Page) -> None:
    """The upstream gets the request as the browser made it."""
    stage.answers["fields"] = [streaming()]
    await page.goto(stage.url())
    await page.evaluate("document.cookie = 'a=b'")
    target = stage.stream("fields") + "?a=%C3%A9&a=1&b&c=+%20%26"
    await page.event_source(target + "#part")
    head = (await stage.opened("fields")).head
    assert (head.method, head.target) == ("GET", target)
    assert head.values("Accept") == ["text/event-stream"]
    assert head.values("Cache-Control") == ["no-cache"]
    assert head.values("Cookie") == ["a=b"]
    assert head.values("Referer") == [stage.url()]
    assert not [name for name in ("Origin", "Last-Event-ID", "Content-Length") if head.values(name)]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
async def test_page_of_another_origin(
    rule: Rule, start_stage: StartStage, start_pages: StartPages, page: Page
) -> None:
    """Who may open a stream with and without credentials, and that cookies go along with these alone."""
    pages = await start_pages()
    origin = pages.url("", host="stage.test")
    stage = await start_stage(more=rule.cors.format(origin))
    fields = b"" if stage.gateway else rule.fields.format(origin).encode()
    stream = Answer(b"HTTP/1.1 200 OK\r\n" + STREAM + fields + b"\r\n", (b"data: 1\n\n",), Ending.SILENCE)
    stage.answers = {"without": [stream], "with": [stream]}
    await page.goto(pages.url(host="stage.test"))
    await page.evaluate("document.cookie = 'a=b'")
    refused = Source.CONNECTING if comes_back(page, NO_STATUS) else Source.CLOSED
    for name, opens in (("without", rule.without_credentials), ("with", rule.with_credentials)):
        source = await page.event_source(stage.url(stage.stream(name)), credentials=name == "with")
        await source.until("message" if opens else "error")
        assert await source.ready_state() == (Source.OPEN if opens else refused)
        exchange, *again = stage.openings(name)
        assert not again or comes_back(page, NO_STATUS)
        assert exchange.head.values("Cookie") == (["a=b"] if name == "with" else [])
        assert exchange.head.values("Origin") == [origin]


async def test_reconnect_to_another_origin(
    start_stage: StartStage, start_pages: StartPages, page: Page
) -> None:
    """The id comes back to another origin too; an EventSource needs no preflight for it."""
    pages = await start_pages()
    origin = pages.url("", host="app.test")
    stage = await start_stage(more=f"cors: {{origins: ['{origin}']}}")
    allowed = f"Access-Control-Allow-Origin: {origin}\r\n".encode()
    head = b"HTTP/1.1 200 OK\r\n" + STREAM + allowed + b"\r\n"
    preflight = plain("200 OK", allowed + b"Access-Control-Allow-Headers: Last-Event-ID\r\n")
    asks_first = NEEDS_PREFLIGHT[page.constructor] and stage.gateway is None  # a gateway answers by itself
    stage.answers["back"] = [
        Answer(head, (b"retry: 1\nid: 1\ndata: 1\n\n",), Ending.CLOSE),
        *[preflight] * asks_first,
        Answer(head, (b"data: 2\n\n",), Ending.SILENCE),
    ]
    await page.goto(pages.url(host="app.test"))
    source = await page.event_source(stage.url(stage.stream("back")))
    assert await source.data(2) == ["1", "2"]
    first, *asked, second = stage.openings("back")
    assert [exchange.head.method for exchange in asked] == ["OPTIONS"] * asks_first
    assert (first.head.value("Last-Event-ID"), second.head.value("Last-Event-ID")) == (None, "1")
    assert (first.head.method, second.head.method) == ("GET", "GET")


async def test_close(stage: Stage, page: Page) -> None:
    """`close()` stops the upstream within a second: before the head, before the first event and after it."""
    stage.answers = {
        "head": [Answer(b"", ending=Ending.SILENCE)],
        "open": [streaming()],
        "message": [streaming(b"data: 1\n\ndata: ")],
    }
    await page.goto(stage.url())
    for name in stage.answers:
        source = await page.event_source(stage.stream(name))
        exchange = await stage.opened(name)
        if name != "head":
            await source.until(name)
        assert not exchange.wire.gone.is_set()
        await source.close()
        await exchange.gone()
        assert await source.ready_state() == Source.CLOSED
