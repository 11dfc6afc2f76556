"""The one upstream stream of many clients: how it is opened again when it breaks, and when it is given up."""

from __future__ import annotations

import asyncio

import pytest

from tentaculo.errors import StreamUnavailable, UpstreamProtocolError, UpstreamUnreachable
from tentaculo.relay.last_words import RESYNC
from tentaculo.relay.shared_source import EVENT_LIMIT
from tests.fakes.gates import eventually
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.relay.carried import REFUSALS, Carried, carried_configuration, reply
from tests.relay.conftest import StartFront
from tests.relay.shared_parts import NOT_FOUND, event, events

# Again.


async def test_broken_stream_is_opened_again(carried: Carried) -> None:
    """After the last whole event; what was begun comes whole then, and clients notice nothing."""
    exchange = await carried.opened(event(1))
    assert exchange.head.value("Last-Event-ID") is None
    carried.upstream.events.put_nowait(event(2) + b"id: 3\ndata: ha")
    await carried.hears(events(1, 2))
    exchange.wire.abort()
    assert await carried.paused() == 0.1
    carried.goes_on()
    exchange = await carried.asked()
    assert exchange.head.value("Last-Event-ID") == "2"
    carried.upstream.events.put_nowait(events(3, 4))
    await carried.hears(events(1, 4))
    assert carried.hearer.done == []
    await carried.cancelled()


async def test_upstream_that_is_away_is_not_waited_for(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Whoever comes again with pauses of its own need not wait between them, too."""
    text = carried_configuration(upstream.port).replace("timeouts:", "retries: {wait: 60s}, timeouts:")
    carried = Carried(await start_front(text), upstream)
    await carried.opened(event(1))
    await upstream.stop()
    for pause in (0.1, 0.2, 0.4):
        assert await carried.paused() == pause
        carried.goes_on()
    await carried.cancelled()


async def test_stream_without_ids_is_opened_again(carried: Carried) -> None:
    """The upstream can't be asked what was missed, and clients are told."""
    exchange = await carried.opened(b"data: a\n\n")
    exchange.wire.abort()
    await carried.paused()
    carried.goes_on()
    assert (await carried.asked()).head.value("Last-Event-ID") is None
    carried.upstream.events.put_nowait(b"data: b\n\n")
    await carried.hears(b"data: a\n\n" + RESYNC + b"data: b\n\n")
    await carried.cancelled()


async def test_stream_that_ends_well_is_opened_again(carried: Carried) -> None:
    """A second later: an upstream that ends a stream is there, and is not to be asked at once."""
    await carried.opened(event(1))
    carried.upstream.events.put_nowait(None)
    assert await carried.paused() == 1.0
    lost = await carried.front.logs.wait_for("shared_stream.lost")
    assert (lost["code"], lost["reason"]) == ("upstream_closed", "")
    assert carried.front.metric("tentaculo_upstream_faults_total") == 0
    carried.goes_on()
    assert (await carried.asked()).head.value("Last-Event-ID") == "1"
    await carried.cancelled()


async def test_pauses_grow_up_to_a_bound(carried: Carried) -> None:
    """Each is twice as long as the one before, until the upstream has been there for a while."""
    exchange = await carried.opened(event(1))
    carried.upstream.canned["/sse"] = reply("503 Unavailable")
    exchange.wire.abort()
    for expected in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
        assert await carried.paused() == pytest.approx(expected)
        carried.goes_on()
        if expected != 5.0:
            await carried.asked()
    await carried.paused()
    del carried.upstream.canned["/sse"]
    carried.goes_on()
    carried.upstream.events.put_nowait(event(2))
    await carried.hears(events(1, 2))
    carried.front.pass_time(5)
    carried.upstream.exchanges[-1].wire.abort()
    assert await carried.paused() == pytest.approx(0.1)
    await carried.cancelled()


async def spoke(carried: Carried) -> Exchange:
    """Have the upstream answer with a stream and a comment."""
    exchange = await carried.asked()
    carried.upstream.events.put_nowait(b": there\n\n")
    await eventually(lambda: carried.source._has_spoken)
    return exchange


async def test_upstream_that_speaks_and_breaks(carried: Carried) -> None:
    """It is there, so clients stay, but it is asked ever less often; once it lasts it is good again."""
    for expected in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, *[5.0] * 8):
        exchange = await spoke(carried)
        carried.front.pass_time(4.9)
        exchange.wire.abort()
        assert await carried.paused() == pytest.approx(expected)
        carried.goes_on(expected)
    (await spoke(carried)).wire.abort()
    await carried.paused()
    carried.upstream.canned["/sse"] = reply("503 Unavailable")
    carried.goes_on()
    await carried.asked()
    assert await carried.paused() == 5.0
    del carried.upstream.canned["/sse"]
    carried.goes_on()
    exchange = await spoke(carried)
    carried.front.pass_time(5)
    exchange.wire.abort()
    assert await carried.paused() == pytest.approx(0.1)
    assert carried.hearer.done == []
    await carried.cancelled()


