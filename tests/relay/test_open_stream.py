"""One open stream: when it beats, when it is old, and what is counted of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.access.memory_store import MemoryStore
from tentaculo.config.settings import LogSettings, StreamSettings
from tentaculo.errors import Draining, TooManyStreams
from tentaculo.relay.delivery import chunk
from tentaculo.relay.last_words import BEAT, last_event
from tentaculo.relay.open_stream import OpenStream
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.relay import Relay
from tentaculo.relay.snapshot import build_snapshot
from tentaculo.relay.streams import Claim, Streams
from tentaculo.telemetry.logs import Logs
from tentaculo.telemetry.metrics import Metrics
from tests.relay.parts import Relayed, Upstream, route_of, settings_of
from tests.relay.replies import EVENTS, LAST

BEAT_CHUNK = chunk(BEAT)
EVENT = chunk(b"data: a\n\n")
QUIET: dict[str, Any] = {"max_age": None}


class Stage:
    """A stream between an upstream and a client that are the test's, on the upstream's clock."""

    def __init__(
        self,
        backend: Upstream,
        stream: StreamSettings | None,
        *,
        spread: float = 1.0,
        limit: int = 10,
        beats: bool = True,
    ) -> None:
        self._metrics = Metrics(version="0")
        self.backend = backend
        route = route_of(stream=stream)
        snapshot = build_snapshot(settings_of(route), metrics=self._metrics, deadlines=backend.deadlines)
        self.relay = Relay(
            snapshot=snapshot,
            logs=Logs(LogSettings(level="debug", format="json"), lambda line: None),
            metrics=self._metrics,
            streams=Streams(limit),
            tokens=EphemeralTokens(MemoryStore(), self._metrics.tokens),
            deadlines=backend.deadlines,
            loop=asyncio.get_running_loop(),
            clock=backend.clock,
            spread=lambda: spread,
        )
        plan = snapshot.table.match("a", "/api/a", "GET")
        assert isinstance(plan, RoutePlan)
        self.relayed = Relayed(backend, route)
        backend.sends(EVENTS)
        self.stream = OpenStream(self.relay, plan, self.relayed.answer, beats=beats)
        self.claim = Claim("api", stream or StreamSettings(), None, None, "192.0.2.7")

    def opened(self) -> Stage:
        """Open it."""
        self.stream.open(self.claim)
        return self

    @property
    def body(self) -> bytes:
        """What the client got of the stream."""
        return self.relayed.body

    def counted(self, name: str) -> float | None:
        """Value of a counter of the route."""
        return self._metrics.registry.get_sample_value(f"tentaculo_stream_{name}_total", {"route": "api"})


# Heartbeats.


async def test_it_beats_when_idle(backend: Upstream) -> None:
    """Each time after so many seconds of the upstream's silence, before its first byte and after."""
    stage = Stage(backend, StreamSettings(heartbeat=15.0)).opened()
    backend.pass_time(14.9)
    assert stage.body == b""
    backend.pass_time(0.1)
    assert stage.body == BEAT_CHUNK
    backend.pass_time(14.9)
    assert stage.body == BEAT_CHUNK
    backend.pass_time(0.1)
    assert stage.body == BEAT_CHUNK * 2


async def test_bytes_of_the_upstream_put_it_off(backend: Upstream) -> None:
    """It counts from the last of them; nothing is added to a stream that speaks."""
    stage = Stage(backend, StreamSettings(heartbeat=15.0)).opened()
    for _ in range(5):
        backend.pass_time(10)
        backend.sends(EVENT)
    assert stage.body == EVENT * 5
    backend.pass_time(14.9)
    assert stage.body == EVENT * 5
    backend.pass_time(0.1)
    assert stage.body == EVENT * 5 + BEAT_CHUNK


async def test_beat_waits_for_the_end_of_an_event(backend: Upstream) -> None:
    """It is overdue within one, and made up for at the next tick behind it, if that is still due."""
    stage = Stage(backend, StreamSettings(heartbeat=15.0)).opened()
    backend.sends(chunk(b"data: "))
    backend.pass_time(40)
    assert BEAT not in stage.body
    backend.sends(chunk(b"a\n\n"))
    backend.pass_time(0.1)
    assert BEAT not in stage.body, "the upstream has just spoken"
    backend.pass_time(14.9)
    assert stage.body.endswith(BEAT_CHUNK)


async def test_beat_waits_for_the_client(backend: Upstream) -> None:
    """One that takes nothing gets none; once it does again, that comes at the next tick."""
    stage = Stage(backend, StreamSettings(heartbeat=15.0)).opened()
    stage.relayed.answer.client_paused()
    backend.pass_time(40)
    assert stage.body == b""
    stage.relayed.answer.client_resumed()
    backend.pass_time(0.1)
    assert stage.body == BEAT_CHUNK


SILENT: dict[str, tuple[StreamSettings | None, bool]] = {
    "no options": (StreamSettings(), True),
    "not declared": (None, True),
    "fed by another": (StreamSettings(heartbeat=15.0), False),
}


@pytest.mark.parametrize(("stream", "beats"), SILENT.values(), ids=SILENT)
async def test_it_beats_only_where_asked(
    stream: StreamSettings | None, beats: bool, backend: Upstream
) -> None:
    """Without the option, or where the beat comes from elsewhere, a silent stream stays silent."""
    stage = Stage(backend, stream, beats=beats).opened()
    backend.pass_time(3600)
    assert stage.body == b""


