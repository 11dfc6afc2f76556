"""What operators are shown of a running gateway over a real socket, and who is shown it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.admin.listing import ADMIN, ROUTES, call, listed, names, opened, relay_of
from tests.admin.stacks import Stack, running
from tests.fakes.client import Fields, request, told
from tests.fakes.gates import eventually
from tests.functional.running import GOOD, TOKEN

LISTS = ("/routes", "/upstreams", "/streams")


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    """A gateway with routes of all kinds."""
    async with running(ROUTES) as stack:
        yield stack


# Who may.


STRANGERS: dict[str, Fields] = {
    "nothing": (),
    "wrong": (("Authorization", "Bearer Another-admin-token"),),
    "a principal": (("Authorization", f"Bearer {TOKEN}"), *GOOD),
}


@pytest.mark.parametrize("fields", STRANGERS.values(), ids=STRANGERS)
async def test_strangers(fields: Fields, stack: Stack) -> None:
    """Without the admin token nothing is shown and nothing ends, nor is it said what there is."""
    await opened(stack)
    (row,) = (await listed(stack))["streams"]
    targets = [("GET", path) for path in (*LISTS, "/streams?limit=x")]
    targets += [("DELETE", f"/streams{end}") for end in ("", "?route=rooms", f"/{row['id']}", "/nothing")]
    for method, target in targets:
        reply = await call(stack, target, method, fields)
        assert (reply.status, told(reply)["code"]) == (401, "unauthorized"), target
        assert b"rooms" not in reply.body
    assert await names(stack) == ["rooms"]


@pytest.mark.parametrize("fields", [(), ADMIN], ids=["nothing", "a token"])
async def test_off_without_an_admin_token(fields: Fields) -> None:
    """Where none is configured these paths are not there."""
    async with running(ROUTES, admin_token="") as stack:
        await opened(stack)
        for method, target in [("GET", path) for path in LISTS] + [("DELETE", "/streams?route=rooms")]:
            reply = await call(stack, target, method, fields)
            assert (reply.status, told(reply)["code"]) == (404, "route_not_found"), target
        assert len(relay_of(stack).open_streams()) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_other_methods(method: str, stack: Stack) -> None:
    """They are to be read, and streams to be ended."""
    for target in (*LISTS, "/streams/x"):
        assert (await call(stack, target, method)).status == 405


# The routes and the upstreams.


async def test_routes(stack: Stack) -> None:
    """Each route is told in the order of the file, with what it is and what goes on on it."""
    await opened(stack)
    await opened(stack, "/sse/rooms/b")
    await stack.gateway.call("/sse/shared", method="POST")
    rows = (await listed(stack, "/routes"))["routes"]
    assert [row["name"] for row in rows] == ["query", "rooms", "shared", "public", "late", "closed", "api"]
    query, rooms, shared, _, _, closed, api = rows
    assert rooms == {
        "name": "rooms",
        "host": None,
        "path": "/sse/rooms/{name}",
        "methods": None,
        "upstream": "backend",
        "access": "header-token",
        "enabled": True,
        "maintenance": False,
        "stream": True,
        "shared": False,
        "issue_path": None,
        "open_streams": 2,
        "requests": 0,
    }
    assert (query["issue_path"], query["access"]) == ("/tokens/query", "ephemeral-token")
    assert (shared["shared"], shared["requests"], shared["open_streams"]) == (True, 1, 0)
    assert (closed["enabled"], closed["host"], closed["methods"]) == (False, "a.example", ["GET", "PUT"])
    assert (api["maintenance"], api["stream"]) == (True, False)


async def test_upstreams(stack: Stack) -> None:
    """Each upstream is told with its servers and what is open to them."""
    await opened(stack)
    (row,) = (await listed(stack, "/upstreams"))["upstreams"]
    assert (row["name"], row["balance"], row["connections"]) == ("backend", "round_robin", 1)
    (server,) = row["servers"]
    assert (server["address"], server["connections"]) == (f"http://127.0.0.1:{stack.upstream.port}", 1)


async def test_nothing_is_listed(stack: Stack) -> None:
    """A list without anything in it is one."""
    assert await listed(stack) == {"total": 0, "streams": []}


# The streams.


async def test_a_stream(stack: Stack) -> None:
    """It is told whose it is, how old, and what it had; the time is counted from its request on."""
    client = await opened(stack, "/sse/rooms/a?secret=hidden-from-operators")
    stack.upstream.events.put_nowait(b"data: 1\n\ndata: 2\n\n")
    await client.until(b"data: 2\n\n")
    event = await stack.gateway.logs.wait_for("stream.opened")
    reply = await call(stack, "/streams")
    (row,) = told(reply)["streams"]
    assert 0 <= row.pop("age") < 60
    assert row == {
        "id": event["request_id"],
        "route": "rooms",
        "principal": "operator-ui",
        "client": "127.0.0.1",
        "events": 2,
        "bytes": 18,
        "opened_by": None,
        "shared": False,
        "lagging": False,
    }
    assert b"hidden" not in reply.body


async def test_kinds_of_streams(stack: Stack) -> None:
    """They are in the order in which they were asked for, with what opened them and who feeds them."""
    issued = told(await stack.gateway.call("/tokens/query", method="POST"))
    await opened(stack, f"/sse/query?token={issued['sse_token']}", ())
    await opened(stack, "/sse/shared")
    await opened(stack, "/sse/public", ())
    await opened(stack, f"/sse/query?token={TOKEN}", ())
    reply = await call(stack, "/streams")
    kinds = [
        (row["route"], row["principal"], row["opened_by"], row["shared"]) for row in told(reply)["streams"]
    ]
    assert kinds == [
        ("query", "operator-ui", "ephemeral_token", False),
        ("shared", "operator-ui", None, True),
        ("public", None, None, False),
        ("query", "operator-ui", "principal_query", False),
    ]
    assert TOKEN.encode() not in reply.body
    assert issued["sse_token"].encode() not in reply.body


@pytest.mark.parametrize("path", ["/sse/shared", "/sse/rooms/a"])
async def test_a_client_that_takes_nothing_lags(path: str, stack: Stack) -> None:
    """While more is waiting for a client than it takes, that is told."""
    client = await stack.gateway.client(limit=1024)
    await client.send(request("GET", path, GOOD))
    await client.head()
    await stack.gateway.logs.wait_for("stream.opened")
    assert not (await listed(stack))["streams"][0]["lagging"]
    for _ in range(256):
        stack.upstream.events.put_nowait(b"data: " + b"x" * 64 * 1024 + b"\n\n")
    (exchange,) = relay_of(stack).open_streams()
    await eventually(lambda: exchange.connection.writing_paused)
    assert (await listed(stack))["streams"][0]["lagging"]


async def test_filters(stack: Stack) -> None:
    """Streams are chosen by route, by principal, or both; of too many the newest are shown."""
    for path in ("/sse/rooms/a", "/sse/public", "/sse/shared", "/sse/rooms/b"):
        await opened(stack, path)
    assert await names(stack) == ["rooms", "public", "shared", "rooms"]
    assert await names(stack, "?route=rooms") == ["rooms", "rooms"]
    assert await names(stack, "?route=room") == []
    assert await names(stack, "?principal=operator-ui") == ["rooms", "shared", "rooms"]
    assert await names(stack, "?principal=nobody") == []
    assert await names(stack, "?principal=operator-ui&route=public") == []
    body = await listed(stack, "/streams?limit=2")
    assert [row["route"] for row in body["streams"]] == ["shared", "rooms"]
    assert body["total"] == 4


@pytest.mark.parametrize(
    ("method", "target"),
    [
        *[("GET", f"/streams?limit={limit}") for limit in ("0", "-1", "x", "100001", "1" * 5000, "%D9%A3")],
        ("GET", "/streams?route="),
        ("GET", "/streams?routes=rooms"),
        ("GET", "/streams?route=rooms&route=public"),
        ("GET", "/routes?name=rooms"),
        ("GET", "/upstreams?name=backend"),
        ("DELETE", "/streams"),
        ("DELETE", "/streams?route="),
        ("DELETE", "/streams?principal="),
        ("DELETE", "/streams?limit=1"),
        ("DELETE", "/streams?route=rooms&limit=1"),
        ("DELETE", "/streams?route=rooms&principal="),
        ("DELETE", "/streams?routes=rooms"),
        ("DELETE", "/streams/nothing?route=rooms"),
    ],
)
async def test_queries_that_are_not_clear(method: str, target: str, stack: Stack) -> None:
    """Nothing is shown and nothing ends where it is not clear what was meant."""
    await opened(stack)
    reply = await call(stack, target, method)
    assert (reply.status, told(reply)["code"]) == (400, "bad_request")
    assert await names(stack) == ["rooms"]


async def test_a_renamed_route(stack: Stack) -> None:
    """A stream goes on under its route's new name, by which it is counted, found and ended."""
    await opened(stack)
    relay = relay_of(stack)
    before = relay.snapshot
    plans = {
        key: replace(plan, name=plan.name.replace("rooms", "halls")) for key, plan in before.plans.items()
    }
    relay.snapshot = replace(before, plans=plans)
    assert await names(stack) == ["halls"]
    assert await names(stack, "?route=rooms") == []
    rows = (await listed(stack, "/routes"))["routes"]
    assert {row["name"]: row["open_streams"] for row in rows}["halls"] == 1
    assert told(await call(stack, "/streams?route=halls", "DELETE")) == {"ended": 1}


async def test_a_removed_route(stack: Stack) -> None:
    """Streams of a route that is gone are still there for a while, under the name it had."""
    await opened(stack)
    relay = relay_of(stack)
    relay.snapshot = replace(relay.snapshot, plans={})
    assert await names(stack, "?route=rooms") == ["rooms"]
