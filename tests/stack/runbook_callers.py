"""Clients of a stack that call again and again for as long as a block lasts, whatever they are answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp

from tests.fakes.redis_server import becomes
from tests.stack.background import going_on
from tests.stack.stack import TOKEN_HEADER, Stack

ISSUE_PATH = "/events/sse-token"
STREAM_PATH = "/events/stream"

Call = Callable[["Caller"], Awaitable[int]]


class Caller:
    """Holds the principal token and a session; each call returns the status it was answered with."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession) -> None:
        self._base = stack.base_url
        self._token = stack.token
        self._session = session
        self.answers = Counter[int]()

    async def status(self) -> int:
        """Make a call with the principal token."""
        return (await self._answer("GET", "/operator/api/status"))[0]

    async def command(self) -> int:
        """Post a command."""
        return (await self._answer("POST", "/operator/api/commands", json={"command": "hello"}))[0]

    async def issue(self) -> int:
        """Ask for a token, and leave it."""
        return (await self._answer("POST", ISSUE_PATH))[0]

    async def stream(self) -> int:
        """Ask for a token, open a stream with it, and leave."""
        status, answer = await self._answer("POST", ISSUE_PATH)
        return status if status != 200 else await self._open(answer["sse_token"])

    async def old_stream(self) -> int:
        """Open a stream as old clients do, with the principal token in the URL, and leave."""
        return await self._open(self._token)

    async def comes_to(self, status: int, call: Call, seconds: float = 20) -> None:
        """Call until it is answered so: on a busy machine the store misses its time limit now and then."""

        async def is_answered() -> bool:
            return await _answer_of(self, call) == status

        await becomes(is_answered, seconds)

    async def _open(self, token: str) -> int:
        async with self._session.get(self._base + STREAM_PATH, params={"token": token}) as answer:
            return answer.status

    async def _answer(self, method: str, path: str, json: object = None) -> tuple[int, dict[str, str]]:
        headers = {TOKEN_HEADER: self._token}
        async with self._session.request(method, self._base + path, headers=headers, json=json) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def calling(stack: Stack, *calls: Call, every: float = 0.05, at_once: int = 1) -> AsyncIterator[Caller]:
    """Let `at_once` clients make each of the calls every so many seconds; an answer of 0 is none."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        caller = Caller(stack, session)
        async with going_on(_again(caller, call, every) for call in calls * at_once):
            yield caller


async def _again(caller: Caller, call: Call, every: float) -> None:
    while True:
        caller.answers[await _answer_of(caller, call)] += 1
        await asyncio.sleep(every)


async def _answer_of(caller: Caller, call: Call) -> int:
    try:
        return await call(caller)
    except (aiohttp.ClientError, TimeoutError):
        return 0
