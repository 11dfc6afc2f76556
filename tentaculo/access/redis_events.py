"""What instances tell each other through Redis: the channel, the messages, and a reader that never gives up.

A message is `revoked <epoch> <microseconds> <principal>` or `superseded <digest> <generation>…`;
anything else on the channel is passed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

from redis.asyncio.client import PubSub

from tentaculo.access.redis_client import RedisClient
from tentaculo.access.redis_scripts import decode_name
from tentaculo.access.store import Lease, Listener, Revoked, Standing, StoreEvent, Superseded

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
# A connection as silent as this is asked whether it is alive, and given up when it is silent once more.
SILENCE = 10.0


def read_message(message: bytes) -> StoreEvent | None:
    """Return the event of a message, None for anything that no store wrote."""
    kind, _, rest = message.partition(b" ")
    try:
        if kind == b"revoked":
            epoch, blocked, principal = rest.split(b" ", 2)
            return Revoked(decode_name(principal), Standing(int(epoch), int(blocked) / 1e6))
        if kind == b"superseded":
            digest, *generations = rest.split()
            raw = bytes.fromhex(digest.decode())
            return Superseded(tuple(Lease(raw, int(generation)) for generation in generations))
    except ValueError:
        pass
    return None


class EventReader:
    """Reads the channel for ever; what was told while Redis was away is lost."""

    def __init__(
        self,
        client: RedisClient,
        channel: str,
        *,
        timeout: float,
        jitter: Callable[[], float] = random.random,  # noqa: S311 - spreads instances, hides nothing
    ) -> None:
        self._client = client
        self._channel = channel
        self._timeout = timeout
        self._jitter = jitter
        self._pause = FIRST_PAUSE
        self._task: asyncio.Task[None] | None = None

    def start(self, listener: Listener) -> None:
        """Begin to read; never waits."""
        self._task = asyncio.create_task(self._run(listener), name="token store events")

    async def stop(self) -> None:
        """End the reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self, listener: Listener) -> None:
        while True:
            with contextlib.suppress(Exception):  # whatever it was, reading begins anew
                await self._read(listener)
            await asyncio.sleep(self._pause * (0.5 + self._jitter() / 2))
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def _read(self, listener: Listener) -> None:
        async with asyncio.timeout(self._timeout):
            subscription = await self._client.subscription()
        try:
            async with asyncio.timeout(self._timeout):
                await subscription.subscribe(self._channel)
            await self._follow(subscription, listener)
        finally:
            closing: Awaitable[None] = subscription.aclose()  # type: ignore[no-untyped-call]
            await closing

    async def _follow(self, subscription: PubSub, listener: Listener) -> None:
        asked = False
        while True:
            message = await subscription.get_message(timeout=SILENCE)
            if message is None:
                if asked:
                    raise TimeoutError
                asked = True
                async with asyncio.timeout(self._timeout):
                    await subscription.ping()
                continue
            asked = False
            self._pause = FIRST_PAUSE
            event = read_message(message["data"]) if message["type"] == "message" else None
            if event is not None:
                # Not called from here: what a listener raises must not end the reading.
                asyncio.get_running_loop().call_soon(listener, event)
