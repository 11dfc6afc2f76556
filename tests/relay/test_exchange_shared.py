"""An exchange whose stream is fed from one that others have too."""

from __future__ import annotations

import pytest

from tests.fakes.client import request, told
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.token_routes import issue, placed, token_configuration

ROUTES = """
  - {name: shared, path: /sse/shared, upstream: backend, stream: {shared: true}}
  - {name: opened, path: /sse/opened, upstream: backend, stream: {shared: true}, access: ephemeral-token,
     ephemeral_token: {issue_path: /token/opened}}
"""


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with shared streams."""
    return await start_front(token_configuration(upstream, extra=ROUTES))


@pytest.mark.parametrize("how", ["at once", "by a token"])
async def test_clients_share_a_stream(how: str, front: Front, upstream: ScriptedUpstream) -> None:
    """The upstream is asked once, and what it says goes to each."""
    clients = []
    for _ in range(2):
        if how == "at once":
            client = await front.client()
            await client.send(request("GET", "/sse/shared", GOOD))
        else:
            target, fields = placed("opened", await issue(front, "opened"))
            client = await front.client()
            await client.send(request("GET", target, fields))
        assert (await client.head()).status == 200
        clients.append(client)
    upstream.events.put_nowait(b"data: a\n\n")
    for client in clients:
        assert b"data: a\n\n" in await client.until(b"\n\n\r\n")
    assert len(upstream.exchanges) == 1
    front.relay.streams.end_all("draining")
    for client in clients:
        assert b"event: draining\n" in await client.rest()
    await front.logs.wait_for("stream.ended", count=2)


@pytest.mark.parametrize("how", ["at once", "by a token"])
async def test_upstream_that_is_away(how: str, front: Front, upstream: ScriptedUpstream) -> None:
    """Whoever waits for the stream is told."""
    target, fields = (
        ("/sse/shared", GOOD) if how == "at once" else placed("opened", await issue(front, "opened"))
    )
    await upstream.stop()
    reply = await front.call(target, fields)
    assert (reply.status, told(reply)["code"]) == (502, "upstream_unreachable")


async def test_body(front: Front, upstream: ScriptedUpstream) -> None:
    """It could not be shared, and is refused."""
    reply = await front.call("/sse/shared", GOOD, b"x")
    assert (reply.status, told(reply)["code"]) == (400, "bad_request")
    assert upstream.exchanges == []


async def test_head_is_not_shared(front: Front, upstream: ScriptedUpstream) -> None:
    """It is asked for each client, and opens nothing."""
    upstream.canned["/sse/shared"] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    assert (await front.call("/sse/shared", GOOD, method="HEAD")).status == 200
    assert [exchange.head.method for exchange in upstream.exchanges] == ["HEAD"]
    assert len(front.relay.shared) == 0
