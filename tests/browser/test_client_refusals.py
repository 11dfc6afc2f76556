"""Refusals that the client tells apart by an error's `code` and `reason`: it gives up, or comes back."""

from __future__ import annotations

import json

import pytest

from tests.browser.client_pages import EVENTS, ISSUE_PATH, events_route
from tests.browser.client_scene import Scene
from tests.browser.client_tabs import CLOSED, CONNECTING, Client
from tests.browser.stage import NO_CONTENT, Answer, plain, streaming
from tests.fakes.client import request
from tests.functional.running import GOOD, OTHER_TOKEN, TOKEN

FREE = "  - {name: free, path: /events/free, upstream: events, access: public}\n"
HERE = streaming(b"data: here\n\n")
LIMITS = {
    "max_streams_per_principal": (429, "stream_limit_reached"),
    "max_streams": (503, "too_many_streams"),
}


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """A scene with a stream that opens at the second asking."""
    scene.streams.answers["events"] = [HERE]
    return scene


def refusal(status: str, reason: str = "backend_said_no") -> Answer:
    """Answer with a problem of the backend's own."""
    body = json.dumps({"status": int(status[:3]), "code": reason}).encode()
    return plain(status, b"Content-Type: application/problem+json\r\n", body)


async def stays_closed(client: Client, asked: int) -> None:
    """Fail unless a client is closed, and asks for nothing in the next hour."""
    assert await client.ready_state() == CLOSED
    await client.tab.pass_time(3600)
    await client.tab.round_trip()
    assert len(client.tab.urls(ISSUE_PATH) + client.tab.urls(EVENTS)) == asked


# Of issuing.


@pytest.mark.parametrize(
    ("token", "code", "reason"),
    [("not-any-principals-token", 401, "unauthorized"), (OTHER_TOKEN, 403, "forbidden")],
    ids=["401", "403"],
)
async def test_issuing_is_refused_for_good(token: str, code: int, reason: str, scene: Scene) -> None:
    """Who may not is not asked again."""
    await scene.start()
    client = await (await scene.timeless()).client(token=token)
    assert await client.errors() == [(code, reason, CLOSED)]
    await stays_closed(client, 1)
    assert scene.streams.openings("events") == []


async def test_tokens_are_asked_for_too_fast(scene: Scene) -> None:
    """It comes back once the rate allows, and not before."""
    gateway = await scene.start(rate="rate: 0.5/s, burst: 1")
    await gateway.call(ISSUE_PATH, method="POST")
    client = await scene.client()
    assert await client.errors() == [(429, "issue_rate_exceeded", CONNECTING)]
    assert await client.data(1) == ["here"]
    assert len(client.tab.urls(ISSUE_PATH)) == 2


async def test_store_is_full(scene: Scene) -> None:
    """It comes back when there is room again."""
    store = "token_store: {url: memory, max_tokens: 1}"
    gateway = await scene.start(events_route(terms="ttl: 1s"), extra=store)
    await gateway.call(ISSUE_PATH, method="POST")
    client = await scene.client()
    assert (await client.errors())[0] == (503, "token_store_full", CONNECTING)
    assert await client.data(1) == ["here"]
    assert {error[:2] for error in await client.errors()} == {(503, "token_store_full")}


@pytest.mark.parametrize("times", [1, 2], ids=["rejects", "throws"])
async def test_token_provider_fails(times: int, scene: Scene) -> None:
    """A provider that throws, or whose promise is rejected, is asked again."""
    await scene.start()
    client = await (await scene.timeless()).client(token="")
    for count in range(1, times + 1):
        assert set(await client.errors(count)) == {(0, "", CONNECTING)}
        await client.tab.pass_time(30)
    assert client.tab.urls(ISSUE_PATH) == []
    await client.set_token(TOKEN)
    await client.tab.pass_until(lambda: bool(client.tab.openings()))
    assert await client.data(1) == ["here"]


async def test_issue_path_is_not_there(scene: Scene) -> None:
    """A path that gives no tokens will not give any later."""
    await scene.start()
    client = await (await scene.timeless()).client(issuePath="/nowhere")
    assert await client.errors() == [(404, "route_not_found", CLOSED)]
    assert client.tab.openings() == []


# Of opening.

GIVES_UP = ["400 Bad Request", "403 Forbidden", "404 Not Found", "405 Method Not Allowed", "410 Gone"]
# Not 408: Chromium itself asks once more where it came over a connection that was used before.
COMES_BACK = [
    "425 Too Early",
    "429 Too Many Requests",
    "500 Internal Server Error",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway Timeout",
    "529 Site Is Overloaded",
]


