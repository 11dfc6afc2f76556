"""Clients that want the same get the same stream, for as long as somebody wants it."""

from __future__ import annotations

import asyncio

import pytest

from tentaculo.errors import InternalError, StreamUnavailable
from tentaculo.relay.last_words import RESYNC
from tentaculo.relay.relay import Relay
from tentaculo.relay.shared_streams import DESERTED_LIMIT, SharedStreams, random_epoch
from tentaculo.relay.sharing import Wanted
from tentaculo.wire.target import parse_target
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.shared_parts import (
    LAST_CHUNK,
    Hearer,
    event,
    plan_in,
    shared_configuration,
    shared_route,
)

ROUTES = (
    shared_route(name="sse", path="/sse/*"),
    shared_route("replay: {}", name="replay", path="/sse/replay"),
    shared_route("replay: {}, assign_ids: true", name="given", path="/sse/given"),
    shared_route(name="beating", path="/sse/beating", heartbeat="10s"),
    shared_route(name="late", path="/late-sse"),
)


class Hall:
    """The shared streams of a relay, and clients that join them."""

    def __init__(self, front: Front, upstream: ScriptedUpstream) -> None:
        self.front = front
        self.upstream = upstream
        self.shared = front.relay.shared

    def join(self, url: str = "/sse/a", last_event_id: bytes = b"") -> Hearer:
        """Have a client ask for a stream."""
        target = parse_target(url, "gateway.test")
        plan = plan_in(self.front, target.path)
        assert plan.sharing is not None
        hearer = Hearer(plan, last_event_id)
        wanted = Wanted((plan.name, url, b"", ""), url, target, b"", None)
        self.shared.join(plan, plan.sharing, wanted, hearer.client)
        return hearer

    async def opened(self, *hearers: Hearer) -> None:
        """Wait until all of these have got a head."""
        await eventually(lambda: all(hearer.client.started for hearer in hearers))

    async def nothing_left(self) -> None:
        """Wait until there are no upstreams, no tasks and no streams."""
        pool = plan_in(self.front, "/sse/a").upstream.servers[0].pool
        await eventually(lambda: pool.open_connections == 0 and not shared_tasks())
        assert len(self.shared) == 0


def shared_tasks() -> list[asyncio.Task[object]]:
    """Return the tasks of shared streams."""
    return [task for task in asyncio.all_tasks() if task.get_name() == "shared stream"]


@pytest.fixture
async def hall(start_front: StartFront, upstream: ScriptedUpstream) -> Hall:
    """A front's shared streams."""
    return Hall(await start_front(shared_configuration(upstream.port, *ROUTES)), upstream)


def test_epochs() -> None:
    """No two are the same, and each has 48 bits as hex."""
    epochs = {random_epoch() for _ in range(100)}
    assert len(epochs) == 100
    assert all(len(epoch) == 12 and int(epoch, 16) >= 0 for epoch in epochs)


async def test_same_stream(hall: Hall) -> None:
    """It is opened for the first, whoever comes before or after its answer."""
    first, second = hall.join(), hall.join()
    assert len(hall.shared) == 1
    await hall.opened(first, second)
    third = hall.join()
    hall.upstream.events.put_nowait(event(1))
    await eventually(lambda: third.raw != b"")
    assert first.body == second.body == third.body == event(1)
    assert len(hall.upstream.exchanges) == 1


async def test_other_stream(hall: Hall) -> None:
    """Each key has its own."""
    one, other = hall.join("/sse/a"), hall.join("/sse/b")
    await hall.opened(one, other)
    assert len(hall.shared) == 2
    assert sorted(exchange.head.target for exchange in hall.upstream.exchanges) == ["/sse/a", "/sse/b"]


