"""Clients of the stack's event streams: they ask for ephemeral tokens, and open streams with what they have.

Each has a User-Agent of its own, for an ephemeral token is bound to one client.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.client import _RequestContextManager

from tests.fakes.gates import soon
from tests.stack.background import going_on
from tests.stack.stack import TOKEN_HEADER, Stack

# Where tokens are issued, and the stream that they open: by the gateway, and by the operator.
GATEWAY = ("/events/sse-token", "/events/stream")
DELEGATED = ("/operator/api/events/sse-token", "/operator/api/events/stream")


class TokenUser:
    """Somebody with a principal token."""

    def __init__(self, stack: Stack, token: str, *, way: tuple[str, str] = GATEWAY) -> None:
        self._base = stack.base_url
        self._credential = {TOKEN_HEADER: token}
        self._issue_path, self._stream_path = way
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            self._base,
            headers={"User-Agent": f"user {uuid.uuid4()}"},
            cookie_jar=aiohttp.DummyCookieJar(),  # nor a binding cookie
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def status(self) -> int:
        """Make an ordinary call with the principal token, and return what it is answered."""
        async with self._session.get("/operator/api/status", headers=self._credential) as answer:
            return answer.status

    async def issue(self) -> tuple[int, str]:
        """Ask for an ephemeral token, and return the status and the token."""
        async with self._session.post(self._issue_path, headers=self._credential) as answer:
            told = await answer.json(content_type=None)
            return answer.status, told.get("sse_token", "")

    async def token(self) -> str:
        """Return a new ephemeral token; a store that is slow is asked again."""
        while True:
            status, token = await self.issue()
            if status != 503:
                assert status == 200
                return token

    async def asks(self) -> int:
        """Ask for an ephemeral token, leave it, and return the status."""
        return (await self.issue())[0]

    async def opens(self, token: str | None = None) -> int:
        """Open a stream with an ephemeral token, or the principal's, leave it, and return the status."""
        async with self._open(token) as answer:
            return answer.status

    async def reconnects(self) -> int:
        """Open a stream twice with a new token, and return the second status, or that of a refusal before."""
        status, token = await self.issue()
        if status != 200:
            return status
        await self.opens(token)
        return await self.opens(token)

    async def holds(self, opened: asyncio.Event, token: str | None = None) -> None:
        """Open a stream, set the event, and read until it ends, in good order or not."""
        async with self._open(token) as answer:
            assert answer.status == 200
            opened.set()
            with suppress(aiohttp.ClientPayloadError):
                async for _ in answer.content.iter_any():
                    pass

    def _open(self, token: str | None) -> _RequestContextManager:
        if token is None:
            return self._session.get(self._stream_path, headers=self._credential)
        return self._session.get(self._stream_path, params={"token": token})


class Answers:
    """With which statuses something was answered; 0 is no answer."""

    def __init__(self) -> None:
        self._came: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

    @property
    def statuses(self) -> set[int]:
        """Those that came so far."""
        return {status for status, came in self._came.items() if came.is_set()}

    def note(self, status: int) -> None:
        """Take note of an answer."""
        self._came[status].set()

    async def show(self, status: int) -> None:
        """Wait until there is one of a status."""
        await soon(self._came[status].wait(), 20)


@asynccontextmanager
async def repeated(
    action: Callable[[], Awaitable[int]], *, every: float, at_once: int = 1
) -> AsyncIterator[Answers]:
    """Do something every so many seconds for as long as the block."""
    answers = Answers()

    async def repeat() -> None:
        while True:
            try:
                answers.note(await action())
            except aiohttp.ClientError:
                answers.note(0)
            await asyncio.sleep(every)

    async with going_on(repeat() for _ in range(at_once)):
        yield answers


async def is_answered(status: int, action: Callable[[], Awaitable[int]]) -> None:
    """Wait until something is answered with a status, for the store of a busy machine is slow at times."""
    async with repeated(action, every=0.1) as answers:
        await answers.show(status)
