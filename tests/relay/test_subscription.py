"""One client of a shared stream: its own head and framing, its own count, its own pace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tentaculo.errors import TooManyStreams
from tentaculo.relay.delivery import chunk
from tentaculo.relay.subscription import CATCH_UP_BYTES, SharedHead
from tentaculo.wire.headers import Meaning
from tests.fakes.upstream import ScriptedUpstream
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.parts import RecordingTransport
from tests.relay.shared_parts import (
    HEAD,
    LAST_CHUNK,
    NO_MORE,
    NOT_FOUND,
    Hearer,
    Stage,
    dechunked,
    event,
    events,
    plan_in,
    shared_configuration,
)


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with a route whose streams are shared."""
    return await start_front(shared_configuration(upstream.port))


@pytest.fixture
async def stage(front: Front) -> Stage:
    """A shared stream that is open, with what one client has had so far."""
    stage = Stage(front)
    stage.join(http10=True)
    stage.stream.opened(HEAD)
    stage.sends(events(1, 2))
    return stage


# The head.


def test_head(front: Front) -> None:
    """Behind the upstream's lines stand how it is framed and what the gateway adds, each client its own."""
    hearer = Hearer(plan_in(front), extra=b"Access-Control-Allow-Origin: https://a.example\r\n")
    assert hearer.client.open(HEAD)
    assert hearer.head == [
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/event-stream",
        b"Transfer-Encoding: chunked",
        b"Access-Control-Allow-Origin: https://a.example",
        b"X-Request-Id: id-1",
        b"X-Accel-Buffering: no",
        b"Referrer-Policy: no-referrer",
        b"Cache-Control: no-store",
        b"Vary: X-VX11-Token",
    ]
    assert (hearer.client.status, hearer.client.started, hearer.client.is_stream) == (200, True, True)
    assert hearer.opened == [hearer.client]
    assert hearer.done == []


def test_fields_that_the_upstream_has_seen_to(front: Front) -> None:
    """They are not added again."""
    hearer = Hearer(plan_in(front))
    hearer.client.open(SharedHead(200, [b"HTTP/1.1 200 OK"], {Meaning.CACHE_CONTROL, Meaning.VARY}))
    assert b"Cache-Control: no-store" not in hearer.head
    assert b"Vary: X-VX11-Token" not in hearer.head


FRAMINGS = {
    "1.1": (False, True, [b"Transfer-Encoding: chunked"]),
    "1.1 for the last time": (False, False, [b"Transfer-Encoding: chunked", b"Connection: close"]),
    "1.0": (True, False, [b"Connection: close"]),
    "1.0 to be kept": (True, True, [b"Connection: close"]),
}


@pytest.mark.parametrize(("http10", "keep_alive", "lines"), FRAMINGS.values(), ids=FRAMINGS)
def test_framing_of_a_stream(http10: bool, keep_alive: bool, lines: list[bytes], front: Front) -> None:
    """It is chunked, or ends with the connection where chunks are not known."""
    hearer = Hearer(plan_in(front), http10=http10, keep_alive=keep_alive)
    hearer.client.open(HEAD)
    assert hearer.head[2 : 2 + len(lines)] == lines
    assert hearer.head[2 + len(lines)].startswith(b"X-Request-Id")
    assert hearer.client.framed is not http10
    assert hearer.client.keep_alive is (keep_alive and not http10)


DENIALS = {
    "404": (NOT_FOUND, False, True, [b"Content-Length: 0"]),
    "404, 1.0": (NOT_FOUND, True, False, [b"Content-Length: 0", b"Connection: close"]),
    "404, 1.0 to be kept": (NOT_FOUND, True, True, [b"Content-Length: 0", b"Connection: keep-alive"]),
    "204": (NO_MORE, False, True, []),
    "204, for the last time": (NO_MORE, False, False, [b"Connection: close"]),
}


