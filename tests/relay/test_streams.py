"""Open streams are counted up to their bound."""

from __future__ import annotations

import pytest

from tentaculo.errors import TooManyStreams
from tentaculo.relay.streams import Streams


class OpenStream:
    """A stream that forgets itself when it is ended, like an exchange."""

    def __init__(self, streams: Streams) -> None:
        self.reasons: list[str] = []
        self._streams = streams
        streams.opened(self)

    def end_stream(self, reason: str) -> None:
        """End."""
        self.reasons.append(reason)
        self._streams.ended(self)


def test_streams_are_counted_in_and_out() -> None:
    """The length is the number of open streams; ending one twice counts once."""
    streams = Streams(10)
    first, second = OpenStream(streams), OpenStream(streams)
    assert len(streams) == 2
    streams.ended(first)
    streams.ended(first)
    assert len(streams) == 1
    streams.ended(second)
    assert len(streams) == 0


def test_no_stream_opens_past_the_limit() -> None:
    """The limit is reached exactly; the refusal says when to come again, and room made is room had."""
    streams = Streams(2)
    first, _ = OpenStream(streams), OpenStream(streams)
    with pytest.raises(TooManyStreams) as refused:
        streams.check_room()
    assert refused.value.headers == (("Retry-After", "5"),)
    with pytest.raises(TooManyStreams):
        OpenStream(streams)
    assert len(streams) == 2
    first.end_stream("draining")
    streams.check_room()
    OpenStream(streams)
    assert len(streams) == 2


def test_limit_of_nothing_lets_no_stream_open() -> None:
    """With a limit of zero there is never room."""
    with pytest.raises(TooManyStreams):
        Streams(0).check_room()


def test_all_streams_end_for_one_reason() -> None:
    """Each stream is ended once, though each changes the count as it goes."""
    streams = Streams(10)
    opened = [OpenStream(streams) for _ in range(5)]
    streams.end_all("draining")
    assert [stream.reasons for stream in opened] == [["draining"]] * 5
    assert len(streams) == 0
    streams.end_all("draining")
    assert opened[0].reasons == ["draining"]
