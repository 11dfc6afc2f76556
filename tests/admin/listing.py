"""A gateway with routes of all kinds, and how an operator asks it for lists."""

from __future__ import annotations

from typing import Any

from tentaculo.relay.relay import Relay
from tests.admin.stacks import ADMIN_TOKEN, Stack
from tests.fakes.client import Fields, RawClient, request, told
from tests.fakes.messages import Message
from tests.functional.running import GOOD
from tests.functional.tokens import open_stream

ADMIN: Fields = (("Authorization", f"Bearer {ADMIN_TOKEN}"),)
ROUTES = """
  - {name: query, path: /sse/query, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /tokens/query, principal_in_query: allow}}
  - {name: rooms, path: "/sse/rooms/{name}", upstream: backend, stream: {}}
  - {name: shared, path: /sse/shared, upstream: backend, stream: {shared: true, slow_client: 64MiB}}
  - {name: public, path: /sse/public, upstream: backend, access: public, stream: {}}
  - {name: late, path: /late-sse, upstream: backend, stream: {}}
  - {name: closed, path: /closed, host: a.example, methods: [PUT, GET], upstream: backend, enabled: no}
  - {name: api, path: /*, upstream: backend, maintenance: {status: 503}}
"""


async def call(stack: Stack, target: str, method: str = "GET", fields: Fields = ADMIN) -> Message:
    """Call the admin listener."""
    client = await RawClient.connect("127.0.0.1", stack.gateway.admin_port)
    await client.send(request(method, target, [*fields, ("Connection", "close")]))
    reply = await client.reply(method)
    await client.aclose()
    return reply


async def listed(stack: Stack, target: str = "/streams") -> dict[str, Any]:
    """Return a list."""
    reply = await call(stack, target)
    assert reply.status == 200, reply.body
    assert reply.head.value("Content-Type") == "application/json; charset=utf-8"
    return dict(told(reply))


async def opened(stack: Stack, path: str = "/sse/rooms/a", fields: Fields = GOOD) -> RawClient:
    """Open a stream."""
    return (await open_stream(stack.gateway, path, fields)).client


async def names(stack: Stack, query: str = "") -> list[str]:
    """Return the routes of the streams that are listed."""
    return [row["route"] for row in (await listed(stack, f"/streams{query}"))["streams"]]


def relay_of(stack: Stack) -> Relay:
    """Return what carries the gateway's exchanges."""
    relay = stack.gateway.gateway._relay
    assert relay is not None
    return relay
