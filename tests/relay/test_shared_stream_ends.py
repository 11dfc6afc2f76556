"""Time and a shared stream: clients that lag, beats, the grace after the last one left, and its end."""

from __future__ import annotations

import pytest

from tentaculo.errors import StreamUnavailable, UpstreamProtocolError
from tentaculo.relay.delivery import chunk
from tentaculo.relay.event_log import KEEPING_BYTES
from tentaculo.relay.last_words import BEAT
from tentaculo.relay.shared_stream import GRACE_SECONDS
from tentaculo.upstream.deadlines import NEVER
from tests.fakes.upstream import ScriptedUpstream
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.shared_parts import (
    LAST_CHUNK,
    NOT_FOUND,
    Hearer,
    Stage,
    event,
    events,
    opened,
    shared_configuration,
    shared_route,
)

ROUTES = (
    shared_route(),
    shared_route("replay: {events: 4, age: 60s}", name="replay"),
    shared_route(heartbeat="10s", name="beating"),
    shared_route("slow_client: 1KiB", name="slow"),
    shared_route("replay: {age: 1s}", name="short"),
)


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with shared streams of every kind."""
    return await start_front(shared_configuration(upstream.port, *ROUTES))


# Those that lag.


async def test_client_that_lags_too_far(front: Front) -> None:
    """It ends as slow, at the first bytes past the bound; what it lacked is kept no longer."""
    stage = opened(front, "/slow")
    good, slow = stage.join(), stage.join()
    slow.client.client_paused()
    stage.sends(event(1, 2000))
    assert slow.done == [], "one event may be as large as it is"
    assert stage.stream.log.first == 0
    stage.sends(event(2))
    assert slow.done == [None]
    assert slow.client.stalled
    assert slow.raw == b""
    assert stage.stream.log.first == 2
    assert good.body == event(1, 2000) + event(2)
    assert stage.stream.clients == 1


async def test_client_that_lags_within_the_bound(front: Front) -> None:
    """Exactly as much as the bound, with what keeping it costs, is not too much; it gets all of it."""
    stage = opened(front, "/slow")
    slow, slower = stage.join(), stage.join()
    slow.client.client_paused()
    slower.client.client_paused()
    room = 1024 - 2 * KEEPING_BYTES - len(event(1)) - len(event(2, 1)) + 1
    stage.sends(event(1), event(2, room))
    assert stage.stream.log.behind(0) == 1024
    stage.sends(event(3))
    assert (slow.done, slower.done) == ([], [])
    slow.client.client_resumed()
    stage.sends(event(4))
    assert slow.body == event(1) + event(2, room) + events(3, 4)
    assert slower.client.stalled
    assert stage.stream.log.first == 4


async def test_slowest_of_those_that_lag(front: Front) -> None:
    """What it lacks is kept; when it has left, what the next one lacks."""
    stage = opened(front, "/slow")
    hearers = [stage.join() for _ in range(2)]
    for number, hearer in enumerate(hearers, 1):
        hearer.client.client_paused()
        stage.sends(event(number))
    assert stage.stream.log.first == 0
    hearers[0].client.release()
    stage.sends(event(3))
    assert stage.stream.log.first == 1
    hearers[1].client.client_resumed()
    assert hearers[1].body == events(1, 3)


# Time.


async def test_stream_beats(front: Front) -> None:
    """When nothing was said for a while, to all that take it; each event puts it off."""
    stage = opened(front, "/beating")
    hearer, lagging = stage.join(), stage.join()
    lagging.client.client_paused()
    front.pass_time(9)
    stage.sends(event(1))
    front.pass_time(9)
    assert hearer.body == event(1)
    front.pass_time(1)
    front.pass_time(9)
    assert hearer.body == event(1) + BEAT
    front.pass_time(1)
    assert hearer.body == event(1) + BEAT + BEAT
    lagging.client.client_resumed()
    assert lagging.body == event(1)


async def test_heartbeat_is_no_event(front: Front) -> None:
    """It is not kept for anybody, and counts as bytes of those who got it."""
    stage = opened(front, "/beating")
    hearer = stage.join()
    front.pass_time(10)
    hearer.client.count()
    assert (hearer.client.bytes_out, hearer.client.events, stage.stream.log.end) == (len(BEAT), 0, 0)


async def test_stream_without_heartbeat(front: Front) -> None:
    """It is silent for as long as its upstream is."""
    stage = opened(front)
    hearer = stage.join()
    front.pass_time(100_000)
    assert (hearer.raw, hearer.done, stage.idle) == (b"", [], 0)


@pytest.mark.parametrize(
    ("path", "seconds"), [("/events", 5), ("/short", 5), ("/replay", 60), ("/beating", 5)]
)
async def test_grace_after_the_last_client(path: str, seconds: float, front: Front) -> None:
    """A while after it left nobody wants the stream; where events are kept it lasts as long as they do."""
    stage = opened(front, path)
    first, second = stage.join(), stage.join()
    first.client.release()
    front.pass_time(100)
    assert stage.idle == 0
    assert stage.deserted == 0
    second.client.release()
    assert stage.deserted == 1
    front.pass_time(seconds - 0.1)
    assert stage.idle == 0
    front.pass_time(0.1)
    assert (stage.idle, stage.deserted) == (1, 1)


async def test_client_that_comes_within_the_grace(front: Front) -> None:
    """The stream goes on for it, with what came meanwhile; the grace is whole again afterwards."""
    stage = opened(front, "/replay")
    stage.join().client.release()
    stage.sends(events(1, 2))
    front.pass_time(59)
    hearer = stage.join(b"1")
    front.pass_time(100)
    assert (stage.idle, hearer.body) == (0, event(2))
    hearer.client.release()
    front.pass_time(59)
    assert stage.idle == 0
    front.pass_time(1)
    assert stage.idle == 1


async def test_last_client_that_waits(front: Front) -> None:
    """Nobody is owed an answer any more: the stream is not wanted, at once."""
    stage = Stage(front)
    first, second = stage.join(), stage.join()
    first.client.release()
    assert stage.idle == 0
    second.client.release()
    assert (stage.idle, stage.deserted) == (1, 0)


async def test_leaving_twice(front: Front) -> None:
    """It counts once."""
    stage = opened(front)
    hearer = stage.join()
    stage.stream.leave(hearer.client)
    stage.stream.leave(hearer.client)
    assert front.metric("tentaculo_shared_stream_clients.*events") == 0


# The end.


async def test_denial(front: Front) -> None:
    """All that wait are told, and whoever comes until the stream is gone."""
    stage = Stage(front)
    hearers = [stage.join() for _ in range(2)]
    stage.stream.denied(NOT_FOUND)
    hearers.append(stage.join())
    stage.stream.closed(None)
    for hearer in hearers:
        assert hearer.head[0] == b"HTTP/1.1 404 Not Found"
        assert hearer.done == [None]
        hearer.client.release()
    assert stage.stream.clients == 0
    assert front.metric("tentaculo_shared_streams_open.*events") == 0


async def test_good_end(front: Front) -> None:
    """Everyone's reply ends well."""
    stage = opened(front)
    hearers = [stage.join(), stage.join(http10=True)]
    stage.sends(event(1))
    stage.stream.closed(None)
    assert [hearer.raw for hearer in hearers] == [chunk(event(1)) + LAST_CHUNK, event(1)]
    assert [hearer.done for hearer in hearers] == [[None], [None]]
    assert front.metric("tentaculo_shared_streams_open.*events") == 0
    assert front.metric("tentaculo_shared_stream_clients.*events") == 0