@pytest.mark.parametrize(("spread", "seconds"), [(0.0, 0.05), (0.5, 0.075), (1.0, 0.1)])
async def test_pauses_are_spread(spread: float, seconds: float, carried: Carried) -> None:
    """Gateways that lost an upstream together do not come back together."""
    carried.front.relay.spread = lambda: spread
    (await carried.opened(event(1))).wire.abort()
    assert await carried.paused() == pytest.approx(seconds)
    await carried.cancelled()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_upstream_that_may_have_it_later(status: int, carried: Carried) -> None:
    """It is asked again."""
    exchange = await carried.opened(event(1))
    carried.upstream.canned["/sse"] = reply(f"{status} No")
    exchange.wire.abort()
    await carried.paused()
    carried.goes_on()
    await carried.asked()
    await carried.paused()
    lost = await carried.front.logs.wait_for("shared_stream.lost", count=2)
    assert (lost["code"], lost["reason"]) == (StreamUnavailable.code, str(status))
    await carried.cancelled()


@pytest.mark.parametrize("answer", REFUSALS)
async def test_what_is_no_stream_later(answer: str, carried: Carried) -> None:
    """An upstream that is half up again may be whole soon."""
    exchange = await carried.opened(event(1))
    carried.upstream.canned["/sse"] = REFUSALS[answer][0]
    exchange.wire.abort()
    await carried.paused()
    carried.goes_on()
    await carried.asked()
    await carried.paused()
    assert carried.hearer.done == []
    await carried.cancelled()


# The end.


@pytest.mark.parametrize("status", [401, 404, 410, 501])
async def test_upstream_that_has_it_no_more(status: int, carried: Carried) -> None:
    """Nobody asks again."""
    exchange = await carried.opened(event(1))
    carried.upstream.canned["/sse"] = reply(f"{status} No")
    exchange.wire.abort()
    await carried.paused()
    carried.goes_on()
    error = await carried.over()
    assert isinstance(error, StreamUnavailable)
    assert error.reason == str(status)
    assert carried.hearer.head[0] != NOT_FOUND.lines.partition(b"\r\n")[0]


async def test_upstream_that_has_no_more(carried: Carried) -> None:
    """204 says that this is the end, and it is a good one."""
    exchange = await carried.opened(event(1))
    carried.upstream.canned["/sse"] = b"HTTP/1.1 204 No Content\r\n\r\n"
    exchange.wire.abort()
    await carried.paused()
    carried.goes_on()
    assert await carried.over() is None


async def test_upstream_that_is_away_for_too_long(carried: Carried) -> None:
    """Clients are not held for more than half a minute."""
    exchange = await carried.opened(event(1))
    await carried.upstream.stop()
    await exchange.gone()
    await carried.paused()
    for _ in range(2):
        carried.goes_on(15)
        await carried.paused()
    carried.goes_on(0.1)
    assert isinstance(await carried.over(), UpstreamUnreachable)


