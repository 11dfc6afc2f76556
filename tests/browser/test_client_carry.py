"""How the client's tokens travel: as the route says, a new one for each connection, from listed origins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.browser.client_pages import EVENTS, ISSUE_PATH, SCRIPT, ClientPages, events_route
from tests.browser.client_scene import Scene
from tests.browser.client_tabs import CLOSED, CONNECTING, OPEN, Tab
from tests.browser.stage import Ending, streaming
from tests.functional.running import TOKEN

ONE = streaming(b"id: 1\ndata: one\n\n", ending=Ending.END)
TWO = streaming(b"id: 2\ndata: two\n\n")
STANDARD = "X-VX11-Token"
SERVED = "/_tentaculo/event-source.js"


@dataclass(frozen=True, slots=True)
class Way:
    """What a route says of its tokens, and where the browser has them: parameter, header or neither.

    `credential` is the header of the principal token.
    """

    terms: str = ""
    parameter: str = ""
    header: str = ""
    scheme: str = ""
    credential: str = STANDARD

    @property
    def more(self) -> str:
        """The route's other keys."""
        return f"credential_headers: [{self.credential}]"


WAYS = {
    "query": Way(parameter="token"),
    "own parameter": Way("parameter: stream_token", parameter="stream_token"),
    "header": Way("carry: header", header="x-vx11-token"),
    "own header": Way("carry: header", header="x-own", credential="X-Own"),
    "bearer": Way("carry: header", header="authorization", scheme="Bearer ", credential="Authorization"),
    "cookie": Way("carry: cookie"),
}


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """A scene whose streams end once, so that each client comes back."""
    scene.streams.answers["events"] = [ONE, TWO]
    return scene


def pairs(text: str, separator: str) -> dict[str, str]:
    """Split a query or a field of cookies, less what is no token."""
    found = dict(pair.split("=", 1) for pair in text.split(separator) if pair)
    return {
        name: value for name, value in found.items() if name not in ("last_event_id", "tentaculo_binding")
    }


async def carried(tab: Tab, way: Way) -> list[str]:
    """Tell the token of each opening, and fail where one stands in another place."""
    tokens = []
    for asked in tab.openings():
        fields = await tab.run(asked.all_headers())
        assert TOKEN not in str((asked.url, fields))
        parameters, cookies = pairs(asked.url.partition("?")[2], "&"), pairs(fields.get("cookie", ""), "; ")
        headers = {n: fields[n] for n in ("x-vx11-token", "x-own", "authorization") if n in fields}
        assert [*parameters, *headers] == [place for place in (way.parameter, way.header) if place]
        (token,) = [*parameters.values(), *headers.values(), *cookies.values()]
        tokens.append(token.removeprefix(way.scheme))
    return tokens


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_way(way: Way, scene: Scene) -> None:
    """Each connection has a new token in its place, and nothing of it reaches the backend."""
    await scene.start(events_route(terms=way.terms, more=way.more))
    client = await scene.client(**({} if way.credential == STANDARD else {"header": way.credential}))
    assert await client.data(2) == ["one", "two"]
    tokens = await carried(client.tab, way)
    assert (len(set(tokens)), len(await client.asked())) == (2, 2)
    told = [answer.get("sse_token") for answer in await client.tab.issued()]
    assert told == (tokens if way.parameter or way.header else [None, None])
    assert await client.do("(client) => client.source.url") == scene.url(EVENTS)
    first, second = scene.streams.openings("events")
    assert [e.head.target for e in (first, second)] == [EVENTS, EVENTS]
    assert [e.head.values("Last-Event-ID") for e in (first, second)] == [[], ["1"]]
    assert not [token for token in (*tokens, TOKEN) for e in (first, second) if token.encode() in e.head.raw]
    assert [noted.kind for noted in await client.log()] == ["open", "message", "error", "open", "message"]


async def test_query_of_the_url(scene: Scene) -> None:
    """What the URL says stays as it is, and its fragment is nobody's business."""
    await scene.start()
    target = f"{EVENTS}?a=%C3%A9&a=1&b&c=+%20%26"
    client = await scene.client(f"{target}#part")
    await client.data(2)
    assert [e.head.target for e in scene.streams.openings("events")] == [target] * 2
    assert await client.do("(client) => client.source.url") == scene.url(f"{target}#part")


async def test_principal_token_is_asked_for_each_time(scene: Scene) -> None:
    """A client that lost its principal token does not come back by an old one."""
    scene.streams.answers["events"] = [streaming(b"data: one\n\n", b"", ending=Ending.END), TWO]
    await scene.start()
    client = await scene.client()
    await client.data(1)
    await client.set_token("not-the-principals-own-token")
    scene.streams.go("events")
    assert await client.errors(2) == [(0, "", CONNECTING), (401, "unauthorized", CLOSED)]
    assert len(scene.streams.openings("events")) == 1


