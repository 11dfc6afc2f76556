"""Several servers behind one upstream: calls are spread over them, and a failing one costs little."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tests.fakes.client import RawClient, request
from tests.fakes.event_server import EventServer, event_numbers
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import HEAD, PRINCIPALS
from tests.functional.conftest import StartGateway, StartUpstream
from tests.functional.running import GOOD, RunningGateway

ROUTES = """
routes:
  - {name: calls, path: /*, upstream: backend}
  - {name: events, path: /events, upstream: backend, stream: {shared: true}}
"""
NOWHERE = 1  # a port that nobody listens on


def several(*ports: int, options: str = "") -> str:
    """Configure one upstream with a server at each port."""
    servers = ", ".join(f"'http://127.0.0.1:{port}'" for port in ports)
    return f"{HEAD}{PRINCIPALS}upstreams:\n  backend: {{servers: [{servers}], {options}}}\n{ROUTES}"


async def statuses(gateway: RunningGateway, count: int, *, method: str = "GET") -> Counter[int]:
    """Make calls one after another; return how often each status came."""
    return Counter([(await gateway.call("/echo", method=method)).status for _ in range(count)])


async def test_calls_are_spread(start_gateway: StartGateway, start_upstream: StartUpstream) -> None:
    """Each server has its turn."""
    backends = [await start_upstream() for _ in range(3)]
    gateway = await start_gateway(several(*(backend.port for backend in backends)))
    assert await statuses(gateway, 9) == {200: 9}
    assert [len(backend.exchanges) for backend in backends] == [3, 3, 3]


async def test_a_client_stays_with_its_server(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """With client_hash all calls of one address go to one server."""
    backends = [await start_upstream() for _ in range(3)]
    text = several(*(backend.port for backend in backends), options="balance: client_hash")
    gateway = await start_gateway(text)
    assert await statuses(gateway, 6) == {200: 6}
    assert sorted(len(backend.exchanges) for backend in backends) == [0, 0, 6]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_server_that_is_away(
    method: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """What was never sent can be sent to another, whatever the method; soon nobody asks there any more."""
    gateway = await start_gateway(several(NOWHERE, upstream.port))
    assert await statuses(gateway, 20, method=method) == {200: 20}
    assert await gateway.metric(r'tentaculo_upstream_retries_total\{.*outcome="retried".*') >= 1
    assert await gateway.metric(r"tentaculo_upstream_ejections_total") >= 1


async def test_no_server_is_left(start_gateway: StartGateway) -> None:
    """All are tried within the bounds; then the client is told to come again."""
    gateway = await start_gateway(several(NOWHERE, NOWHERE + 1, options="breaker: {faults: 1}"))
    first = await gateway.call("/echo")
    assert first.status == 502
    later = await gateway.call("/echo")
    assert later.status in (502, 503)


@pytest.mark.parametrize(("method", "asked"), [("GET", 2), ("POST", 1)])
async def test_server_that_breaks_off(
    method: str, asked: int, start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """A request that came there may have been carried out: it goes elsewhere only if that does no harm."""
    backends = [await start_upstream(), await start_upstream()]
    gateway = await start_gateway(several(*(backend.port for backend in backends)))
    reply = await gateway.call("/drop", method=method)
    assert reply.status == 502
    assert sum(len(backend.exchanges) for backend in backends) == asked


async def test_limit_of_exchanges(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """One more than may be is told to come again; there is room when one is over."""
    gateway = await start_gateway(several(upstream.port, options="limits: {exchanges: 1}"))
    waiting = await gateway.client()
    await waiting.send(request("GET", "/slow-head", GOOD))
    await upstream.next()
    refused = await gateway.call("/echo")
    assert (refused.status, refused.head.value("Retry-After")) == (503, "1")
    upstream.gates.open("head")
    assert (await waiting.reply()).status == 200
    assert (await gateway.call("/echo")).status == 200


async def keep_calling(gateway: RunningGateway, calls: int, done: Counter[str]) -> None:
    """Call again and again on one connection, or on another when that breaks."""
    client: RawClient | None = None
    for number in range(calls):
        method = "POST" if number % 4 == 0 else "GET"
        client = client or await gateway.client()
        await client.send(request(method, "/any", GOOD, b"x" if method == "POST" else b""))
        try:
            status = (await client.reply(method)).status
        except Cut:
            status, client = 0, None
        done[f"{method} {status}"] += 1


async def test_server_killed_under_load(start_gateway: StartGateway, start_upstream: StartUpstream) -> None:
    """No call that may be repeated fails; of the others at most those that were in hand there."""
    first, second = await start_upstream(), await start_upstream()
    for backend in (first, second):
        backend.canned["/any"] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    gateway = await start_gateway(several(first.port, second.port))
    done: Counter[str] = Counter()
    clients = [asyncio.ensure_future(keep_calling(gateway, 40, done)) for _ in range(8)]
    while sum(done.values()) < 80:  # noqa: ASYNC110 - the load itself lets time pass
        await asyncio.sleep(0)
    for wire in first.wires:
        wire.abort()
    await first.stop()
    await asyncio.gather(*clients)
    assert done["GET 200"] == 8 * 30
    assert done["POST 200"] >= 8 * 10 - 8
    assert sum(done.values()) == 8 * 40


@pytest.fixture
async def event_servers() -> AsyncIterator[list[EventServer]]:
    """Two servers of the same events, in processes of their own."""
    servers = [EventServer(), EventServer()]
    for server in servers:
        await server.start()
    yield servers
    for server in servers:
        await server.kill()


async def test_shared_stream_goes_on_from_the_other_server(
    start_gateway: StartGateway, event_servers: list[EventServer]
) -> None:
    """Its clients notice nothing: each has every event once."""
    gateway = await start_gateway(several(*(server.port for server in event_servers)))
    clients = [await gateway.client() for _ in range(3)]
    for client in clients:
        await client.send(request("GET", "/events", GOOD))
        await client.head()
    for server in event_servers:
        await server.emit(5)
    for client in clients:
        await client.until(b"data: event 5\n")
    asked = [bool(await server.requests()) for server in event_servers]
    assert sorted(asked) == [False, True]
    await event_servers[asked.index(True)].kill()
    other = event_servers[asked.index(False)]
    await other.was_asked(1)
    await other.emit(5)
    for client in clients:
        await client.until(b"data: event 10\n")
        assert event_numbers(client.wire.seen) == list(range(1, 11))
