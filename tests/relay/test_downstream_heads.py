"""Ordinary heads pass aiohttp's parser by, whatever came before; everything else does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from tentaculo.relay.downstream import DownstreamConnection
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import HEAD, HEALTH, TIMES, Front, connected, statuses


class WatchedParser:
    """aiohttp's parser; `fed` is what it was given."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self.fed = b""

    def feed_data(self, data: bytes) -> Any:
        """Parse."""
        self.fed += data
        return self._parser.feed_data(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


async def watched(front: Front) -> tuple[RawClient, WatchedParser]:
    """Open a connection whose parser is watched."""
    before = set(front.listener.connections)
    client = await connected(front, len(before) + 1)
    (connection,) = set(front.listener.connections) - before
    assert isinstance(connection, DownstreamConnection)
    await eventually(lambda: connection._waiter is not None)  # aiohttp's task waits for a request
    parser = WatchedParser(connection._parser)
    connection._parser = cast(Any, parser)
    return client, parser


def call(number: int, method: str = "GET", path: str = "/echo") -> bytes:
    """Write an ordinary call."""
    return request(method, f"{path}?{number}", GOOD)


async def ends_ordinarily(client: RawClient, parser: WatchedParser) -> None:
    """Make a call that passes the parser by."""
    before = parser.fed
    await client.send(call(99))
    assert told(await client.reply())["target"] == "/echo?99"
    assert parser.fed == before


# Ordinary ones.


@pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])
async def test_ordinary_calls_pass_the_parser_by(
    warm: bool, start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """It makes no difference who carries the exchange, or who answers."""
    front = await start_front(configuration(upstream.port))
    if warm:
        await front.call()
    client, parser = await watched(front)
    for number, method in enumerate(("GET", "HEAD", "DELETE", "POST", "OPTIONS", "GET")):
        await client.send(call(number, method))
        assert (await client.reply(method)).status == 200
        assert upstream.exchanges[-1].head.target == f"/echo?{number}"
    await client.send(HEALTH)
    assert await statuses(client, 1) == [200]
    await client.send(request("GET", "/echo"))
    assert await statuses(client, 1) == [401]
    assert parser.fed == b""
    assert len(upstream.exchanges) == 6 + warm
    assert len(front.logs.named("request.finished")) == 8 + warm


BEFORE: dict[str, tuple[Sequence[bytes], list[str]]] = {
    "pipelined": ([call(1) + call(2)], ["/echo?1", "/echo?2"]),
    "pipelined three": ([call(1) + call(2) + call(3)], ["/echo?1", "/echo?2", "/echo?3"]),
    "one and a half": ([call(1) + call(2)[:30], call(2)[30:]], ["/echo?1", "/echo?2"]),
    "in two pieces": ([call(1)[:30], call(1)[30:]], ["/echo?1"]),
    "cut in its end": ([call(1)[:-2], call(1)[-2:]], ["/echo?1"]),
    "cut in its end, and more": ([call(1)[:-1], call(1)[-1:] + call(2)], ["/echo?1", "/echo?2"]),
    "an empty line in between": ([b"\r\n", call(1)], ["/echo?1"]),
    "an empty line in front": ([b"\r\n" + call(1)], ["/echo?1"]),
    "a body": ([request("POST", "/echo?1", GOOD, b"body")], ["/echo?1"]),
    "a body that looks like a head": ([request("POST", "/echo?1", GOOD, call(2))], ["/echo?1"]),
    "a head, then its body": (
        [request("POST", "/echo?1", GOOD, call(2))[: -len(call(2))], call(2)],
        ["/echo?1"],
    ),
    "a body and a head": ([request("POST", "/echo?1", GOOD, b"body") + call(2)], ["/echo?1", "/echo?2"]),
    "chunks": (
        [request("PUT", "/echo?1", [*GOOD, ("Transfer-Encoding", "chunked")], b"1\r\na\r\n0\r\n"), b"\r\n"],
        ["/echo?1"],
    ),
    "a length of zero": ([request("POST", "/echo?1", [*GOOD, ("Content-Length", "0")])], ["/echo?1"]),
    "HTTP/1.0": (
        [request("GET", "/echo?1", [*GOOD, ("Connection", "keep-alive")], version="1.0")],
        ["/echo?1"],
    ),
    "expect": (
        [request("POST", "/echo?1", [*GOOD, ("Expect", "100-continue")], b"body")],
        ["/echo?1"],
    ),
}


@pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])
@pytest.mark.parametrize(("pieces", "targets"), BEFORE.values(), ids=BEFORE)
async def test_ordinary_call_behind_others(
    pieces: Sequence[bytes],
    targets: list[str],
    warm: bool,
    start_front: StartFront,
    upstream: ScriptedUpstream,
) -> None:
    """Each is answered once, in order; the parser has all of what isn't ordinary, and none of what is."""
    front = await start_front(configuration(upstream.port))
    if warm:
        await front.call()
    client, parser = await watched(front)
    for piece in pieces:
        await client.send(piece)
        await front.has_read()
    for target in targets:
        assert told(await client.reply())["target"] == target
    await ends_ordinarily(client, parser)
    assert [exchange.head.target for exchange in upstream.exchanges[warm:]] == [*targets, "/echo?99"]


@pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])
async def test_ordinary_calls_while_one_is_in_hand(
    warm: bool, start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """They wait for their turn."""
    front = await start_front(configuration(upstream.port))
    if warm:
        await front.call()
    client, parser = await watched(front)
    await client.send(call(1, path="/slow-head"))
    await eventually(lambda: upstream.exchanges[-1:] != [] and upstream.exchanges[-1].path == "/slow-head")
    for number in (2, 3):
        await client.send(call(number))
        await front.has_read()
    assert len(upstream.exchanges) == 1 + warm
    upstream.gates.open("head")
    targets = [told(await client.reply())["target"] for _ in range(3)]
    assert targets == ["/slow-head?1", "/echo?2", "/echo?3"]
    await ends_ordinarily(client, parser)


async def test_ordinary_calls_read_in_one_turn(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """The second waits for the first, also where nobody has begun to wait for that."""
    front = await start_front(configuration(upstream.port))
    client, _ = await watched(front)
    (connection,) = front.listener.connections
    for number in (1, 2, 3):
        connection.data_received(call(number))
    targets = [told(await client.reply())["target"] for _ in range(3)]
    assert targets == ["/echo?1", "/echo?2", "/echo?3"]
    assert len(upstream.exchanges) == 3


async def test_ordinary_call_behind_a_reply_that_is_not_taken(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Nothing is begun for a client that does not take what it was sent."""
    front = await start_front(configuration(upstream.port))
    client, parser = await watched(front)
    (connection,) = front.listener.connections
    connection.pause_writing()  # as its transport does
    for number in (1, 2):
        await client.send(call(number))
        await front.has_read()
    assert upstream.exchanges == []
    connection.resume_writing()
    assert [told(await client.reply())["target"] for _ in range(2)] == ["/echo?1", "/echo?2"]
    await ends_ordinarily(client, parser)


# When no more is to come.


async def test_ordinary_call_while_draining(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """It is answered, and the connection ends with it."""
    front = await start_front(configuration(upstream.port))
    client, _ = await watched(front)
    front.relay.draining = True
    await client.send(call(1))
    reply = await client.reply()
    assert (told(reply)["target"], reply.head.value("Connection")) == ("/echo?1", "close")
    await client.send(call(2))
    assert await client.ended()
    front.relay.draining = False
    assert [exchange.head.target for exchange in upstream.exchanges] == ["/echo?1"]


async def test_ordinary_call_as_the_gateway_stops(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Where aiohttp closes idle connections, nothing is begun any more."""
    front = await start_front(configuration(upstream.port))
    client, _ = await watched(front)
    front.listener.pre_shutdown()
    await client.send(call(1))
    await front.has_read()
    await front.listener.shutdown(1)
    assert await client.ended()
    assert upstream.exchanges == []


async def test_ordinary_call_in_the_turn_that_stops(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """The same where aiohttp's task has not seen the end yet."""
    front = await start_front(configuration(upstream.port))
    client, _ = await watched(front)
    (connection,) = front.listener.connections
    front.listener.pre_shutdown()
    connection.data_received(call(1))
    await front.listener.shutdown(1)
    assert await client.ended()
    assert upstream.exchanges == []
    assert front.logs.lines == []


async def test_ordinary_call_on_a_refused_connection(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """It is told so, once."""
    front = await start_front(configuration(upstream.port, limits="connections: 1"))
    await connected(front)
    client, _ = await watched(front)
    await client.send(call(1))
    assert await statuses(client, 1) == [503]
    assert await client.ended()
    assert upstream.exchanges == []


async def test_ordinary_call_behind_the_last(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """Behind a request that ends the connection nothing is taken."""
    front = await start_front(configuration(upstream.port))
    client, _ = await watched(front)
    await client.send(request("GET", "/slow-head?1", [*GOOD, ("Connection", "close")]))
    await upstream.next()
    await client.send(call(2))
    await front.has_read()
    upstream.gates.open("head")
    assert await statuses(client, 1) == [200]
    assert await client.ended()
    assert len(upstream.exchanges) == 1


# Limits.


async def test_smaller_limits_hold_for_open_connections(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """A head that was short enough is not any more, as soon as that is decided."""
    front = await start_front(configuration(upstream.port))
    client, parser = await watched(front)
    long = request("GET", "/echo", [*GOOD, *((f"X-{n}", "v" * 900) for n in range(5))])
    await client.send(long)
    assert await statuses(client, 1) == [200]
    assert parser.fed == b""
    front.listener.limits = replace(front.listener.limits, headers=4096)
    await client.send(long)
    assert await statuses(client, 1) == [431]
    assert len(upstream.exchanges) == 1


async def test_ordinary_head_is_in_time(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """The timer of the first head ends with it, and another one's begins with that."""
    front = await start_front(configuration(upstream.port, limits=TIMES))
    client, parser = await watched(front)
    front.pass_time(9.9)
    await ends_ordinarily(client, parser)
    front.pass_time(1000)
    await ends_ordinarily(client, parser)
    await client.send(HEAD)
    await front.has_read()
    front.pass_time(9.9)
    await client.send(b"\r\n")
    assert await statuses(client, 1) == [200]
    front.pass_time(1000)
    await ends_ordinarily(client, parser)
    await client.send(HEAD)
    await front.has_read()
    front.pass_time(10.1)
    assert await statuses(client, 1) == [408]
    assert await client.ended()
