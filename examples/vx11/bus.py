"""What madre asks of a bus: topics that keep messages, and groups that take and acknowledge them.

A group gets every message that a topic keeps, at least once: what one of its consumers took and did not
acknowledge in REDELIVERED_AFTER seconds is given again, to the same consumer at once where it asks for it.
It knows neither HTTP nor where messages are kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard

KEPT_MESSAGES = 10_000
REDELIVERED_AFTER = 30.0
MOST_TOPICS = 256
MOST_GROUPS = 64

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class BusUnavailable(Exception):
    """The bus does not answer; the text names the kind of fault and nothing else."""


class BusFull(Exception):
    """There are as many topics, or groups of a topic, as there may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as a group takes it; `body` is a JSON object, `deliveries` counts this one too."""

    topic: str
    message_id: str
    body: bytes
    correlation_id: str
    deliveries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """How far a group is: `pending` messages are taken and not acknowledged, `lag` not yet taken."""

    group: str
    pending: int
    lag: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """A topic's figures; `trimmed` counts the messages that it let go to keep its bound."""

    topic: str
    messages: int
    trimmed: int
    groups: tuple[GroupState, ...]


class Bus(Protocol):
    """Every step raises BusUnavailable where the bus fails it; what has returned is kept."""

    async def publish(self, topic: str, body: bytes, correlation_id: str) -> str:
        """Keep a message, and return its id; raises BusFull for a topic too many."""

    async def take(
        self, group: str, consumer: str, topics: Sequence[str], limit: int, *, resume: bool = False
    ) -> list[Message]:
        """Return at once what there is for the group, of each topic an equal share of `limit`.

        There are no more topics than `limit`.  Of each, what is given again comes before what is new;
        with `resume` that is also what this consumer took and did not acknowledge, however short ago.
        Raises BusFull for a topic or group too many.
        """

    async def arrival(self, group: str, topics: Sequence[str], seconds: float) -> None:
        """Return when there may be something new for the group, after `seconds` at the latest."""

    async def ack(self, group: str, topic: str, message_ids: Sequence[str]) -> int:
        """Give the messages to nobody of the group again; return how many of them were pending."""

    async def topics(self) -> list[TopicState]:
        """Return the figures of every topic, by name."""

    async def close(self) -> None:
        """Let go of what is open."""


def is_name(given: object) -> TypeGuard[str]:
    """Whether this can be the name of a topic, a group or a consumer."""
    return isinstance(given, str) and _NAME.fullmatch(given) is not None


def share_of(limit: int, topics: Sequence[str]) -> int:
    """Return how many messages one of the topics may give, so that none starves another."""
    return limit // len(topics)
