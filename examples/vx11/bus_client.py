"""A service's way to madre: publish, take, acknowledge; each is one try, and `keep_trying` makes it patient.

It knows nothing of what the messages mean.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import orjson

T = TypeVar("T")

_log = logging.getLogger("vx11.bus")


class BusAway(Exception):
    """Madre does not answer, or says that it can't now; the text names the kind of fault."""


class MessageRefused(Exception):
    """Madre does not take the message, and never will; `status` and `code` are those of its problem."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenMessage:
    """A message that was taken; it comes again unless it is acknowledged in 30 s."""

    topic: str
    message_id: str
    body: Mapping[str, Any]
    correlation_id: str
    deliveries: int


class BackOff:
    """Pauses between tries: `first` seconds, then twice as long each time up to `most`, up to half less."""

    def __init__(
        self,
        first: float = 0.1,
        most: float = 1.0,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._first = self._next = first
        self._most = most
        self._sleep = sleep
        self._chance = chance

    async def pause(self) -> None:
        """Wait before the next try."""
        seconds, self._next = self._next, min(self._next * 2, self._most)
        await self._sleep(seconds * (0.5 + 0.5 * self._chance()))

    def reset(self) -> None:
        """Begin with the first pause again."""
        self._next = self._first


class BusClient:
    """Publishes to any topic, and takes as `consumer` of `group`.  Open it with `async with`.

    Nobody else takes under its name, and it does so once at a time: what it got and did not acknowledge comes
    to it again at once after a restart, or after an answer that was lost.
    """

    def __init__(
        self,
        base_url: str,
        group: str,
        consumer: str,
        *,
        wait: float = 10.0,
        timeout: float = 5.0,
        connect_timeout: float = 1.0,
        back_off: Callable[[], BackOff] = BackOff,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._group = group
        self._consumer = consumer
        self._wait = wait
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._back_off = back_off
        self._opened: aiohttp.ClientSession | None = None
        self._resuming = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def publish(self, topic: str, body: Mapping[str, object], correlation_id: str | None = None) -> str:
        """Return the id of the message, which madre now keeps; raises BusAway or MessageRefused.

        After BusAway it may be kept all the same: whoever repeats it tells it apart by its `event_id`.
        """
        headers = {} if correlation_id is None else {"X-Correlation-Id": correlation_id}
        answer = await self._post(f"/madre/topics/{topic}/messages", body, headers=headers)
        return str(answer["message_id"])

    async def take(self, topics: Sequence[str], limit: int = 100) -> list[TakenMessage]:
        """Return the next batch, empty when none came in time; raises BusAway or MessageRefused."""
        asked = {
            "consumer": self._consumer,
            "topics": list(topics),
            "max": limit,
            "wait_ms": int(self._wait * 1000),
            "resume": self._resuming,
        }
        resumed, self._resuming = self._resuming, True  # for as long as nobody knows what madre gave
        answer = await self._post(f"/madre/groups/{self._group}/take", asked, wait=self._wait)
        batch = [TakenMessage(**message) for message in answer["messages"]]
        # More may have been left than one batch holds.
        self._resuming = resumed and bool(batch) and all(message.deliveries > 1 for message in batch)
        return batch

    async def ack(self, messages: Iterable[TakenMessage]) -> int:
        """Acknowledge what was dealt with; return how many were still pending.  Raises BusAway."""
        count = 0
        for topic, same in groupby(sorted(messages, key=_topic_of), key=_topic_of):
            ids = [message.message_id for message in same]
            answer = await self._post(
                f"/madre/groups/{self._group}/ack", {"topic": topic, "message_ids": ids}
            )
            count += int(answer["acknowledged"])
        return count

    async def keep_trying(self, step: Callable[[], Awaitable[T]]) -> T:
        """Return what the step does, repeated with back-off for as long as it raises BusAway."""
        back_off = self._back_off()
        while True:
            try:
                return await step()
            except BusAway as fault:
                _log.warning("madre is away: %s", fault)
                await back_off.pause()

    async def _post(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        headers: Mapping[str, str] | None = None,
        wait: float = 0.0,
    ) -> Any:
        # A new try finds a container that has come back sooner than the kernel's own.
        timeout = aiohttp.ClientTimeout(total=self._timeout + wait, connect=self._connect_timeout)
        sent = {"Content-Type": "application/json", **(headers or {})}
        try:
            async with self._session().post(
                self._base + path, data=orjson.dumps(body), headers=sent, timeout=timeout
            ) as response:
                answer = orjson.loads(await response.read())
        except (aiohttp.ClientError, OSError, orjson.JSONDecodeError) as fault:
            raise BusAway(type(fault).__name__) from None
        if response.status >= 500 or not isinstance(answer, dict):
            raise BusAway(str(response.status))
        if response.status >= 400:
            raise MessageRefused(response.status, str(answer.get("code")))
        return answer

    def _session(self) -> aiohttp.ClientSession:
        # Made late: a session belongs to a loop, and a client is made before there is one.
        if self._opened is None:
            # A container that comes back may have another address.
            self._opened = aiohttp.ClientSession(connector=aiohttp.TCPConnector(use_dns_cache=False))
        return self._opened


def _topic_of(message: TakenMessage) -> str:
    return message.topic
