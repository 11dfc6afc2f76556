"""Streams that a page opens by a token in a cookie (`carry: cookie`), and other origins' pages that try to.

Over plain HTTP browsers send `Sec-Fetch-Site`, and keep `Secure` cookies, for `localhost` and names below
it only; so what rests on these stands at `gateway.localhost`, the rest at `gateway.test`. It blocks
third-party cookies: for streams of other sites' pages it sends only those that such a page has asked for.
"""

from __future__ import annotations

import pytest

from tests.browser.conftest import StartPages
from tests.browser.pages import PageServer
from tests.browser.token_pages import (
    EVENTS,
    ISSUE_PATH,
    check_log,
    check_upstream,
    issue,
    places,
    token_file,
    url_of,
)
from tests.fakes.chromium import Context, Page, Source
from tests.fakes.gates import eventually
from tests.fakes.sse_server import SseServer
from tests.functional.conftest import StartGateway
from tests.functional.running import RunningGateway
from tests.functional.tokens import reaches

TRUSTED = "gateway.localhost"
LEAKY = '<!doctype html><meta name="referrer" content="unsafe-url"><title>Page</title>'
IMAGE = "(url) => new Promise((done) => { const i = new Image(); i.onload = i.onerror = done; i.src = url; })"
LINK = "(url) => { setTimeout(() => { location.href = url; }); }"


@pytest.fixture
async def pages(start_pages: StartPages) -> PageServer:
    """Pages that tell every site their whole URL, behind the gateway and at origins of their own."""
    pages = await start_pages()
    pages.pages["/"] = LEAKY
    return pages


@pytest.fixture
async def gateway(start_gateway: StartGateway, pages: PageServer, sse_server: SseServer) -> RunningGateway:
    """A gateway that tells no other origin anything."""
    return await start_gateway(token_file(sse_server, pages, "carry: cookie"))


async def token_of(context: Context) -> str:
    """Tell the token that is in the profile's cookie."""
    (token,) = (v for k, v in (await context.cookies()).items() if k.startswith("tentaculo_token_"))
    return token


async def opened(page: Page, gateway: RunningGateway, *, host: str = "gateway.test") -> Source:
    """Let a page of the gateway's own origin ask for a cookie and open a stream."""
    await page.goto(url_of(gateway, host=host))
    assert await issue(page) == {"status": 200, "ttl_sec": 60, "endpoint": EVENTS}
    source = await page.event_source(EVENTS)
    await source.until("open")
    return source


async def refused(page: Page, url: str) -> None:
    """Let a page try to open a stream with its cookies."""
    source = await page.event_source(url, credentials=True)
    (error,) = await source.until("error")
    assert error.ready_state == Source.CLOSED


def answers(gateway: RunningGateway) -> list[tuple[int, str, str]]:
    """Tell the status, code and reason of each refusal to open a stream."""
    lines = [line for line in gateway.logs.named("request.finished") if line["url"] == EVENTS]
    return [(line["status"], line["code"], line["reason"]) for line in lines]


async def sites(context: Context, url: str) -> list[tuple[str, str | None]]:
    """Tell what asked for a URL, and what the browser said of its site (not kept where CORS failed)."""
    return [(s.kind, s.fields.get("sec-fetch-site")) for s in await context.sent() if s.url == url]


async def still_open(source: Source, server: SseServer) -> None:
    """Fail unless the only stream ever opened goes on."""
    await eventually(lambda: bool(server.streams))  # the head may come before the server says so
    (stream,) = server.streams
    server.publish("still here")
    assert await source.data(1) == ["still here"]
    assert not stream.gone.is_set()


async def test_no_url_holds_the_token(
    gateway: RunningGateway,
    page: Page,
    context: Context,
    pages: PageServer,
    start_pages: StartPages,
    sse_server: SseServer,
) -> None:
    """The browser comes back for what it missed; no log, history, request or Referer tells the token."""
    source = await opened(page, gateway)
    first = await sse_server.next()
    sse_server.publish("one")
    await source.data(1)
    gateway.errors_expected = True
    sse_server.drop(first)
    sse_server.publish("two")
    assert await source.data(2) == ["one", "two"]
    assert (await sse_server.next()).last_event_id == "1"
    there = await start_pages()
    image = there.url("/image.png", host="other.test")
    await page.evaluate(IMAGE, image)
    await page.goto(there.url(host="other.test"))
    token = await token_of(context)
    seen = await places([context], [page], [pages, there])
    assert token not in seen
    assert "tentaculo_" not in seen
    assert {f"{url_of(gateway, EVENTS)} {url_of(gateway)}", f"{image} {url_of(gateway)}"} <= {
        *seen.split("\n")
    }
    check_upstream(sse_server, token)
    check_log(gateway, token)
    assert {line["url"] for line in gateway.logs.named("stream.opened")} == {EVENTS}


async def test_two_tabs(gateway: RunningGateway, page: Page, context: Context, sse_server: SseServer) -> None:
    """Two tabs of a profile read by one cookie, and neither takes the other's place."""
    first = await opened(page, gateway)
    other = await context.page()
    await other.goto(url_of(gateway))
    second = await other.event_source(EVENTS)
    await second.until("open")
    sse_server.publish("both")
    assert [await source.data(1) for source in (first, second)] == [["both"]] * 2
    assert gateway.logs.named("stream.ended") == []
    assert await gateway.metric("ephemeral_tokens_issued_total") == 1


