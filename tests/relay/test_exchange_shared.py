"""An exchange whose stream is fed from one that others have too."""

from __future__ import annotations

import pytest

from tentaculo.relay.delivery import LAST_CHUNK, chunk
from tentaculo.relay.last_words import BEAT
from tests.fakes.client import request, told
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.token_routes import issue, placed, token_configuration

ROUTES = """
  - {name: shared, path: /sse/shared, upstream: backend, stream: {shared: true, heartbeat: 15s}}
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
    front.end_streams("draining")
    for client in clients:
        assert b"event: draining\n" in await client.until(LAST_CHUNK)
        await client.send(request("GET", "/echo", GOOD))
        assert (await client.reply()).status == 200
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


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_other_methods_are_not_shared(method: str, front: Front, upstream: ScriptedUpstream) -> None:
    """They are asked for each client, as it asks, and open nothing that others get."""
    upstream.canned["/sse/shared"] = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n"
    )
    for number in ("1", "2"):
        fields = [*GOOD, ("X-Number", number)]
        assert (await front.call("/sse/shared", fields, method=method)).status == 200
    heads = [exchange.head for exchange in upstream.exchanges]
    assert [(head.method, head.value("X-Number")) for head in heads] == [(method, "1"), (method, "2")]
    assert len(front.relay.shared) == 0


async def test_stream_of_its_own(front: Front, upstream: ScriptedUpstream) -> None:
    """An answer to OPTIONS may be one: nobody else beats for it, or gets what it says."""
    client, other = await front.client(), await front.client()
    await client.send(request("OPTIONS", "/sse/shared", GOOD))
    assert (await client.head()).status == 200
    await other.send(request("GET", "/sse/shared", GOOD))
    assert (await other.head()).status == 200
    assert len(upstream.exchanges) == 2
    front.pass_time(15)
    for each in (client, other):
        assert await each.until(chunk(BEAT)) == chunk(BEAT)
    await upstream.exchanges[0].write(chunk(b"data: own\n\n"))
    await upstream.exchanges[1].write(chunk(b"data: all\n\n"))
    assert await client.until(b"\n\n\r\n") == chunk(b"data: own\n\n")
    assert await other.until(b"\n\n\r\n") == chunk(b"data: all\n\n")
