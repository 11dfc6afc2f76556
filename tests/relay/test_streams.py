"""Open streams are counted up to their bounds: of all, of a route, of a principal, of a client."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tentaculo.config.settings import StreamSettings
from tentaculo.errors import Draining, GatewayError, TooManyStreams, TooManyStreamsHere
from tentaculo.relay.streams import Claim, Streams

ANYONE = Claim("events", StreamSettings(), None, None, "192.0.2.1")
ALICE = replace(ANYONE, principal="alice")


def limited(claim: Claim = ALICE, **limits: int) -> Claim:
    """Return the same claim on a route with limits."""
    return replace(claim, settings=StreamSettings(**limits))  # type: ignore[arg-type]


class OpenStream:
    """A stream that forgets itself when it is ended, like an exchange."""

    def __init__(self, streams: Streams, claim: Claim = ANYONE) -> None:
        self.reasons: list[str] = []
        self.settled = 0
        self._streams = streams
        streams.opened(self, claim)

    def end_stream(self, reason: str) -> None:
        """End."""
        self.reasons.append(reason)
        self._streams.ended(self)

    def settle(self) -> None:
        """Count."""
        self.settled += 1


def refused(streams: Streams, claim: Claim) -> GatewayError:
    """Return why a stream may not open, which is the same before and as it opens."""
    with pytest.raises(GatewayError) as early:
        streams.check_room(claim)
    before = len(streams)
    with pytest.raises(GatewayError) as late:
        OpenStream(streams, claim)
    assert (type(late.value), late.value.reason) == (type(early.value), early.value.reason)
    assert len(streams) == before
    return early.value


def test_streams_are_counted_in_and_out() -> None:
    """The length is the number of open streams; ending one twice counts once."""
    streams = Streams(10)
    first, second = OpenStream(streams), OpenStream(streams)
    assert len(streams) == 2
    assert streams.all_open() == [first, second]
    streams.ended(first)
    streams.ended(first)
    assert len(streams) == 1
    streams.ended(second)
    assert len(streams) == 0


def test_no_stream_opens_past_the_limit() -> None:
    """The limit is reached exactly; the refusal says when to come again, and room made is room had."""
    streams = Streams(2)
    first, second = OpenStream(streams), OpenStream(streams)
    error = refused(streams, ANYONE)
    assert (type(error), error.reason) == (TooManyStreams, "streams")
    assert error.headers == (("Retry-After", "5"),)
    assert second.reasons == [], "whoever is there stays"
    first.end_stream("draining")
    OpenStream(streams)
    assert len(streams) == 2


def test_limit_of_nothing_lets_no_stream_open() -> None:
    """With a limit of zero there is never room."""
    refused(Streams(0), ANYONE)


CAPS: dict[str, tuple[Claim, Claim, type[GatewayError]]] = {
    "max_streams": (
        limited(max_streams=2),
        limited(replace(ALICE, route="others"), max_streams=2),
        TooManyStreams,
    ),
    "max_streams_per_principal": (
        limited(max_streams_per_principal=2),
        limited(replace(ALICE, principal="bob"), max_streams_per_principal=2),
        TooManyStreamsHere,
    ),
    "principal_max_streams": (
        replace(ALICE, principal_limit=2),
        replace(ALICE, principal="bob", principal_limit=2),
        TooManyStreamsHere,
    ),
    "max_streams_per_client": (
        limited(max_streams_per_client=2),
        limited(replace(ALICE, client="192.0.2.2"), max_streams_per_client=2),
        TooManyStreamsHere,
    ),
}


@pytest.mark.parametrize("name", CAPS)
def test_caps(name: str) -> None:
    """Each is reached exactly and named, bounds nobody else, evicts nobody, and gives room back."""
    claim, other, kind = CAPS[name]
    streams = Streams(100)
    opened = [OpenStream(streams, claim) for _ in range(2)]
    error = refused(streams, claim)
    assert (type(error), error.reason, error.headers) == (kind, name, (("Retry-After", "5"),))
    OpenStream(streams, other)
    assert [stream.reasons for stream in opened] == [[], []]
    streams.ended(opened[0])
    streams.ended(opened[0])
    OpenStream(streams, claim)
    refused(streams, claim)


@pytest.mark.parametrize("name", CAPS)
def test_cap_of_nothing(name: str) -> None:
    """Zero lets none open; it is not the same as no cap."""
    claim = CAPS[name][0]
    if name == "principal_max_streams":
        claim = replace(claim, principal_limit=0)
    else:
        claim = limited(claim, **{name: 0})
    assert refused(Streams(100), claim).reason == name


def test_cap_on_one_route_is_not_that_of_another() -> None:
    """Principals and clients have each route's number for themselves; a principal's own is for all routes."""
    streams = Streams(100)
    here = limited(max_streams=1, max_streams_per_principal=1, max_streams_per_client=1)
    there = replace(here, route="others")
    OpenStream(streams, here)
    OpenStream(streams, there)
    third = replace(here, route="third", principal_limit=2)
    assert refused(streams, third).reason == "principal_max_streams"


def test_without_a_principal_only_the_client_counts() -> None:
    """Where nobody is asked who they are, what bounds principals bounds no one."""
    streams = Streams(100)
    claim = limited(ANYONE, max_streams_per_principal=1, max_streams_per_client=3)
    for _ in range(3):
        OpenStream(streams, claim)
    assert refused(streams, claim).reason == "max_streams_per_client"


def test_reload_that_brings_caps_counts_who_is_there() -> None:
    """Streams of before count towards new limits of their route and principal, and leave as they came."""
    streams = Streams(100)
    before = OpenStream(streams, ALICE)
    for reason, claim in {
        "max_streams": limited(max_streams=1),
        "max_streams_per_principal": limited(max_streams_per_principal=1),
        "principal_max_streams": replace(ALICE, principal_limit=1),
    }.items():
        assert refused(streams, claim).reason == reason
    by_client = limited(max_streams_per_client=1)
    after = OpenStream(streams, by_client)
    streams.ended(before)
    assert refused(streams, by_client).reason == "max_streams_per_client", "the older one did not count"
    streams.ended(after)
    OpenStream(streams, limited(max_streams=1, max_streams_per_client=1))


def test_nothing_is_kept_of_streams_that_ended() -> None:
    """Clients come and go without end; the counts do not grow with them."""
    streams = Streams(100)
    for number in range(50):
        claim = limited(replace(ANYONE, client=str(number)), max_streams_per_client=1)
        OpenStream(streams, claim).end_stream("draining")
    assert streams._counts == {}


def test_no_stream_opens_after_the_last_wave() -> None:
    """It is told before any limit, with the time to come again; those that are open stay."""
    streams = Streams(1)
    stream = OpenStream(streams)
    streams.closed = True
    with pytest.raises(Draining) as refused:
        streams.check_room(ANYONE)
    assert (refused.value.reason, refused.value.headers) == ("draining", (("Retry-After", "1"),))
    assert stream.reasons == []


def test_stream_on_its_way_at_the_last_wave_does_not_open() -> None:
    """There was room as it was asked for, but nobody would end it."""
    streams = Streams(2)
    OpenStream(streams)
    streams.check_room(ANYONE)
    streams.closed = True
    with pytest.raises(Draining):
        OpenStream(streams)
    assert len(streams) == 1


def test_all_that_are_open_may_be_ended() -> None:
    """Each can be ended in its turn, though each changes the count as it goes."""
    streams = Streams(10)
    opened = [OpenStream(streams) for _ in range(5)]
    for stream in streams.all_open():
        stream.end_stream("draining")
    assert [stream.reasons for stream in opened] == [["draining"]] * 5
    assert len(streams) == 0


def test_all_streams_settle() -> None:
    """Each open stream is asked once, those that have ended not at all."""
    streams = Streams(10)
    ended, *opened = [OpenStream(streams) for _ in range(3)]
    streams.ended(ended)
    streams.settle()
    assert [stream.settled for stream in (ended, *opened)] == [0, 1, 1]
