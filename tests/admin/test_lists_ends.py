"""The streams that operators end, and the turns that long lists leave to others."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from tentaculo.admin.lists import ENDS_A_TURN, SLICE, Lists
from tests.admin.listing import ROUTES, call, listed, names, opened, relay_of
from tests.admin.stacks import Stack, running
from tests.fakes.client import request, told
from tests.functional.running import GOOD

Handler = Callable[[web.Request], Coroutine[Any, Any, web.Response]]


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    """A gateway with routes of all kinds."""
    async with running(ROUTES) as stack:
        yield stack


# Their end.


async def test_one_ends(stack: Stack) -> None:
    """Its last event and the log say that it was revoked; the other goes on."""
    client, other = await opened(stack), await opened(stack, "/sse/rooms/b")
    (row, _) = (await listed(stack))["streams"]
    reply = await call(stack, f"/streams/{row['id']}", "DELETE")
    assert (reply.status, told(reply)) == (200, {"ended": 1})
    assert b'"revoked"' in await client.until(b"0\r\n\r\n")
    event = await stack.gateway.logs.wait_for("stream.ended")
    assert (event["end_reason"], event["request_id"]) == ("revoked", row["id"])
    assert len((await listed(stack))["streams"]) == 1
    stack.upstream.events.put_nowait(b"data: on\n\n")
    stack.upstream.events.put_nowait(b"data: on\n\n")
    await other.until(b"data: on\n\n")


@pytest.mark.parametrize("request_id", ["nothing", "%2e%2e", "a%20b", "%00"])
async def test_an_unknown_one(request_id: str, stack: Stack) -> None:
    """An id that no stream has is told, and nothing ends."""
    await opened(stack)
    reply = await call(stack, f"/streams/{request_id}", "DELETE")
    assert (reply.status, told(reply)["code"]) == (404, "route_not_found")
    assert await names(stack) == ["rooms"]


async def test_what_is_no_stream_yet(stack: Stack) -> None:
    """What waits for its answer is neither listed nor ended."""
    client = await stack.gateway.client()
    await client.send(request("GET", "/late-sse", GOOD))
    await stack.upstream.next()
    assert await names(stack) == []
    assert told(await call(stack, "/streams?route=late", "DELETE")) == {"ended": 0}
    stack.upstream.gates.open("head")
    assert (await client.head()).status == 200
    assert await names(stack) == ["late"]


@pytest.mark.parametrize(
    ("query", "ended", "left"),
    [
        ("?route=rooms", 2, ["public", "shared"]),
        ("?route=shared", 1, ["rooms", "public", "rooms"]),
        ("?principal=operator-ui", 3, ["public"]),
        ("?principal=operator-ui&route=shared", 1, ["rooms", "public", "rooms"]),
        ("?route=nothing", 0, ["rooms", "public", "shared", "rooms"]),
        ("?principal=operator-ui&route=public", 0, ["rooms", "public", "shared", "rooms"]),
    ],
)
async def test_many_end(query: str, ended: int, left: list[str], stack: Stack) -> None:
    """Those that are meant end, and it is said how many they were."""
    for path in ("/sse/rooms/a", "/sse/public", "/sse/shared", "/sse/rooms/b"):
        await opened(stack, path)
    reply = await call(stack, f"/streams{query}", "DELETE")
    assert (reply.status, told(reply)) == (200, {"ended": ended})
    assert await names(stack) == left


# What it costs.


def driven(work: Coroutine[Any, Any, web.Response]) -> tuple[int, str]:
    """Do work at once; return how often it gave others their turn, and the body that it came to."""
    for turns in itertools.count():
        try:
            work.send(None)
        except StopIteration as done:
            return turns, done.value.body.decode()
    raise AssertionError


def turns(handler: Handler, target: str) -> int:
    """Return how often others have their turn while a request is answered."""
    return driven(handler(make_mocked_request("GET", target)))[0]


async def test_long_lists_are_made_in_slices() -> None:
    """However many there are, others have their turn after each slice."""
    route = "\n  - {{name: r{0}, path: /sse/{0}, upstream: backend, access: public, stream: {{}}}}"
    async with running("".join(route.format(number) for number in range(2 * SLICE + 1))) as stack:
        for number in range(SLICE + 1):
            await opened(stack, f"/sse/{number}", ())
        lists = Lists(relay_of(stack))
        assert turns(lists.routes, "/routes") == 1 + 2
        assert turns(lists.streams, "/streams") == 1
        assert turns(lists.streams, "/streams?principal=x") == 1
        assert turns(lists.streams, "/streams?limit=1") == 0
        assert turns(lists.end_streams, "/streams?route=r0") == 1


async def test_what_ends_meanwhile(stack: Stack) -> None:
    """A stream that ends between two slices is left out, and not counted as ended once more."""
    for _ in range(SLICE + 1):
        await opened(stack)
    relay = relay_of(stack)
    *_, last = relay.open_streams()
    lists = Lists(relay)
    listing = lists.streams(make_mocked_request("GET", "/streams"))
    ending = lists.end_streams(make_mocked_request("DELETE", "/streams?route=rooms"))
    listing.send(None)
    ending.send(None)
    last.end("revoked")
    _, body = driven(listing)
    rows = json.loads(body)["streams"]
    assert len(rows) == SLICE
    assert last.record.request_id not in body
    assert driven(ending) == (SLICE // ENDS_A_TURN, f'{{"ended": {SLICE}}}')
