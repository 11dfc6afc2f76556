"""What the gateway says on a stream, as a browser reads it."""

from __future__ import annotations

import pytest

from tentaculo.relay.last_words import BEAT, NOT_YET, RESYNC, last_event, retry_line
from tests.wire.streams import Event, read


def test_heartbeat() -> None:
    """It is a comment of its own, and no event."""
    assert BEAT == b": heartbeat\n\n"
    assert read(BEAT * 2).events == []
    assert read(BEAT).is_between


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(3.0, 3000), (0.001, 1), (0.0024, 2), (1.9996, 2000), (3600.0, 3_600_000)]
)
def test_retry(seconds: float, milliseconds: int) -> None:
    """A time is told in whole milliseconds."""
    assert retry_line(seconds) == b"retry: %d\n" % milliseconds
    assert read(retry_line(seconds) + b"\n").retry == milliseconds


def test_last_event() -> None:
    """It is one event with a type and JSON, which names the reason, and says when to come again."""
    words = last_event("revoked", 4.5)
    assert words == b'retry: 4500\nevent: revoked\ndata: {"reason": "revoked"}\n\n'
    reading = read(words)
    assert reading.events == [Event("revoked", '{"reason": "revoked"}', "")]
    assert (reading.retry, reading.is_between) == (4500, True)


def test_resync() -> None:
    """It is an event with a type of its own, and leaves the last id as it was."""
    reading = read(b"id: 7\ndata: a\n\n" + RESYNC)
    assert reading.events[1:] == [Event("resync", '{"reason": "events_lost"}', "7")]
    assert reading.is_between


def test_not_yet() -> None:
    """It makes EventSource come again, and is no event."""
    assert NOT_YET.startswith(b"retry: 3000\n: ")
    assert NOT_YET.endswith(b"\n\n")
    assert (read(NOT_YET).events, read(NOT_YET).retry) == ([], 3000)
