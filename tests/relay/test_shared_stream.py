"""One stream for many: who joins gets what it missed or is told so, who leaves or lags troubles nobody."""

from __future__ import annotations

import random

import pytest

from tentaculo.relay.delivery import chunk
from tentaculo.relay.last_words import RESYNC
from tests.fakes.upstream import ScriptedUpstream
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.shared_parts import (
    HEAD,
    NOT_FOUND,
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
    shared_route("replay: {}, assign_ids: true", name="given"),
    shared_route("retry: 2s", name="retry"),
    shared_route("replay: {}", name="long"),
)


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with shared streams of every kind."""
    return await start_front(shared_configuration(upstream.port, *ROUTES))


# Joining.


async def test_clients_wait_for_the_upstream(front: Front) -> None:
    """Whoever came before its answer is answered with it, and gets all that comes."""
    stage = Stage(front)
    early = [stage.join() for _ in range(3)]
    assert not stage.stream.is_open
    assert [hearer.transport.pieces for hearer in early] == [[], [], []]
    stage.stream.opened(HEAD)
    assert stage.stream.is_open
    stage.sends(event(1))
    late = stage.join()
    stage.sends(event(2))
    assert [hearer.body for hearer in early] == [events(1, 2)] * 3
    assert late.body == event(2)
    assert stage.stream.clients == 4
    assert front.metric("tentaculo_shared_streams_open.*events") == 1
    assert front.metric("tentaculo_shared_stream_clients.*events") == 4


async def test_head_of_a_later_upstream(front: Front) -> None:
    """It is for those who come then; it is one stream still."""
    stage = opened(front)
    stage.stream.opened(NOT_FOUND)
    assert stage.join().head[0] == b"HTTP/1.1 404 Not Found"
    assert front.metric("tentaculo_shared_streams_open.*events") == 1


@pytest.mark.parametrize("last", range(2, 7))
async def test_client_comes_back(last: int, front: Front) -> None:
    """It gets exactly what it missed, and goes on with the others."""
    stage = opened(front, "/replay")
    stage.sends(events(1, 6))
    hearer = stage.join(b"%d" % last)
    stage.sends(event(7))
    assert hearer.body == events(last + 1, 7)
    assert front.metric("tentaculo_stream_events_replayed_total.*replay") == 6 - last
    assert hearer.first_events == 1


@pytest.mark.parametrize("last_id", [b"1", b"7", b"x"], ids=["kept no more", "not yet", "never"])
async def test_client_comes_back_too_late(last_id: bytes, front: Front) -> None:
    """It is told first that something is lost, and gets what comes from then on."""
    stage = opened(front, "/replay")
    stage.sends(events(1, 6))
    hearer = stage.join(last_id)
    stage.sends(event(8))
    assert hearer.body == RESYNC + event(8)
    assert front.metric("tentaculo_stream_resyncs_total.*replay") == 1
    assert front.metric("tentaculo_stream_events_replayed_total.*replay") == 0


async def test_client_without_an_id(front: Front) -> None:
    """It missed nothing: it gets what comes."""
    stage = opened(front, "/replay")
    stage.sends(events(1, 6))
    hearer = stage.join()
    assert hearer.raw == b""
    stage.sends(event(7))
    assert hearer.body == event(7)


async def test_events_that_grow_old(front: Front) -> None:
    """They are given for as long as the route says."""
    stage = opened(front, "/replay")
    stage.sends(events(1, 2))
    front.pass_time(60)
    assert stage.join(b"1").body == event(2)
    front.pass_time(0.1)
    assert stage.join(b"1").body == RESYNC
    assert stage.join(b"2").body == b""


@pytest.mark.parametrize("path", ["/events", "/replay"])
async def test_clients_that_wait_with_ids(path: str, front: Front) -> None:
    """What they missed can't be said of a stream that only begins; who has no id missed nothing."""
    stage = Stage(front, path)
    hearers = [stage.join(last_id) for last_id in (b"41", b"12", b"")]
    assert stage.stream.last_id == b""
    stage.stream.opened(HEAD)
    stage.sends(event(42))
    assert [hearer.body for hearer in hearers] == [RESYNC + event(42)] * 2 + [event(42)]
    assert stage.stream.last_id == b"42"


async def test_client_without_room(front: Front) -> None:
    """It is answered, gets nothing, and leaves as any other."""
    stage = opened(front)
    hearer = stage.join(room=False)
    stage.sends(event(1))
    assert hearer.transport.pieces == []
    hearer.client.release()
    assert stage.stream.clients == 0


# Ids of the gateway's own.


async def test_given_ids(front: Front) -> None:
    """They replace the upstream's, count on from each other, and are an epoch's."""
    stage = opened(front, "/given")
    hearer = stage.join()
    stage.sends(b"data: a\n\nid: 7\ndata: b\n\n", b": comment\n\n", b"id: 8\n\n", b"data: c\nid\n\n")
    assert hearer.body == (
        b"id: a-1\ndata: a\n\nid: a-2\ndata: b\n\n: comment\n\nid: a-4\n\nid: a-5\ndata: c\n\n"
    )
    assert stage.stream.last_id == b"", "the upstream knows none of them"
    assert stage.join(b"a-2").body == b": comment\n\nid: a-4\n\nid: a-5\ndata: c\n\n"
    assert [stage.join(last).body for last in (b"b-2", b"7", b"8")] == [RESYNC] * 3