async def test_tab_after_the_tokens_life(
    start_gateway: StartGateway, pages: PageServer, page: Page, context: Context, sse_server: SseServer
) -> None:
    """While a tab is open its token opens another one however old it is; one that is unused opens nothing."""
    gateway = await start_gateway(token_file(sse_server, pages, "carry: cookie, ttl: 1s"))
    await page.goto(url_of(gateway))
    assert (await issue(page))["ttl_sec"] == 1
    await (await page.event_source(EVENTS)).until("open")
    unused = (await gateway.call(ISSUE_PATH, method="POST")).head.values("Set-Cookie")
    await reaches(gateway, "ephemeral_tokens_expired_total", 1)
    cookie = "; ".join(value.partition(";")[0] for value in unused)
    assert (await gateway.call(EVENTS, [("Cookie", cookie)])).status == 401
    other = await context.page()
    await other.goto(url_of(gateway))
    await (await other.event_source(EVENTS)).until("open")
    assert len(sse_server.open) == 2


@pytest.mark.parametrize(
    ("top", "terms", "visited"),
    [
        ("test", "same_site: strict", (401, "unauthorized", "missing")),
        ("localhost", "same_site: none", (403, "cross_site", "cross_site")),
    ],
    ids=["strict", "none"],
)
async def test_page_of_another_site(
    top: str,
    terms: str,
    visited: tuple[int, str, str],
    start_gateway: StartGateway,
    pages: PageServer,
    page: Page,
    context: Context,
    sse_server: SseServer,
) -> None:
    """Its EventSource brings no cookie; nor does its link if SameSite=Strict, else the gateway refuses it."""
    cors = "cors: {origins: ['https://app.example.org'], credentials: true}"
    gateway = await start_gateway(token_file(sse_server, pages, f"carry: cookie, {terms}", cors))
    source = await opened(page, gateway, host=f"gateway.{top}")
    evil = await context.page()
    await evil.goto(pages.url(host=f"other.{top}"))
    stream = url_of(gateway, EVENTS, host=f"gateway.{top}")
    await refused(evil, stream)
    await evil.evaluate(LINK, stream)
    await eventually(lambda: len(answers(gateway)) == 2)
    assert answers(gateway) == [(401, "unauthorized", "missing"), visited]
    await still_open(source, sse_server)


async def test_other_port_that_is_listed(
    start_gateway: StartGateway, pages: PageServer, page: Page, context: Context, sse_server: SseServer
) -> None:
    """A page of a listed origin of the same site issues, and opens with the cookie."""
    cors = f"cors: {{origins: ['{pages.url('', host=TRUSTED)}'], credentials: true}}"
    gateway = await start_gateway(token_file(sse_server, pages, "carry: cookie", cors))
    await page.goto(pages.url(host=TRUSTED))
    url = url_of(gateway, ISSUE_PATH, host=TRUSTED)
    assert (await issue(page, url, credentials="include"))["status"] == 200
    source = await page.event_source(url_of(gateway, EVENTS, host=TRUSTED), credentials=True)
    await source.until("open")
    await still_open(source, sse_server)
    assert await sites(context, url_of(gateway, EVENTS, host=TRUSTED)) == [("eventsource", "same-site")]


async def test_page_of_another_site_that_is_listed(
    start_gateway: StartGateway, pages: PageServer, page: Page, context: Context, sse_server: SseServer
) -> None:
    """With `same_site: none` it opens with a cookie of its own, though third parties' are blocked."""
    origin = pages.url("", host="app.localhost")
    cors = f"cors: {{origins: ['{origin}'], credentials: true}}"
    gateway = await start_gateway(token_file(sse_server, pages, "carry: cookie, same_site: none", cors))
    await page.goto(pages.url(host="app.localhost"))
    url = url_of(gateway, ISSUE_PATH, host=TRUSTED)
    assert (await issue(page, url, credentials="include"))["status"] == 200
    source = await page.event_source(url_of(gateway, EVENTS, host=TRUSTED), credentials=True)
    await source.until("open")
    await still_open(source, sse_server)
    assert await sites(context, url_of(gateway, EVENTS, host=TRUSTED)) == [("eventsource", "cross-site")]


async def test_other_port_that_is_not_listed(
    gateway: RunningGateway, page: Page, context: Context, pages: PageServer, sse_server: SseServer
) -> None:
    """The browser sends the cookie along for its stream, and for its image, and the gateway refuses both."""
    source = await opened(page, gateway, host=TRUSTED)
    evil = await context.page()
    await evil.goto(pages.url(host=TRUSTED))
    stream = url_of(gateway, EVENTS, host=TRUSTED)
    await refused(evil, stream)
    await evil.evaluate(IMAGE, stream)
    assert answers(gateway) == [(403, "cross_site", "cross_site")] * 2
    assert (await sites(context, stream))[0] == ("eventsource", "same-origin")  # so it says it there
    await still_open(source, sse_server)


async def test_other_port_without_sec_fetch_site(
    gateway: RunningGateway, page: Page, context: Context, pages: PageServer, sse_server: SseServer
) -> None:
    """Where the browser says nothing of the site, the page's `Origin` has its stream refused."""
    source = await opened(page, gateway)
    evil = await context.page()
    await evil.goto(pages.url(host="gateway.test"))
    await refused(evil, url_of(gateway, EVENTS))
    assert answers(gateway) == [(403, "cross_site", "cross_site")]
    assert (await sites(context, url_of(gateway, EVENTS)))[0] == ("eventsource", None)
    await still_open(source, sse_server)