async def test_time_away_begins_with_the_loss(carried: Carried) -> None:
    """However long the stream was good before."""
    exchange = await carried.opened()
    for number in range(1, 4):
        carried.upstream.events.put_nowait(event(number))
        await carried.hears(events(1, number))
        carried.front.pass_time(39)
    exchange.wire.abort()
    await carried.paused()
    carried.goes_on(29)
    exchange = await carried.asked()
    exchange.wire.abort()
    await carried.paused()
    await carried.cancelled()


async def test_silent_upstream_is_not_away(carried: Carried) -> None:
    """It had nothing to say for longer than one may be away; then it is asked again like any other."""
    for _ in range(3):
        exchange = await carried.asked()
        await carried.front.logs.wait_for("shared_stream.opened")
        await eventually(lambda: carried.source._opened_at == carried.front.clock.now)
        carried.front.pass_time(39)
        exchange.wire.abort()
        assert await carried.paused() == 0.1
        carried.goes_on()
    await carried.cancelled()


async def test_upstream_that_opens_and_breaks_is_away(carried: Carried) -> None:
    """A head is not enough: clients would wait for ever."""
    for number in range(4):
        exchange = await carried.asked()
        await eventually(lambda: carried.source._opened_at == carried.front.clock.now)
        carried.front.pass_time(4.9)
        exchange.wire.abort()
        if number == 3:
            break
        await carried.paused()
        carried.goes_on(5)
    assert isinstance(await carried.over(), UpstreamProtocolError)


async def test_idle_upstream_is_asked_again(carried: Carried) -> None:
    """Only its own bytes count; silence for longer than the route allows is a loss."""
    exchange = await carried.opened(event(1))
    carried.front.pass_time(39)
    assert not exchange.wire.gone.is_set()
    carried.front.pass_time(1)
    await exchange.gone()
    assert await carried.paused() == 0.1
    assert (await carried.front.logs.wait_for("shared_stream.lost"))["reason"] == "idle"
    await carried.cancelled()


async def test_event_that_is_too_large(carried: Carried) -> None:
    """It would come again, so nobody asks again."""
    exchange = await carried.opened(event(1))
    piece = b"data: " + b"x" * (EVENT_LIMIT // 16)
    for _ in range(16):
        carried.upstream.events.put_nowait(piece)
    error = await carried.over()
    assert isinstance(error, UpstreamProtocolError)
    assert error.reason == "event_too_large"
    await exchange.gone()
    assert carried.pauses == []


async def test_faulty_upstream_is_let_go_of_at_once(carried: Carried) -> None:
    """Whatever it has sent already is not looked at any more."""
    await carried.opened(event(1))
    connection = carried.source._upstream
    assert connection is not None
    carried.source.reply_received(None, b"x" * (EVENT_LIMIT + 1), b"", ended=False)
    assert not connection.is_open
    carried.source.reply_received(None, event(2), b"", ended=False)
    assert isinstance(await carried.over(), UpstreamProtocolError)
    assert carried.hearer.body == event(1)


async def test_stream_nobody_wants(carried: Carried) -> None:
    """When it is cancelled, the upstream is let go of."""
    exchange = await carried.opened(event(1))
    await carried.cancelled()
    await exchange.gone()
    await eventually(lambda: carried.stage.plan.upstream.servers[0].pool.open_connections == 0)


async def test_stream_nobody_wants_before_it_opens(carried: Carried) -> None:
    """It is the same while the connection is made."""
    await asyncio.sleep(0)
    await carried.cancelled()
    await eventually(lambda: carried.stage.plan.upstream.servers[0].pool.open_connections == 0)


async def test_what_comes_after_the_end_is_no_matter(carried: Carried) -> None:
    """A reply that has failed may still be told to have ended."""
    await carried.opened(event(1))
    await carried.cancelled()
    carried.source.reply_failed(UpstreamProtocolError("cut"))
    carried.source.reply_received(None, event(2), b"", ended=True)
    assert carried.hearer.body == event(1)
