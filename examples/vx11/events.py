"""The operator's events: a bounded list for replay, and a bounded queue for each open stream.

It knows neither HTTP nor what the events mean.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

EVENT_ID = re.compile(r"[!-~]{1,128}")
"""What an event's id is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened; `created_at` is RFC 3339 in UTC, `severity` critical, error, warn or info."""

    event_id: str
    event_type: str
    summary: str
    module: str
    severity: str
    correlation_id: str | None
    payload: Mapping[str, object]
    created_at: str

    def to_json(self) -> str:
        """Return the event as one line of JSON."""
        return orjson.dumps(self).decode()


class Subscription:
    """The events that wait for one stream; past `limit` of them it overflows and is fed no more."""

    def __init__(self, replay: Iterable[Event], *, limit: int, on_overflow: Callable[[], None]) -> None:
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue()
        for event in replay:
            self._waiting.put_nowait(event)
        self._limit = limit + self._waiting.qsize()
        self._on_overflow = on_overflow

    def offer(self, event: Event) -> bool:
        """Queue the event, or say that the stream is too slow for it."""
        if self._waiting.qsize() >= self._limit:
            self._on_overflow()
            return False
        self._waiting.put_nowait(event)
        return True

    def close(self) -> None:
        """End the stream after what is already queued."""
        self._waiting.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Event]:
        # No timeout: a stream waits for its next event for as long as its client stays.
        while (event := await self._waiting.get()) is not None:
            yield event


class EventFeed:
    """Numbers events, keeps the last `keep` of them, and hands each to every open stream."""

    def __init__(
        self, *, keep: int = 200, queue: int = 256, wall_clock: Callable[[], float] = time.time
    ) -> None:
        # The epoch sets the ids of this process apart from those of one before it.
        self._epoch = secrets.token_hex(4)
        self._count = 0
        self._kept: deque[Event] = deque(maxlen=keep)
        self._queue = queue
        self._wall_clock = wall_clock
        self._subscriptions: set[Subscription] = set()

    @property
    def event_count(self) -> int:
        """How many events there have been."""
        return self._count

    @property
    def stream_count(self) -> int:
        """How many streams are open."""
        return len(self._subscriptions)

    def publish(
        self,
        event_type: str,
        summary: str,
        payload: Mapping[str, object],
        *,
        module: str = "operator",
        severity: str = "info",
        correlation_id: str | None = None,
        event_id: str | None = None,
    ) -> Event:
        """Make an event of it, keep it and queue it for every open stream.

        Under an `event_id` that is kept already there is nothing new: it returns the event as it was.
        """
        for known in self._kept if event_id else ():
            if known.event_id == event_id:
                return known
        self._count += 1
        event = Event(
            event_id=event_id or f"{self._epoch}-{self._count}",
            event_type=event_type,
            summary=summary,
            module=module,
            severity=severity,
            correlation_id=correlation_id,
            payload=payload,
            created_at=timestamp(self._wall_clock()),
        )
        self._kept.append(event)
        self._subscriptions -= {one for one in self._subscriptions if not one.offer(event)}
        return event

    @contextmanager
    def subscribe(
        self, *, last_event_id: str | None = None, on_overflow: Callable[[], None] = lambda: None
    ) -> Iterator[Subscription]:
        """Yield a stream's events: those kept since `last_event_id` (all if it is unknown), then new ones."""
        replay = () if last_event_id is None else self._after(last_event_id)
        subscription = Subscription(replay, limit=self._queue, on_overflow=on_overflow)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every open stream."""
        for subscription in self._subscriptions:
            subscription.close()

    def _after(self, last_event_id: str) -> list[Event]:
        missed: list[Event] = []
        for event in reversed(self._kept):
            if event.event_id == last_event_id:
                break
            missed.append(event)
        return missed[::-1]


def timestamp(seconds: float) -> str:
    """Return a moment of the wall clock in RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