@pytest.mark.parametrize(("head", "http10", "keep_alive", "lines"), DENIALS.values(), ids=DENIALS)
def test_denial(head: SharedHead, http10: bool, keep_alive: bool, lines: list[bytes], front: Front) -> None:
    """The upstream's status goes to each client, without a body."""
    hearer = Hearer(plan_in(front), http10=http10, keep_alive=keep_alive)
    assert not hearer.client.open(head)
    assert hearer.head[1 : 1 + len(lines)] == lines
    assert hearer.head[1 + len(lines)].startswith(b"X-Request-Id")
    assert hearer.raw == b""
    assert hearer.done == [None]
    assert hearer.denials == [404] * (head is NOT_FOUND)
    assert (hearer.client.status, hearer.client.started) == (head.status, True)
    assert (hearer.client.is_stream, hearer.client.keep_alive) == (False, keep_alive)


def test_no_room_for_a_stream(front: Front) -> None:
    """The client can still be answered."""
    hearer = Hearer(plan_in(front), room=False)
    assert not hearer.client.open(HEAD)
    assert isinstance(hearer.done[0], TooManyStreams)
    assert hearer.transport.pieces == []
    assert (hearer.client.started, hearer.client.is_stream) == (False, False)


# What is written.


def test_bytes_are_shared(stage: Stage) -> None:
    """Those who know chunks get one and the same frame, others what is in it."""
    hearers = [stage.join() for _ in range(2)]
    for hearer in hearers:
        hearer.client.write(b"frame", b"data")
    old = stage.join(http10=True)
    old.client.write(b"frame", b"data")
    assert [hearer.raw for hearer in hearers] == [b"frame", b"frame"]
    assert old.raw == b"data"


async def test_client_that_is_gone(stage: Stage) -> None:
    """Nothing is written to it, whether its connection was lost before or is closing."""
    gone, closing = Hearer(stage.plan, gone=True), stage.join()
    stage.stream.join(gone.client)
    closing.transport.close()
    stage.sends(event(3))
    gone.client.say(b"words")
    assert gone.transport.pieces == []
    assert closing.raw == b""


def test_live_client_is_counted_with_the_stream(stage: Stage) -> None:
    """It has had what came since it joined, in bytes without their framing; counting twice is fine."""
    hearer = stage.join()
    stage.sends(event(3), b": comment\n\n", events(4, 5))
    for _ in range(2):
        hearer.client.count()
        assert hearer.client.events == 3
        assert hearer.client.bytes_out == len(events(3, 5)) + len(b": comment\n\n") == len(hearer.body)
    hearer.client.detach()
    stage.sends(event(6))
    hearer.client.count()
    assert hearer.client.events == 3


def test_own_words_are_counted(stage: Stage) -> None:
    """What is said to this client alone counts as bytes, not as events."""
    hearer = stage.join()
    hearer.client.say(b": hello\n\n")
    assert hearer.body == b": hello\n\n"
    assert (hearer.client.bytes_out, hearer.client.events) == (9, 0)


# The pace.


async def test_client_that_takes_no_more(stage: Stage) -> None:
    """From then on nothing is written to it; later it gets what it lacks, once, and is as live as before."""
    hearer = stage.join()
    stage.sends(event(3))
    hearer.client.client_paused()
    assert not hearer.client.is_live
    stage.sends(event(4), event(5))
    assert hearer.body == event(3)
    hearer.client.client_resumed()
    assert hearer.client.is_live
    stage.sends(event(6))
    assert hearer.body == events(3, 6)
    hearer.client.count()
    assert (hearer.client.events, hearer.client.bytes_out) == (4, len(events(3, 6)))


async def test_pausing_twice_changes_nothing(stage: Stage) -> None:
    """It lags from where it was the first time."""
    hearer = stage.join()
    hearer.client.client_paused()
    stage.sends(event(3))
    hearer.client.client_paused()
    hearer.client.client_resumed()
    assert hearer.body == event(3)