@pytest.mark.parametrize("url", ["/sse/a", "/sse/replay", "/sse/given"])
async def test_id_of_the_first_client(url: str, hall: Hall) -> None:
    """It decides nothing for others: the upstream is not asked to go on after it, and it is told so."""
    first, second = hall.join(url, b"41"), hall.join(url)
    await hall.opened(first, second)
    assert hall.upstream.exchanges[0].head.value("Last-Event-ID") is None
    assert (first.body, second.body) == (RESYNC, b"")


async def test_epochs_are_the_streams_own(hall: Hall) -> None:
    """Each stream with ids of the gateway's own begins with one that nobody had."""
    epochs = iter(("one", "two"))
    relay: Relay = hall.front.relay
    hall.shared = relay.shared = SharedStreams(relay, lambda: next(epochs))
    for epoch in (b"one", b"two"):
        hearer = hall.join("/sse/given")
        await hall.opened(hearer)
        hall.upstream.events.put_nowait(b"data: a\n\n")
        await eventually(lambda: hearer.raw != b"")  # noqa: B023 - it is awaited at once
        assert hearer.body == b"id: %b-1\ndata: a\n\n" % epoch
        await hall.shared.aclose()


async def test_stream_nobody_wants_any_more(hall: Hall) -> None:
    """After its grace it is stopped; whoever comes then gets another one."""
    hearer = hall.join()
    await hall.opened(hearer)
    hearer.client.release()
    hall.front.pass_time(4.9)
    assert len(hall.shared) == 1
    hall.front.pass_time(0.2)
    assert len(hall.shared) == 0
    another = hall.join()
    assert len(hall.shared) == 1
    await hall.opened(another)
    await hall.upstream.exchanges[0].gone()
    assert len(hall.upstream.exchanges) == 2
    await eventually(lambda: len(shared_tasks()) == 1)
    closed = hall.front.logs.named("shared_stream.closed")
    assert [line["clients"] for line in closed] == [0]


async def test_client_that_leaves_before_the_answer(hall: Hall) -> None:
    """The upstream is stopped at once, unless others wait too."""
    first, second = hall.join("/late-sse"), hall.join("/late-sse")
    exchange = await hall.upstream.next()
    first.client.release()
    assert len(hall.shared) == 1
    second.client.release()
    assert len(hall.shared) == 0
    await exchange.gone()
    await hall.nothing_left()
    assert hall.front.logs.named("shared_stream.closed") == []


async def test_client_that_leaves_at_once(hall: Hall) -> None:
    """There is not even a connection then, and nothing is due."""
    hearer = hall.join("/sse/beating")
    stream = hearer.client._stream
    assert stream is not None
    assert stream in hall.front.deadlines._watched
    hearer.client.release()
    assert stream not in hall.front.deadlines._watched
    await hall.nothing_left()
    assert hall.upstream.exchanges == []


async def deserted(hall: Hall, numbers: range) -> None:
    """Have as many streams opened and left."""
    for number in numbers:
        hearer = hall.join(f"/sse/{number}")
        await hall.opened(hearer)
        hearer.client.release()


def gone(hall: Hall) -> list[str]:
    """Return what the streams were whose upstream connections have ended."""
    return [exchange.path for exchange in hall.upstream.exchanges if exchange.wire.gone.is_set()]


async def test_streams_that_linger(hall: Hall) -> None:
    """So many and no more: the one that was left first is given up; those with clients never are."""
    kept, back = hall.join("/sse/kept"), hall.join("/sse/back")
    await hall.opened(kept, back)
    back.client.release()
    await deserted(hall, range(DESERTED_LIMIT - 1))
    assert (len(hall.shared), gone(hall)) == (DESERTED_LIMIT + 1, [])
    back = hall.join("/sse/back")
    await deserted(hall, range(DESERTED_LIMIT, DESERTED_LIMIT + 3))
    await eventually(lambda: gone(hall) == ["/sse/0", "/sse/1"])
    back.client.release()
    await eventually(lambda: gone(hall) == ["/sse/0", "/sse/1", "/sse/2"])
    assert len(hall.shared) == DESERTED_LIMIT + 1
    assert len(shared_tasks()) == DESERTED_LIMIT + 1
    assert kept.done == []
    await hall.opened(hall.join("/sse/0"))
    hall.upstream.exchanges[0].wire.abort()
    await hall.front.logs.wait_for("shared_stream.reopened")