async def test_what_has_no_deadline_is_not_watched(backend: Upstream) -> None:
    """Neither beat nor age costs nothing at a tick."""
    stage = Stage(backend, StreamSettings(**QUIET)).opened()
    assert stage.stream not in backend.deadlines._watched


# Age.


@pytest.mark.parametrize(("spread", "age"), [(0.0, 80.0), (0.5, 90.0), (1.0, 100.0)])
async def test_ends_are_spread(spread: float, age: float, backend: Upstream) -> None:
    """A stream ends within the last fifth of its greatest age, or all would come again at once."""
    stage = Stage(backend, StreamSettings(max_age=100.0, heartbeat=3600.0), spread=spread).opened()
    assert stage.stream.deadline == backend.clock.now + age
    backend.pass_time(age - 0.1)
    assert stage.stream.end_reason is None
    backend.pass_time(0.1)
    assert stage.stream.end_reason == "deadline"
    assert stage.relayed.done == [None]


async def test_beats_do_not_make_it_younger(backend: Upstream) -> None:
    """Nor does a beat come in the place of the end."""
    stage = Stage(backend, StreamSettings(max_age=45.0, heartbeat=15.0)).opened()
    for _ in range(3):
        backend.pass_time(15)
    words = last_event("deadline", 6.0)
    assert stage.body == BEAT_CHUNK * 2 + chunk(words) + LAST


# The end.


@pytest.mark.parametrize("spread", [0.0, 0.25, 1.0])
@pytest.mark.parametrize(("retry", "least"), [(None, 3.0), (10.0, 10.0)])
async def test_last_event(retry: float | None, least: float, spread: float, backend: Upstream) -> None:
    """It names the reason, and spreads over as long again when clients return."""
    stage = Stage(backend, StreamSettings(retry=retry), spread=spread).opened()
    stage.stream.end_stream("draining")
    assert stage.body.endswith(chunk(last_event("draining", least * (1 + spread))) + LAST)


async def test_end_is_said_once(backend: Upstream) -> None:
    """The first reason counts, and nothing comes behind it."""
    stage = Stage(backend, StreamSettings(heartbeat=15.0)).opened()
    stage.stream.end_stream("revoked")
    body = stage.body
    stage.stream.end_stream("draining")
    backend.pass_time(4 * 3600)
    assert stage.stream.end_reason == "revoked"
    assert stage.stream.deadline == float("inf")
    assert stage.body == body == chunk(last_event("revoked", 6.0)) + LAST


async def test_nothing_is_said_behind_the_upstreams_end(backend: Upstream) -> None:
    """The exchange may end a moment later: by then it has a reason, and the last chunk is out."""
    stage = Stage(backend, StreamSettings(heartbeat=15.0, max_age=3600.0)).opened()
    backend.sends(EVENT, LAST)
    body = stage.body
    assert (body, stage.relayed.done) == (EVENT + LAST, [None])
    backend.pass_time(15)
    stage.stream.end_stream("draining")
    backend.pass_time(3600)
    assert (stage.body, stage.stream.end_reason) == (body, None)
    stage.stream.close()


@pytest.mark.parametrize("stream", [StreamSettings(last_event=False), None], ids=["off", "not declared"])
async def test_end_without_a_word(stream: StreamSettings | None, backend: Upstream) -> None:
    """Where the route wants none, or has no options, a stream just ends."""
    stage = Stage(backend, stream).opened()
    stage.stream.end_stream("revoked")
    assert stage.body == LAST


# The count.


async def test_place(backend: Upstream) -> None:
    """It is taken as the stream opens and given back as it closes, once."""
    stage = Stage(backend, StreamSettings(heartbeat=15.0)).opened()
    assert stage.relay.streams.all_open() == [stage.stream]
    stage.stream.close()
    stage.stream.close()
    assert len(stage.relay.streams) == 0
    backend.pass_time(100)
    assert stage.body == b""


@pytest.mark.parametrize("draining", [True, False])
async def test_no_place(draining: bool, backend: Upstream) -> None:
    """What may not open is not watched either."""
    stage = Stage(backend, StreamSettings(heartbeat=15.0), limit=int(draining))
    stage.relay.streams.closed = draining
    with pytest.raises(Draining if draining else TooManyStreams):
        stage.opened()
    backend.pass_time(100)
    assert stage.body == b""


async def test_what_is_relayed_is_counted_as_it_goes(backend: Upstream) -> None:
    """Each event and byte once: when asked, and at the end."""
    stage = Stage(backend, StreamSettings(heartbeat=15.0)).opened()
    backend.sends(EVENT, EVENT)
    assert stage.counted("events") == 0
    stage.relay.streams.settle()
    stage.relay.streams.settle()
    assert (stage.counted("events"), stage.counted("bytes")) == (2, 18)
    backend.pass_time(15)
    backend.sends(EVENT)
    stage.stream.close()
    assert (stage.counted("events"), stage.counted("bytes")) == (3, 27 + len(BEAT))


@pytest.mark.parametrize("by", ["gateway", "upstream"])
async def test_it_is_ending(by: str, backend: Upstream) -> None:
    """From the moment it is ended, by whomever, though it may keep its place a moment longer."""
    stage = Stage(backend, StreamSettings()).opened()
    assert not stage.stream.is_ending
    if by == "gateway":
        stage.stream.end_stream("revoked")
    else:
        backend.sends(LAST)
    assert stage.stream.is_ending
    assert len(stage.relay.streams) == 1