class Sipping(RecordingTransport):
    """A transport that has its client pause after each write, until it has taken enough."""

    def __init__(self, pause: Callable[[], None]) -> None:
        super().__init__()
        self.is_thirsty = False
        self._pause = pause

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Take bytes."""
        super().write(data)
        if not self.is_thirsty:
            self._pause()


async def test_client_catches_up_in_steps(stage: Stage) -> None:
    """It is written as much as it takes, and lags on from there."""
    hearer = stage.join()
    hearer.client.client_paused()
    head, large = hearer.transport, b"".join(event(number, CATCH_UP_BYTES // 2) for number in range(3, 9))
    stage.sends(large)
    sipping = Sipping(hearer.client.client_paused)
    hearer.client._transport = sipping
    for size in range(1, 7):
        hearer.client.client_resumed()
        assert not hearer.client.is_live
        assert len(sipping.pieces) == size
        assert len(sipping.pieces[-1]) < CATCH_UP_BYTES
    sipping.is_thirsty = True
    hearer.client.client_resumed()
    assert hearer.client.is_live
    stage.sends(event(9))
    assert dechunked(sipping.written) == large + event(9)
    assert head.written.endswith(b"\r\n\r\n")


async def test_client_that_waits_may_pause(front: Front) -> None:
    """Before there is a stream there is nothing to lag behind."""
    stage = Stage(front)
    hearer = stage.join()
    hearer.client.client_paused()
    hearer.client.client_resumed()
    assert not hearer.client.is_live
    stage.stream.opened(HEAD)
    stage.sends(event(1))
    assert hearer.body == event(1)


async def test_client_that_is_paused_as_the_stream_opens(front: Front) -> None:
    """It gets the head, and the events once it takes them."""
    stage = Stage(front)
    hearer = stage.join()
    hearer.client.client_paused()
    stage.stream.opened(HEAD)
    stage.sends(event(1))
    assert hearer.raw == b""
    hearer.client.client_resumed()
    assert hearer.body == event(1)


async def test_stalled_client_leaves(stage: Stage) -> None:
    """It is told apart from one that left well, and the others go on."""
    hearer = stage.join()
    hearer.client.client_stalled()
    assert hearer.done == [None]
    assert (hearer.client.stalled, hearer.client.keep_alive, stage.stream.clients) == (True, False, 1)
    hearer.client.client_paused()
    hearer.client.client_resumed()
    stage.sends(event(3))
    assert hearer.raw == b""


# The end.


@pytest.mark.parametrize("http10", [False, True], ids=["1.1", "1.0"])
async def test_last_words(http10: bool, stage: Stage) -> None:
    """They stand between events, since events are written whole; then it ends in good order."""
    hearer = stage.join(http10=http10)
    stage.sends(event(3))
    hearer.client.end(b"event: bye\n\n")
    data = event(3) + b"event: bye\n\n"
    assert hearer.raw == (data if http10 else chunk(event(3)) + chunk(b"event: bye\n\n") + LAST_CHUNK)
    assert hearer.done == [None]
    assert (hearer.client.keep_alive, hearer.client.bytes_out) == (not http10, len(data))
    assert stage.stream.clients == 1


async def test_nothing_is_said_before_there_is_a_stream(front: Front) -> None:
    """A client that waits is answered by whoever ends it."""
    stage = Stage(front)
    hearer = stage.join()
    assert not hearer.client.beat(b":\n\n")
    hearer.client.end(b"event: bye\n\n")
    assert hearer.transport.pieces == []
    assert hearer.done == [None]


async def test_beats(stage: Stage) -> None:
    """Between events is always; not while the client takes nothing, nor after its end."""
    hearer = stage.join()
    assert hearer.client.beat(b":\n\n")
    hearer.client.client_paused()
    assert not hearer.client.beat(b":\n\n")
    hearer.client.client_resumed()
    hearer.client.detach()
    assert not hearer.client.beat(b":\n\n")
    assert hearer.body == b":\n\n"


async def test_first_event_after_the_end(stage: Stage) -> None:
    """Nobody is told any more."""
    hearer = stage.join()
    hearer.client.release()
    hearer.client.first_event()
    assert hearer.first_events == 0
    assert stage.stream.clients == 1