@pytest.mark.parametrize("http10", [False, True], ids=["1.1", "1.0"])
async def test_good_end_of_those_that_lag(http10: bool, front: Front) -> None:
    """They get all that came before it, and then their own end; nobody waits for them."""
    stage = opened(front)
    lagging, good = stage.join(http10=http10), stage.join()
    lagging.client.client_paused()
    stage.sends(event(1), events(2, 3))
    stage.stream.closed(None)
    assert (good.done, lagging.done, lagging.raw) == ([None], [], b"")
    lagging.client.client_resumed()
    data = events(1, 3)
    assert lagging.raw == (data if http10 else chunk(data) + LAST_CHUNK)
    assert (lagging.done, lagging.client.stalled) == ([None], False)
    assert (lagging.client.events, lagging.client.bytes_out) == (3, len(data))
    assert stage.stream.clients == stage.idle == stage.deserted == 0


@pytest.mark.parametrize("how", ["stalled", "left"])
async def test_good_end_that_a_client_never_takes(how: str, front: Front) -> None:
    """Its connection decides for how long it is given time; then it is slow, or gone, as any other."""
    stage = opened(front)
    lagging = stage.join()
    lagging.client.client_paused()
    stage.sends(event(1))
    stage.stream.closed(None)
    if how == "left":
        lagging.client.release()
    else:
        lagging.client.client_stalled()
    assert (lagging.done, lagging.client.stalled) == (([None], True) if how == "stalled" else ([], False))
    assert lagging.raw == b""
    assert front.metric("tentaculo_shared_stream_clients.*events") == 0


