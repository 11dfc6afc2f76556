"""Steady calls to a stack by clients of two kinds: on a connection each, and on those that are kept.

Every call that is not answered as it should be is told, with what came instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from tests.stack.stack import TOKEN_HEADER

STATUS_PATH = "/operator/api/status"
COMMANDS_PATH = "/operator/api/commands"
EACH = 6
INTERVAL = 0.48  # with six clients of each of four kinds: 50 calls a second


class Callers:
    """Clients that call until they are told to stop; `commands` are the ids of events that are to come."""

    def __init__(self, base_url: str, token: str, run: str) -> None:
        self._base_url = base_url
        self._headers = {TOKEN_HEADER: token}
        self._run = run
        self._senders = 0
        self.commands: list[str] = []
        self.answered = 0
        self.failures: list[str] = []

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """Call for as long as the block, and finish the calls that are under way then."""
        stop = asyncio.Event()
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as clients:
            for kept in (True, False):
                connector = aiohttp.TCPConnector(limit=0, force_close=not kept)
                timeout = aiohttp.ClientTimeout(total=15)
                session = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self._headers)
                await stack.enter_async_context(session)
                for place in range(2 * EACH):
                    name = f"{'kept' if kept else 'new'} {place}"
                    client = self._ask(session, stop) if place % 2 else self._command(session, stop)
                    clients.create_task(client, name=name)
                    await asyncio.sleep(INTERVAL / (4 * EACH))
            try:
                yield
            finally:
                stop.set()

    async def _ask(self, session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._call(session, "GET", STATUS_PATH, 200)
            await _pause(stop)

    async def _command(self, session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        self._senders += 1
        sender, number = self._senders, 0
        while not stop.is_set():
            number += 1
            key = f"{self._run}-{sender}-{number}"
            if await self._call(session, "POST", COMMANDS_PATH, 202, key):
                self.commands.append(key)
            await _pause(stop)

    async def _call(
        self, session: aiohttp.ClientSession, method: str, path: str, good: int, key: str = ""
    ) -> bool:
        began = asyncio.get_running_loop().time()
        told = {"headers": {"Idempotency-Key": key}, "json": {"command": f"call {key}"}} if key else {}
        try:
            async with session.request(method, self._base_url + path, **told) as answer:  # type: ignore[arg-type]
                text = await answer.text()
                outcome = "" if answer.status == good else f"{answer.status} {text[:200]}"
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            outcome = repr(fault)
        self.answered += 1
        if outcome:
            seconds = asyncio.get_running_loop().time() - began
            self.failures.append(f"{began:.2f} {method} {path} after {seconds:.2f} s: {outcome}")
        return not outcome


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(INTERVAL):
            await stop.wait()
    except TimeoutError:
        return