async def test_streams_that_are_over_do_not_linger(hall: Hall) -> None:
    """What the upstream ends, or time does, makes room for others."""
    await deserted(hall, range(DESERTED_LIMIT))
    hall.front.pass_time(5)
    await hall.nothing_left()
    await deserted(hall, range(DESERTED_LIMIT))
    assert len(hall.shared) == DESERTED_LIMIT
    hall.upstream.canned["/sse/0"] = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    hall.upstream.exchanges[DESERTED_LIMIT].wire.abort()
    await eventually(lambda: len(hall.shared) == DESERTED_LIMIT - 1)
    await deserted(hall, range(DESERTED_LIMIT, DESERTED_LIMIT + 1))
    assert len(hall.shared) == DESERTED_LIMIT


async def test_upstream_ends_it(hall: Hall) -> None:
    """Its clients are told why, and whoever comes then gets another one."""
    hall.upstream.canned["/sse/a"] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    hearers = [hall.join(), hall.join()]
    await eventually(lambda: all(hearer.done for hearer in hearers))
    assert len(hall.shared) == 0
    await hall.nothing_left()
    del hall.upstream.canned["/sse/a"]
    await hall.opened(hall.join())


async def test_old_stream_does_not_harm_a_new_one(hall: Hall) -> None:
    """Clients of an ended stream may leave when there is another in its place."""
    old = [hall.join(), hall.join()]
    await hall.opened(*old)
    hall.upstream.canned["/sse/a"] = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    hall.upstream.exchanges[0].wire.abort()
    await eventually(lambda: all(hearer.done for hearer in old))
    assert isinstance(old[0].done[0], StreamUnavailable)
    del hall.upstream.canned["/sse/a"]
    new = hall.join()
    await hall.opened(new)
    for hearer in old:
        hearer.client.release()
    hall.front.pass_time(100)
    assert len(hall.shared) == 1
    assert new.done == []


async def test_stream_that_is_given_up_twice(hall: Hall) -> None:
    """Of two with one key, the old one is meant."""
    waiting = hall.join("/late-sse")
    await hall.upstream.next()
    stream = waiting.client._stream
    assert stream is not None
    waiting.client.release()
    new = hall.join("/late-sse")
    stream._on_idle()
    assert len(hall.shared) == 1
    hall.upstream.gates.open("head")
    await hall.opened(new)


async def test_fault_of_our_own(hall: Hall) -> None:
    """It ends the stream for its clients, and is told with its place."""
    hearer = hall.join()
    await hall.opened(hearer)

    def broken() -> float:
        raise ZeroDivisionError

    hall.front.relay.spread = broken
    hall.upstream.exchanges[0].wire.abort()
    await eventually(lambda: hearer.done != [])
    (error,) = hearer.done
    assert isinstance(error, InternalError)
    assert error.reason == "ZeroDivisionError"
    (failed,) = hall.front.logs.named("shared_stream.failed")
    assert (failed["route"], failed["level"]) == ("sse", "error")
    assert "ZeroDivisionError" in str(failed)
    await hall.nothing_left()


async def test_all_are_closed(hall: Hall) -> None:
    """With clients, without, and before the answer; afterwards nothing is left."""
    with_client, without, waiting = hall.join("/sse/a"), hall.join("/sse/b"), hall.join("/late-sse")
    await hall.opened(with_client, without)
    without.client.release()
    await hall.shared.aclose()
    assert with_client.raw == LAST_CHUNK
    assert (with_client.done, waiting.done) == ([None], [None])
    await hall.nothing_left()
    await hall.shared.aclose()
