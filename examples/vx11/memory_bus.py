"""The bus in memory: for services that share one process, and lost with it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from examples.vx11.bus import (
    KEPT_MESSAGES,
    MOST_GROUPS,
    MOST_TOPICS,
    REDELIVERED_AFTER,
    BusFull,
    GroupState,
    Message,
    TopicState,
    share_of,
)


@dataclass(frozen=True, slots=True)
class _Delivery:
    at: float
    consumer: str
    count: int = 1


@dataclass(slots=True)
class _Group:
    next: int
    pending: dict[int, _Delivery] = field(default_factory=dict)


class _Topic:
    """Messages numbered from 0, of which the first `trimmed` are gone."""

    def __init__(self, keep: int) -> None:
        self.kept: deque[tuple[bytes, str]] = deque()
        self.trimmed = 0
        self.groups: dict[str, _Group] = {}
        self.waiting: set[asyncio.Event] = set()
        self._keep = keep

    @property
    def end(self) -> int:
        return self.trimmed + len(self.kept)

    def append(self, body: bytes, correlation_id: str) -> int:
        self.kept.append((body, correlation_id))
        if len(self.kept) > self._keep:
            self.kept.popleft()
            for group in self.groups.values():
                group.pending.pop(self.trimmed, None)
            self.trimmed += 1
        for waiting in self.waiting:
            waiting.set()
        return self.end - 1

    def group(self, name: str) -> _Group:
        if name not in self.groups:
            if len(self.groups) >= MOST_GROUPS:
                raise BusFull
            self.groups[name] = _Group(next=self.trimmed)
        return self.groups[name]

    def take(
        self, group: _Group, share: int, delivery: _Delivery, is_due: Callable[[_Delivery], bool]
    ) -> Iterator[tuple[int, int]]:
        """Yield numbers and deliveries: of what is due again first, then of what is new."""
        due = sorted(number for number, before in group.pending.items() if is_due(before))[:share]
        for number in due:
            count = group.pending[number].count + 1
            group.pending[number] = replace(delivery, count=count)
            yield number, count
        group.next = max(group.next, self.trimmed)
        for number in range(group.next, min(self.end, group.next + share - len(due))):
            group.pending[number] = delivery
            group.next = number + 1
            yield number, 1

    def has_new(self, name: str) -> bool:
        group = self.groups.get(name)
        return self.end > (self.trimmed if group is None else group.next)

    def state(self, topic: str) -> TopicState:
        groups = tuple(
            GroupState(
                group=name,
                pending=len(group.pending),
                lag=self.end - max(group.next, self.trimmed),
            )
            for name, group in sorted(self.groups.items())
        )
        return TopicState(topic=topic, messages=len(self.kept), trimmed=self.trimmed, groups=groups)


class MemoryBus:
    """Keeps the last `keep` messages of each topic."""

    def __init__(
        self,
        *,
        keep: int = KEPT_MESSAGES,
        redelivered_after: float = REDELIVERED_AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # The epoch sets the ids of this process apart from those of one before it.
        self._epoch = secrets.token_hex(4)
        self._keep = keep
        self._redelivered_after = redelivered_after
        self._clock = clock
        self._topics: dict[str, _Topic] = {}

    @property
    def waiting_count(self) -> int:
        """How often a topic is waited for."""
        return sum(len(topic.waiting) for topic in self._topics.values())

    async def publish(self, topic: str, body: bytes, correlation_id: str) -> str:
        """Keep a message, and return its id."""
        return f"{self._epoch}-{self._topic(topic).append(body, correlation_id)}"

    async def take(
        self, group: str, consumer: str, topics: Sequence[str], limit: int, *, resume: bool = False
    ) -> list[Message]:
        """Return at once what there is for the group."""
        delivery = _Delivery(self._clock(), consumer)
        overdue, share = delivery.at - self._redelivered_after, share_of(limit, topics)

        def is_due(before: _Delivery) -> bool:
            return before.at <= overdue or (resume and before.consumer == consumer)

        found = [(name, topic := self._topic(name), topic.group(group)) for name in topics]
        return [
            self._message(name, topic, number, count)
            for name, topic, taking in found
            for number, count in topic.take(taking, share, delivery, is_due)
        ]

    async def arrival(self, group: str, topics: Sequence[str], seconds: float) -> None:
        """Return when there is something new for the group, after `seconds` at the latest."""
        waited_for = [self._topic(name) for name in topics]
        if any(topic.has_new(group) for topic in waited_for):
            return
        woken = asyncio.Event()
        for topic in waited_for:
            topic.waiting.add(woken)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await woken.wait()
        finally:
            for topic in waited_for:
                topic.waiting.discard(woken)

    async def ack(self, group: str, topic: str, message_ids: Sequence[str]) -> int:
        """Forget that the messages are pending."""
        known = self._topics.get(topic)
        taking = None if known is None else known.groups.get(group)
        if taking is None:
            return 0
        numbers = map(self._number, message_ids)
        return sum(number is not None and taking.pending.pop(number, None) is not None for number in numbers)

    async def topics(self) -> list[TopicState]:
        """Return the figures of every topic, by name."""
        return [topic.state(name) for name, topic in sorted(self._topics.items())]

    async def close(self) -> None:
        """Nothing is open."""

    def _topic(self, name: str) -> _Topic:
        if name not in self._topics:
            if len(self._topics) >= MOST_TOPICS:
                raise BusFull
            self._topics[name] = _Topic(self._keep)
        return self._topics[name]

    def _message(self, name: str, topic: _Topic, number: int, deliveries: int) -> Message:
        body, correlation_id = topic.kept[number - topic.trimmed]
        return Message(
            topic=name,
            message_id=f"{self._epoch}-{number}",
            body=body,
            correlation_id=correlation_id,
            deliveries=deliveries,
        )

    def _number(self, message_id: str) -> int | None:
        epoch, _, number = message_id.partition("-")
        return int(number) if epoch == self._epoch and number.isdecimal() else None