async def test_bad_end_of_those_that_lag(front: Front) -> None:
    """It is told at once: what they lack is not the end of it."""
    stage = opened(front)
    lagging = stage.join()
    lagging.client.client_paused()
    stage.sends(event(1))
    stage.stream.closed(UpstreamProtocolError("cut"))
    assert isinstance(lagging.done[0], UpstreamProtocolError)
    lagging.client.client_resumed()
    assert lagging.raw == b""


async def test_end_is_said_once(front: Front) -> None:
    """Whoever gave the stream up has closed it; that its task ends later changes nothing."""
    stage = opened(front)
    hearer = stage.join()
    stage.stream.closed(None)
    stage.stream.closed(UpstreamProtocolError("cut"))
    assert (hearer.raw, hearer.done) == (LAST_CHUNK, [None])
    assert front.metric("tentaculo_shared_streams_open.*events") == 0


async def test_bad_end(front: Front) -> None:
    """Each client has a fault of its own to be answered with; none shows as whole."""
    stage = opened(front)
    hearers = [stage.join(), stage.join()]
    stage.sends(event(1))
    stage.stream.closed(StreamUnavailable("503", headers=(("Retry-After", "1"),)))
    for hearer in hearers:
        assert hearer.raw == chunk(event(1))
        (error,) = hearer.done
        assert isinstance(error, StreamUnavailable)
        assert (error.reason, error.headers) == ("503", (("Retry-After", "1"),))
    assert hearers[0].done[0] is not hearers[1].done[0]


async def test_end_of_those_that_wait(front: Front) -> None:
    """They can still be answered; there was no stream to count."""
    stage = Stage(front)
    hearer = stage.join()
    stage.stream.closed(UpstreamProtocolError("encoded"))
    assert isinstance(hearer.done[0], UpstreamProtocolError)
    assert not hearer.client.started
    assert front.metric("tentaculo_shared_streams_open.*events") == 0


@pytest.mark.parametrize("error", [None, UpstreamProtocolError("cut")], ids=["well", "badly"])
async def test_nothing_is_due_after_the_end(error: UpstreamProtocolError | None, front: Front) -> None:
    """Exchanges may end later than the stream; by then there may be another one in its place."""
    stage = opened(front, "/beating")
    hearers: list[Hearer] = [stage.join(), stage.join()]
    stage.stream.closed(error)
    for hearer in hearers:
        hearer.client.release()
    front.pass_time(GRACE_SECONDS + 100)
    assert stage.idle == 0
    assert stage.stream not in front.deadlines._watched
    assert stage.stream.deadline < NEVER
