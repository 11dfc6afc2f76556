"""A gateway under every kind of load: good calls and bad ones, streams, tokens, and a server that is away."""

from __future__ import annotations

import uuid

from tests.fakes.client import Fields, RawClient, request
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import GOOD, TOKEN, RunningGateway
from tests.functional.tokens import ELSE, issue, open_stream, stream_route, token_configuration

NOWHERE = 1  # a port that nobody listens on
NOBODY: Fields = (("X-VX11-Token", "nobody-s-own-token"),)
EVENTS = b"data: one\n\ndata: two\n\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%b"
UPSTREAMS = """
  spread: {{servers: ['http://127.0.0.1:{nowhere}', 'http://127.0.0.1:{port}'], breaker: {{open_for: 60s}}}}
  lost: 'http://127.0.0.1:{nowhere}'
"""
ROUTES = (
    stream_route(terms="principal_in_query: allow"),
    "  - {name: status, path: /status/*, upstream: backend}\n",
    "  - {name: spread, path: /echo/spread, upstream: spread}\n",
    "  - {name: lost, path: /echo/lost, upstream: lost}\n",
    "  - {name: limited, path: /echo/limited, upstream: backend, rate_limit: {rate: 1/s, burst: 1}}\n",
    "  - {name: slow, path: /slow-head, upstream: backend}\n",
    "  - {name: delegated, path: /sse/delegated, upstream: backend, access: upstream, stream: {}}\n",
    "  - {name: shared, path: /sse/shared, upstream: backend, stream: {shared: true}}\n",
)
CALLS: tuple[tuple[str, str, Fields, int], ...] = (
    ("GET", "/echo/a", GOOD, 200),
    ("POST", "/echo/a", GOOD, 200),
    ("GET", "/echo/a", (), 401),
    ("GET", "/nowhere", GOOD, 404),
    ("GET", "/status/500", GOOD, 500),
    ("GET", "/echo/lost", GOOD, 502),
    ("GET", "/echo/spread", GOOD, 200),
    ("POST", "/tokens/events", NOBODY, 401),
    ("GET", "/sse/events", GOOD, 200),
    ("GET", f"/sse/events?token={TOKEN}", (), 200),
    ("GET", f"/sse/events?token={uuid.uuid4()}", (), 401),
)


def configuration(upstream: ScriptedUpstream) -> str:
    """Write a file with a route of each kind; its streams of /sse/events have two events."""
    upstream.canned["/sse/events"] = STREAM % (len(EVENTS), EVENTS)
    more = UPSTREAMS.format(port=upstream.port, nowhere=NOWHERE)
    return token_configuration(upstream.port, *ROUTES, extra=more, level="info")


async def hold_streams(gateway: RunningGateway) -> None:
    """Open streams that last."""
    await open_stream(gateway, "/sse/delegated?token=for-the-upstream")
    await open_stream(gateway, "/sse/shared", GOOD)


async def one_round(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Make one call of each kind, and open one stream with a token that somebody else tries too."""
    for method, target, fields, status in CALLS:
        assert (await gateway.call(target, fields, method=method)).status == status, target
    for _ in range(2):
        assert (await gateway.call("/echo/limited")).status in (200, 429)
    issued = await issue(gateway)
    assert (await gateway.call(issued.target, ())).body == EVENTS
    assert (await gateway.call(issued.target, ELSE)).status == 401
    await _leave(gateway, upstream)


async def _leave(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Leave before the answer."""
    client: RawClient = await gateway.client()
    seen = len(upstream.exchanges)
    await client.send(request("GET", "/slow-head", GOOD))
    await eventually(lambda: len(upstream.exchanges) > seen)
    client.leave()