@pytest.mark.parametrize("status", GIVES_UP)
async def test_opening_is_refused_for_good(status: str, scene: Scene) -> None:
    """What asking again will not change is told once."""
    scene.streams.answers["events"] = [refusal(status), HERE]
    await scene.start()
    client = await (await scene.timeless()).client()
    assert await client.errors() == [(int(status[:3]), "backend_said_no", CLOSED)]
    await stays_closed(client, 2)


@pytest.mark.parametrize("status", COMES_BACK)
async def test_opening_is_refused_for_now(status: str, scene: Scene) -> None:
    """It comes back with a new token each time."""
    scene.streams.answers["events"] = [refusal(status), plain(status, body=b"<html>no"), HERE]
    await scene.start()
    client = await (await scene.timeless()).client()
    code, streams = int(status[:3]), scene.streams
    assert await client.errors() == [(code, "backend_said_no", CONNECTING)]
    await client.tab.pass_until(lambda: len(streams.openings("events")) == 2)
    assert (await client.errors(2))[1] == (code, "", CONNECTING)
    await client.tab.pass_until(lambda: len(streams.openings("events")) == 3)
    assert await client.data(1) == ["here"]
    assert len(set(client.tab.urls(EVENTS))) == len(client.tab.urls(ISSUE_PATH)) == 3


@pytest.mark.parametrize("token", [None, TOKEN], ids=["without a token", "with a token"])
async def test_no_content(token: str | None, scene: Scene) -> None:
    """It tells an EventSource to stop, and this one too."""
    scene.streams.answers["events"] = scene.streams.answers["free"] = [NO_CONTENT, HERE]
    await scene.start(events_route(), FREE)
    client = await (await scene.timeless()).client(EVENTS if token else "/events/free", token=token)
    assert await client.errors() == [(204, "", CLOSED)]
    await stays_closed(client, 2 if token else 1)


async def test_another_content_type(scene: Scene) -> None:
    """A page in the stream's place is none."""
    scene.streams.answers["free"] = [plain("200 OK", b"Content-Type: text/html\r\n", b"data: 1\n\n"), HERE]
    await scene.start(events_route(), FREE)
    client = await (await scene.timeless()).client("/events/free", token=None)
    assert await client.errors() == [(200, "", CLOSED)]
    await stays_closed(client, 1)
    assert await client.log() == await client.until("error")


async def test_token_of_another_route(scene: Scene) -> None:
    """A fresh token is tried once, in case the first was too old; then it gives up."""
    other = events_route(name="other", path="/events/other").replace(ISSUE_PATH, "/other-token")
    gateway = await scene.start(events_route(), other)
    client = await (await scene.timeless()).client("/events/other")
    await client.tab.pass_until(lambda: len(client.tab.openings()) == 2)
    await client.tab.pass_until(lambda: len(gateway.logs.named("request.finished")) >= 4)
    (last, *_) = reversed(await client.errors(2))
    assert last == (401, "unauthorized", CLOSED)
    await stays_closed(client, 4)
    assert await gateway.metric("ephemeral_tokens_issued_total") == 2


@pytest.mark.parametrize("limit", LIMITS)
async def test_too_many_streams(limit: str, scene: Scene) -> None:
    """It comes in as soon as there is room, after the time that the gateway named."""
    scene.streams.answers["events"] = [streaming(), HERE]
    code, reason = LIMITS[limit]
    gateway = await scene.start(events_route(stream=f"{limit}: 1"))
    other = await gateway.client()
    await other.send(request("GET", EVENTS, GOOD))
    assert (await other.head()).status == 200
    client = await (await scene.timeless()).client()
    assert await client.errors() == [(code, reason, CONNECTING)]
    other.leave()
    await gateway.logs.wait_for("stream.ended")
    await client.tab.pass_until(lambda: len(client.tab.openings()) == 2)
    assert await client.data(1) == ["here"]


async def test_redirect_of_a_token_stream(scene: Scene) -> None:
    """The gateway does not relay it, and the client follows none where it carries a token."""
    there = scene.pages.url("/there", host="other.test")
    moved = plain("307 Temporary Redirect", f"Location: {there}\r\n".encode())
    scene.streams.answers["events"] = scene.streams.answers["free"] = [moved, moved]
    await scene.start(events_route(), FREE)
    tab = await scene.timeless()
    assert await (await tab.client()).errors() == [(502, "upstream_redirect", CONNECTING)]
    assert await (await tab.client("/events/free")).errors() == [(0, "", CONNECTING)]
    assert "/there" not in [told.path for told in scene.pages.requests]
