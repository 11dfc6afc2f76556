"""What is said of the admin listener, beside what a gateway's admin listener has and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tentaculo.admin.openapi import describe
from tentaculo.admin.openapi_admin import admin_paths
from tentaculo.relay.reloading import Reloaded
from tests.admin.listing import ADMIN, ROUTES, call, listed, opened
from tests.admin.openapi import check_reply
from tests.admin.served import GOOD, TOKEN, Call, Reloads, Start
from tests.admin.stacks import Stack, configuration, running
from tests.admin.test_api_reload import CHANGES
from tests.config.files import settings_of
from tests.fakes.client import Fields, RawClient, request, told


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    """A gateway with routes of all kinds."""
    async with running(ROUTES) as stack:
        yield stack


@pytest.fixture
async def call_served(start: Start) -> Call:
    """Call the API of a gateway whose reloads a test makes up."""
    return await start(TOKEN)


def _document(stack: Stack) -> dict[str, Any]:
    return describe(stack.gateway.settings)


async def test_every_route_is_described(stack: Stack) -> None:
    """What the admin application has is what is said of it, but HEAD, which goes with GET."""
    listening = stack.gateway.gateway._listening
    assert listening is not None
    routes = [route for route in listening._runner.app.router.routes() if route.method != "HEAD"]
    there = {(route.method, route.resource.canonical) for route in routes if route.resource is not None}
    assert len(there) == len(routes)
    said = {(method.upper(), path) for path, method, _ in admin_paths(with_token=True)}
    assert said == there


async def test_replies(stack: Stack) -> None:
    """Whatever is asked, with the admin token or without, is answered as described."""
    document = _document(stack)
    await opened(stack)
    nothing: Fields = ()
    statuses: dict[str, list[int]] = {}
    for path, method, _ in admin_paths(with_token=True):
        if (method, path) in (("post", "/reload"), ("get", "/console/events")):
            continue  # below
        target = path.replace("{name}", "operator-ui").replace("{id}", "0")
        for fields in (ADMIN, nothing):
            reply = await call(stack, target, method.upper(), fields)
            check_reply(document, method, path, reply)
            statuses.setdefault(f"{method} {path}", []).append(reply.status)
    assert statuses["get /routes"] == statuses["delete /principals/{name}/tokens"] == [200, 401]
    assert statuses["delete /streams"] == [400, 401]
    assert statuses["delete /streams/{id}"] == [404, 401]
    assert statuses["get /console"] == [302, 302]


async def test_stream(stack: Stack) -> None:
    """One that is open, its end by its id, and a filter that is none."""
    document = _document(stack)
    await opened(stack)
    check_reply(document, "get", "/streams", await call(stack, "/streams"))
    (row,) = (await listed(stack))["streams"]
    check_reply(document, "get", "/streams", await call(stack, "/streams?limit=x"))
    check_reply(document, "delete", "/streams/{id}", await call(stack, f"/streams/{row['id']}", "DELETE"))


async def test_events_of_the_console(stack: Stack) -> None:
    """Its stream opens with a token of the console's, and with nothing else."""
    document = _document(stack)
    check_reply(document, "get", "/console/events", await call(stack, "/console/events", fields=()))
    token = told(await call(stack, "/console/token", "POST"))["sse_token"]
    client = await RawClient.connect("127.0.0.1", stack.gateway.admin_port)
    await client.send(request("GET", "/console/events", [("Authorization", f"Bearer {token}")]))
    head = await client.head()
    said = document["paths"]["/console/events"]["get"]["responses"][str(head.status)]
    assert (head.status, list(said["content"])) == (200, [head.value("Content-Type")])
    client.leave()


@pytest.mark.parametrize("outcome", [Reloaded(CHANGES), Reloaded(None, ("a.yaml:1:1: x: y",))])
async def test_reload(outcome: Reloaded, call_served: Call, reloads: Reloads) -> None:
    """What an edit has changed, or what is wrong with it."""
    reloads.outcome = outcome
    document = describe(settings_of(configuration(9)))
    check_reply(document, "post", "/reload", await call_served("/reload", GOOD, "POST"))


def test_without_an_admin_token() -> None:
    """API and console are off, so only probes and metrics are there."""
    assert [path for path, _, _ in admin_paths(with_token=False)] == ["/live", "/ready", "/metrics"]