async def test_without_an_issue_path(scene: Scene) -> None:
    """It asks for nothing and comes back as an EventSource does."""
    route = "  - {name: free, path: /events/free, upstream: events, access: public, stream: {retry: 20ms}}\n"
    scene.streams.answers["free"] = [ONE, TWO]
    await scene.start(events_route(), route)
    client = await scene.client("/events/free", token=None)
    assert await client.data(2) == ["one", "two"]
    assert client.tab.urls(ISSUE_PATH) == []
    for exchange, last in zip(scene.streams.openings("free"), ([], ["1"]), strict=True):
        assert exchange.head.target == "/events/free"
        assert exchange.head.values("Accept") == ["text/event-stream"]
        assert exchange.head.values("Last-Event-ID") == last
        assert "no-cache" in exchange.head.values("Cache-Control")


# Other origins.


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the page is, and where the gateway; whether it sends cookies, and what preflights it needs."""

    terms: str = ""
    credentials: bool = True
    page: str = "app.test"
    gateway: str = "gateway.test"
    binding: bool = False


ORIGINS = {
    "other site": Origin(),
    "same site": Origin(page="gateway.test", binding=True),
    "without credentials": Origin(credentials=False),
    "header": Origin("carry: header"),
    "header, without credentials": Origin("carry: header", credentials=False),
    "cookie": Origin("carry: cookie", page="gateway.localhost", gateway="gateway.localhost", binding=True),
    "cookie of another site": Origin(
        "carry: cookie, same_site: none", page="app.localhost", gateway="gateway.localhost", binding=True
    ),
}


@pytest.fixture
async def elsewhere() -> AsyncIterator[ClientPages]:
    """Pages of another origin, with the client."""
    pages = ClientPages()
    await pages.start()
    yield pages
    await pages.stop()


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
async def test_page_of_another_origin(origin: Origin, scene: Scene, elsewhere: ClientPages) -> None:
    """A listed origin issues and opens, with cookies and without, and reads what comes."""
    listed = elsewhere.url("", host=origin.page)
    cors = f"cors: {{origins: ['{listed}'], credentials: {str(origin.credentials).lower()}}}"
    gateway = await scene.start(events_route(terms=origin.terms, more=cors))
    tab = await scene.tab(f"{listed}/")
    client = await tab.client(
        scene.url(EVENTS, host=origin.gateway), issuePath=ISSUE_PATH, withCredentials=origin.credentials
    )
    assert await client.data(2) == ["one", "two"]
    assert await client.do("(client) => client.source.withCredentials") is origin.credentials
    assert ("tentaculo_binding" in await scene.context.cookies()) is origin.binding
    lines = gateway.logs.named("request.finished")
    preflights = [
        (line["url"].partition("?")[0], line["status"]) for line in lines if line["method"] == "OPTIONS"
    ]
    assert (ISSUE_PATH, 204) in preflights
    assert ((EVENTS, 204) in preflights) is ("header" in origin.terms)


@pytest.mark.parametrize("place", ["the gateway", "another origin"])
async def test_where_the_script_comes_from(place: str, scene: Scene, elsewhere: ClientPages) -> None:
    """A page may import the client from anywhere; relative URLs are those of the page."""
    await scene.start()
    script = elsewhere.url(SCRIPT, host="cdn.test") if place == "another origin" else SERVED
    client = await (await scene.tab()).client(script=script)
    await client.data(2)
    assert await client.do("(client) => client.source.url") == scene.url(EVENTS)


@pytest.mark.parametrize("asks", ["unlisted", "credentials"])
async def test_page_of_an_origin_that_may_not(asks: str, scene: Scene, elsewhere: ClientPages) -> None:
    """It can't tell why; no token is issued, and it goes on trying as without a network."""
    listed = "http://other.test" if asks == "unlisted" else elsewhere.url("", host="app.test")
    gateway = await scene.start(events_route(more=f"cors: {{origins: ['{listed}']}}"))
    tab = await scene.tab(elsewhere.url(host="app.test"))
    client = await tab.client(scene.url(EVENTS), withCredentials=asks == "credentials")
    assert (await client.errors())[0] == (0, "", CONNECTING)
    assert scene.streams.openings("events") == []
    if asks == "unlisted":
        assert await gateway.metric("ephemeral_tokens_issued_total") == 0


async def test_events_tell_their_origin(scene: Scene, elsewhere: ClientPages) -> None:
    """It is the stream's, not the page's."""
    scene.streams.answers["events"] = [streaming(b": hello\n\n", b"data: one\n\n")]
    origin = elsewhere.url("", host="app.test")
    await scene.start(events_route(more=f"cors: {{origins: ['{origin}']}}"))
    client = await (await scene.tab(f"{origin}/")).client(scene.url(EVENTS))
    await client.until("open")
    assert await client.ready_state() == OPEN
    await client.do("(client) => { client.source.onmessage = (e) => { client.origin = e.origin; }; }")
    scene.streams.go("events")
    assert await client.data(1) == ["one"]
    assert await client.do("(client) => client.origin") == scene.url()
