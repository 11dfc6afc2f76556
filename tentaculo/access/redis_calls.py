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

# More would only wait in Redis, which runs one script at a time.
AT_ONCE = 32


class RedisCalls:
    """Runs scripts; each within `timeout` seconds, queueing here included."""

    def __init__(
        self, client: RedisClient, *, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._timeout = timeout
        self._breaker = Breaker(clock)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._closed = False

    async def run(self, script: Script, keys: Sequence[Argument], arguments: Sequence[Argument]) -> Any:
        """Return what a script answers.

        Raises TokenStoreUnavailable, whose text names the kind of fault: the driver's own texts hold
        addresses, and some hold the command.
        """
        if self._closed:
            raise TokenStoreUnavailable("closed")
        with self._breaker.attempt():
            try:
                async with asyncio.timeout(self._timeout), self._room:
                    return await self._evaluate(script, (len(keys), *keys, *arguments))
            except Exception as fault:
                raise TokenStoreUnavailable(type(fault).__name__) from None

    async def close(self) -> None:
        """Refuse what comes from now on, and close the client."""
        self._closed = True
        await self._client.close()

    async def _evaluate(self, script: Script, rest: tuple[Argument, ...]) -> Any:
        try:
            return await self._client.execute("EVALSHA", script.sha, *rest)
        except NoScriptError:  # a new server, or one that was told to forget
            return await self._client.execute("EVAL", script.text, *rest)