async def test_epoch_after_a_loss(front: Front) -> None:
    """Ids of before are unknown from then on, though the numbers go on."""
    stage = opened(front, "/given")
    hearer = stage.join()
    stage.sends(b"data: a\n\n")
    stage.stream.resumed_blindly()
    stage.stream.opened(HEAD)
    stage.sends(b"data: b\n\n")
    assert hearer.body == b"id: a-1\ndata: a\n\n" + RESYNC + b"id: b-3\ndata: b\n\n"
    assert stage.join(b"a-1").body == RESYNC
    assert stage.join(b"b-3").body == b""


# Losses.


async def test_everyone_is_told_of_a_loss(front: Front) -> None:
    """Whether live or lagging, once and in its place; nobody can go on from before."""
    stage = opened(front, "/replay")
    live, lagging = stage.join(), stage.join()
    stage.sends(event(1))
    lagging.client.client_paused()
    stage.sends(event(2))
    stage.stream.resumed_blindly()
    stage.sends(event(3))
    lagging.client.client_resumed()
    assert live.body == lagging.body == events(1, 2) + RESYNC + event(3)
    assert front.metric("tentaculo_stream_resyncs_total.*replay") == 2
    assert stage.join(b"2").body == RESYNC
    assert stage.join(b"3").body == b""
    assert live.first_events == 1


# What the upstream sends.


async def test_events_of_one_read_are_one_write(front: Front) -> None:
    """They are framed once, and the very same bytes go to everyone."""
    stage = opened(front)
    hearers = [stage.join() for _ in range(2)]
    stage.sends(events(1, 3))
    frames = [hearer.transport.pieces[-1] for hearer in hearers]
    assert frames == [chunk(events(1, 3))] * 2


async def test_first_event(front: Front) -> None:
    """It is told once of each client, of one that came later too, and comments are none."""
    stage = opened(front)
    one = stage.join()
    stage.sends(b": comment\n\n")
    assert one.first_events == 0
    stage.sends(event(1))
    other = stage.join()
    stage.sends(event(2), event(3))
    assert (one.first_events, other.first_events) == (1, 1)


async def test_retry(front: Front) -> None:
    """Each client is told first when to come again: what the route says, later what the upstream said."""
    stage = opened(front, "/retry")
    assert stage.join().body == b"retry: 2000\n\n"
    stage.sends(b"retry: 150\n\n")
    assert stage.join().body == b"retry: 150\n\n"
    assert stage.join(b"unknown").body == b"retry: 150\n\n" + RESYNC


async def test_without_a_retry_nothing_is_said(front: Front) -> None:
    """Until the upstream says one."""
    stage = opened(front)
    assert stage.join().body == b""
    stage.sends(b"retry: 1500\ndata: a\n\n")
    assert stage.join().body == b"retry: 1500\n\n"


# All of it together.


class Journey:
    """One client that comes, stops, goes on, leaves and comes back; `had` is all that it got before."""

    def __init__(self, stage: Stage, number: int) -> None:
        self._stage = stage
        self._number = number
        self.had = b""
        self.hearer = stage.join(self.last_id)

    @property
    def last_id(self) -> bytes:
        """The last id that it has seen; at first it has had all up to its number."""
        return self.had.rpartition(b"id: ")[2].partition(b"\n")[0] or b"%d" % self._number

    def comes_back(self) -> None:
        """Leave, and come again with the last id."""
        self.had += self.hearer.body
        self.hearer.client.release()
        self.hearer = self._stage.join(self.last_id)

    def takes_no_more(self) -> None:
        """Stop."""
        self.hearer.client.client_paused()

    def goes_on(self) -> None:
        """Take more."""
        self.hearer.client.client_resumed()


@pytest.mark.parametrize("seed", range(20))
async def test_nothing_is_lost_on_any_journey(seed: int, front: Front) -> None:
    """Whatever clients do between events, each has had every one since it came, once, in order."""
    chances, stage = random.Random(seed), opened(front, "/long")
    stage.sends(event(1))
    sent, journeys, begun = 1, list[Journey](), list[int]()
    for _ in range(200):
        step = chances.random()
        if step < 0.4 or not journeys:
            count = chances.randint(1, 4)
            stage.sends(events(sent + 1, sent + count))
            sent += count
        elif step < 0.5:
            begun.append(chances.randint(max(1, sent - 50), sent))
            journeys.append(Journey(stage, begun[-1]))
        else:
            journey = chances.choice(journeys)
            chances.choice([journey.comes_back, journey.takes_no_more, journey.goes_on])()
    for journey, number in zip(journeys, begun, strict=True):
        journey.goes_on()
        assert journey.had + journey.hearer.body == events(number + 1, sent)
        journey.hearer.client.release()
    assert stage.stream.clients == 0
