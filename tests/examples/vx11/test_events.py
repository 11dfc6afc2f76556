"""The operator's events: numbering, replay, and a bounded queue for each stream."""

from __future__ import annotations

import json

import pytest

from examples.vx11.events import Event, EventFeed, Subscription
from tests.fakes.clock import Clock


def _publish(feed: EventFeed, *summaries: str) -> list[Event]:
    return [feed.publish("test", summary, {}) for summary in summaries]


async def _summaries(subscription: Subscription) -> list[str]:
    subscription.close()
    return [event.summary async for event in subscription]


def test_an_event_has_the_eight_fields() -> None:
    """Its JSON is one line with the fields that every event of the system has."""
    feed = EventFeed(wall_clock=Clock(1_700_000_000.25))
    event = feed.publish("test", "two\nlines", {"n": 1, "ñ": None}, severity="warn", correlation_id="c-1")
    assert "\n" not in event.to_json()
    assert json.loads(event.to_json()) == {
        "event_id": event.event_id,
        "event_type": "test",
        "summary": "two\nlines",
        "module": "operator",
        "severity": "warn",
        "correlation_id": "c-1",
        "payload": {"n": 1, "ñ": None},
        "created_at": "2023-11-14T22:13:20.250Z",
    }


def test_ids_count_up_and_differ_between_feeds() -> None:
    """Ids of one feed share an epoch, and another feed has another."""
    feed = EventFeed()
    ids = [event.event_id.split("-") for event in _publish(feed, "a", "b")]
    assert [number for _, number in ids] == ["1", "2"]
    assert ids[0][0] == ids[1][0] != _publish(EventFeed(), "a")[0].event_id.split("-")[0]
    assert feed.event_count == 2


async def test_an_event_may_have_the_id_of_its_maker() -> None:
    """Under it there is one event for as long as it is kept; numbering goes on as ever."""
    feed = EventFeed(keep=2)
    with feed.subscribe() as subscription:
        first = feed.publish("test", "a", {}, event_id="mine")
        assert first.event_id == "mine"
        assert feed.publish("test", "b", {}, event_id="mine") is first
        assert feed.publish("test", "c", {}).event_id.endswith("-2")
        _publish(feed, "d")
        assert feed.publish("test", "e", {}, event_id="mine").summary == "e"
        assert await _summaries(subscription) == ["a", "c", "d", "e"]
    assert feed.event_count == 4


async def test_every_stream_gets_every_new_event_in_order() -> None:
    """A stream without a last id begins with what comes next."""
    feed = EventFeed()
    _publish(feed, "before")
    with feed.subscribe() as one, feed.subscribe() as other:
        _publish(feed, "a", "b")
        assert await _summaries(one) == ["a", "b"]
        assert await _summaries(other) == ["a", "b"]


@pytest.mark.parametrize(
    ("last", "replayed"),
    [
        pytest.param(3, [], id="the-newest"),
        pytest.param(2, ["d"], id="the-one-before"),
        pytest.param(1, ["c", "d"], id="the-oldest-kept"),
        pytest.param(0, ["b", "c", "d"], id="no-longer-kept"),
        pytest.param(None, ["b", "c", "d"], id="unknown"),
    ],
)
async def test_a_stream_resumes_after_its_last_event(last: int | None, replayed: list[str]) -> None:
    """What was kept after the last id comes first, and all that was kept when the id is unknown."""
    feed = EventFeed(keep=3)
    events = _publish(feed, "a", "b", "c", "d")
    last_event_id = "another-1" if last is None else events[last].event_id
    with feed.subscribe(last_event_id=last_event_id) as resumed:
        _publish(feed, "new")
        assert await _summaries(resumed) == [*replayed, "new"]


async def test_a_slow_stream_overflows_alone_and_only_once() -> None:
    """Past its queue a stream is told once and fed no more, and the others go on."""
    feed = EventFeed(queue=2)
    overflows: list[str] = []
    with (
        feed.subscribe(on_overflow=lambda: overflows.append("slow")) as slow,
        feed.subscribe(on_overflow=lambda: overflows.append("fast")) as fast,
    ):
        received = []
        reading = aiter(fast)
        for event in ("a", "b", "c", "d"):
            _publish(feed, event)
            received.append((await anext(reading)).summary)
        assert overflows == ["slow"]
        assert feed.stream_count == 1
        assert received == ["a", "b", "c", "d"]
        assert await _summaries(slow) == ["a", "b"]


def test_a_replay_does_not_count_against_the_queue() -> None:
    """A stream that resumes with more events than its queue holds is not slow yet."""
    feed = EventFeed(keep=10, queue=1)
    _publish(feed, *"abcdef")
    with feed.subscribe(last_event_id="unknown"):
        _publish(feed, "g")
        assert feed.stream_count == 1
        _publish(feed, "h")
        assert feed.stream_count == 0


async def test_closing_the_feed_ends_streams_after_what_is_queued() -> None:
    """Every open stream ends, and none loses what came before the end."""
    feed = EventFeed()
    with feed.subscribe() as subscription:
        _publish(feed, "last")
        feed.close()
        assert [event.summary async for event in subscription] == ["last"]
    assert feed.stream_count == 0
