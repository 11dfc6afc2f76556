"""One script, one round trip, one time limit; every fault of the driver becomes one error of ours.

It knows nothing of tokens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import NoScriptError

from tentaculo.access.redis_breaker import Breaker
from tentaculo.access.redis_client import RedisClient
from tentaculo.access.redis_scripts import Script
from tentaculo.access.store import TokenStoreUnavailable

Argument = bytes | str | int

# More would only wait in Redis, which runs one script at a time. Those few that are not asked for by clients
# have places of their own, or a flood of tokens would keep a revocation waiting.
AT_ONCE = 32
OWN_AT_ONCE = 4


class RedisCalls:
    """Runs scripts; each within `timeout` seconds, queueing here included."""

    def __init__(
        self, client: RedisClient, *, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._timeout = timeout
        self._breaker = Breaker(clock)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._own_room = asyncio.Semaphore(OWN_AT_ONCE)
        self._closed = False

    async def run(
        self, script: Script, keys: Sequence[Argument], arguments: Sequence[Argument], *, own: bool = False
    ) -> Any:
        """Return what a script answers; `own` is what no client asked for.

        Raises TokenStoreUnavailable, whose text names the kind of fault: the driver's own texts hold
        addresses, and some hold the command.
        """
        if self._closed:
            raise TokenStoreUnavailable("closed")
        room = self._own_room if own else self._room
        deadline = asyncio.get_running_loop().time() + self._timeout
        await _enter(room, deadline)
        try:
            with self._breaker.attempt():
                try:
                    async with asyncio.timeout_at(deadline):
                        return await self._evaluate(script, (len(keys), *keys, *arguments))
                except Exception as fault:
                    raise TokenStoreUnavailable(type(fault).__name__) from None
        finally:
            room.release()

    async def close(self) -> None:
        """Refuse what comes from now on, and close the client."""
        self._closed = True
        await self._client.close()

    async def _evaluate(self, script: Script, rest: tuple[Argument, ...]) -> Any:
        try:
            return await self._client.execute("EVALSHA", script.sha, *rest)
        except NoScriptError:  # a new server, or one that was told to forget
            return await self._client.execute("EVAL", script.text, *rest)


async def _enter(room: asyncio.Semaphore, deadline: float) -> None:
    """Take a place; that there is none in time is no fault of Redis'."""
    try:
        async with asyncio.timeout_at(deadline):
            await room.acquire()
    except TimeoutError:
        raise TokenStoreUnavailable("queue") from None
