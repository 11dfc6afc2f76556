"""Who carries a client's exchange: at once or in a task; its connection's end, and broken bodies."""

from __future__ import annotations

import asyncio

import pytest

from tentaculo.relay.downstream import DownstreamConnection
from tests.fakes.client import request, told
from tests.fakes.gates import eventually, soon
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import HEALTH, connected, statuses

GARBAGE = b"no request at all, with a my-own-secret\r\n\r\n"


def tasks() -> int:
    """How many requests aiohttp has tasks for."""
    return sum("_handle_request" in str(task.get_coro()) for task in asyncio.all_tasks())


# At once, or in a task.


async def test_warm_exchange_needs_no_task(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """With an idle upstream connection an exchange goes on without a task; else aiohttp's waits."""
    front = await start_front(configuration(upstream.port))
    await front.call()
    for target, count in (("/slow-head?1", 0), ("/slow-head?2", 1)):
        client = await front.client()
        await client.send(request("GET", target, GOOD))
        await eventually(lambda target=target: upstream.exchanges[-1].head.target == target)  # type: ignore[misc]
        assert tasks() == count
    assert front.relay.open_exchanges == 2


@pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])
@pytest.mark.parametrize("path", ["/slow-head", "/slow-body"])
async def test_client_that_leaves(
    path: str, warm: bool, start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Whoever carries the exchange, it stops upstream when the client leaves, and is logged."""
    front = await start_front(configuration(upstream.port))
    if warm:
        await front.call()
    client = await front.client()
    await client.send(request("GET", path, GOOD))
    await eventually(lambda: upstream.exchanges[-1:] != [] and upstream.exchanges[-1].path == path)
    client.leave()
    await upstream.exchanges[-1].gone()
    await front.closed()
    assert front.logs.named("request.finished")[-1]["code"] == "client_gone"
    assert front.metric(r".*upstream_faults") == 0


class Waiting:
    """An exchange that only waits for its client to leave; `left_at` is what the connection says of it."""

    def __init__(self, connection: DownstreamConnection) -> None:
        self.connection = connection
        self.begun_at = self.left_at = -1.0

    def begin(self) -> None:
        """Wait."""
        self.begun_at = self.connection.lost_at

    def client_left(self) -> None:
        """Note when."""
        self.left_at = self.connection.lost_at


async def test_exchange_may_ask_when_its_client_left(
    start_front: StartFront, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an exchange is told, the connection knows the time of its end, by the deadlines' clock."""
    front = await start_front(configuration(upstream.port))
    client = await connected(front)
    (connection,) = front.listener.connections
    assert isinstance(connection, DownstreamConnection)
    exchange = Waiting(connection)
    monkeypatch.setattr(front.listener, "new_exchange", lambda request: exchange)
    await client.send(HEALTH)
    await eventually(lambda: exchange.begun_at == 0)
    front.clock.advance(5)
    client.leave()
    await front.closed()
    assert exchange.left_at == front.clock()


async def test_client_that_leaves_before_the_task_takes_over(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """An exchange that nobody took over is ended all the same."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await eventually(lambda: front.listener.open_connections == 1)
    (connection,) = front.listener.connections
    transport = connection.transport
    assert transport is not None

    def request_id() -> str:
        asyncio.get_running_loop().call_soon(transport.abort)  # comes before the task's turn
        return "id"

    front.relay.new_request_id = request_id
    await client.send(request("GET", "/echo", GOOD))
    assert (await front.logs.wait_for("request.finished"))["code"] == "client_gone"
    assert upstream.exchanges == []


async def test_client_cut_off_as_its_request_is_looked_at(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Nothing is written for a client whose connection closes at that moment."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await eventually(lambda: front.listener.open_connections == 1)
    (connection,) = front.listener.connections

    def request_id() -> str:
        connection.force_close()
        return "id"

    front.relay.new_request_id = request_id
    await client.send(HEALTH * 2)
    assert await client.ended()
    await front.closed()
    assert len(front.logs.named("request.finished")) == 1


async def test_shutdown_as_an_exchange_must_wait(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """An exchange that needs a task when there is none any more ends with its connection."""
    front = await start_front(configuration(upstream.port))
    await front.call()
    client = await front.client()
    await client.send(request("GET", "/slow-head", GOOD))
    await eventually(lambda: upstream.exchanges[-1].path == "/slow-head")
    front.listener.pre_shutdown()
    upstream.exchanges[-1].wire.abort()  # so it should be tried again, on a new connection
    await eventually(lambda: not front.relay.snapshot.upstreams["backend"].servers[0].pool.open_connections)
    await front.listener.shutdown(1)
    assert await client.ended()
    await front.closed()
    assert front.logs.named("request.finished")[-1]["code"] == "client_gone"
    assert len(upstream.wires) == 1


# Keep-alive.


@pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])
async def test_keep_alive_spares_an_exchange_in_hand(
    warm: bool, start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """An idle connection closes after `keep_alive`; one at work does not, and has its time anew after."""
    front = await start_front(configuration(upstream.port, limits="keep_alive: 100ms"))
    if warm:
        await front.call()
    client = await front.client()
    await client.send(request("GET", "/slow-head", GOOD))
    await eventually(lambda: upstream.exchanges[-1:] != [] and upstream.exchanges[-1].path == "/slow-head")
    for _ in range(2):  # each is as long idle as the first is at work
        idle = await front.client()
        assert await idle.ended()
    upstream.gates.open("head")
    assert await statuses(client, 1) == [200]
    await client.send(HEALTH)
    assert await statuses(client, 1) == [200]
    assert await client.ended()


# Bodies.


TRAILERS = b"1\r\na\r\n0\r\nX-First: 1\r\nX-Last: 2\r\n\r\n"
BROKEN = b"zz, a chunk of my-own-secret\r\n"


@pytest.mark.parametrize("together", [True, False], ids=["with-the-head", "later"])
async def test_broken_body(together: bool, start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """A body that breaks is 400, and the upstream never takes it for whole."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    head = request("POST", "/sink", [*GOOD, ("Transfer-Encoding", "chunked")]) + b"5\r\nhello\r\n"
    await client.send(head + BROKEN if together else head)
    if not together:
        exchange = await upstream.next()
        await eventually(lambda: exchange.received == 5)
        await client.send(BROKEN)
    reply = await client.reply("POST")
    assert (reply.status, told(reply)["code"]) == (400, "bad_request")
    assert await client.ended()
    for exchange in upstream.exchanges:
        await soon(exchange.finished.wait())
        assert not exchange.complete
    assert front.logs.named("request.finished")[-1]["reason"] == "body"


async def test_broken_body_of_a_refused_request(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """Behind a refusal a broken body ends the connection, with no second answer."""
    front = await start_front(configuration(upstream.port))
    front.listener.lingering_seconds = 0.1
    client = await front.client()
    await client.send(request("POST", "/sink", [("Transfer-Encoding", "chunked")]) + b"5\r\nhello\r\n")
    assert (await client.reply("POST")).status == 401
    await client.send(BROKEN)
    assert await client.ended()
    assert len(front.logs.named("request.finished")) == 1


async def test_broken_body_that_nobody_reads(
    start_front: StartFront, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the client's fault, and none that is logged."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(request("POST", "/sink", [("Transfer-Encoding", "chunked")]))
    assert (await client.reply("POST")).status == 401
    await client.send(BROKEN)
    assert await client.ended()
    assert caplog.records == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_trailers_are_no_fields_of_a_later_request(
    method: str, start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Neither of an ordinary one nor of one that aiohttp's parser reads."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(request("POST", "/echo", [*GOOD, ("Transfer-Encoding", "chunked")]) + TRAILERS)
    assert (await client.reply("POST")).status == 200
    await client.send(request(method, "/echo", GOOD, b"body" if method == "POST" else b""))
    assert (await client.reply(method)).status == 200
    assert "X-Last" not in dict(upstream.exchanges[-1].head.fields)


async def test_garbage_behind_a_body(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """A body that is whole is not blamed for what follows it."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(request("POST", "/slow-head", GOOD, b"body"))
    await upstream.next()
    await client.send(GARBAGE)
    await front.has_read()
    upstream.gates.open("head")
    assert told(await client.reply("POST"))["body"] == "body"
    assert await statuses(client, 1) == [400]
    assert await client.ended()


async def test_refused_body_is_read_past(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """A body that comes after its refusal is not taken for a request."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(request("POST", "/echo", [("Content-Length", str(len(HEALTH)))]))
    assert (await client.reply("POST")).head.value("Connection") == "close"
    await client.send(HEALTH)
    assert await client.ended()
    assert len(front.logs.named("request.finished")) == 1
