"""The stack under load as its clients see it: its gateway's paths, and what each kind of call was answered.

It knows neither when calls are made nor what events mean.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import aiohttp
import orjson

from examples.vx11.admission import CREDENTIAL_HEADER, PARAMETER
from examples.vx11.operator import COMMANDS_PATH, IDEMPOTENCY_HEADER, ISSUE_PATH, STREAM_PATH

MODES = {"gateway": ("/events/sse-token", "/events/stream"), "delegated": (ISSUE_PATH, STREAM_PATH)}
ANSWER_SECONDS = 10.0
SILENT_SECONDS = 40.0
"""A stream beats every 15 s; one that brings nothing for so long is dead."""
FAILED = "failed"

_BLOCK_END = b"\n\n"


class Target:
    """A gateway at `base_url`; the token goes nowhere but into the credential header."""

    def __init__(self, base_url: str, token: str, mode: str) -> None:
        self._base = base_url.rstrip("/")
        self._credential = {CREDENTIAL_HEADER: token}
        self._issue_path, self._stream_path = MODES[mode]
        self._session: aiohttp.ClientSession
        self.calls = Counter[str]()
        self.tokens = Counter[str]()
        self.streams = Counter[str]()

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0)  # as many as there are clients
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def command(self, command: str, key: str) -> bool:
        """Post a command under its key; return whether it was accepted."""
        headers = {IDEMPOTENCY_HEADER: key}
        return await self._post(COMMANDS_PATH, self.calls, 202, headers, {"command": command}) is not None

    async def issue(self) -> str | None:
        """Return a fresh ephemeral token, None where there is none to be had."""
        answer = await self._post(self._issue_path, self.tokens, 200, {}, None)
        try:
            return None if answer is None else str(orjson.loads(answer)["sse_token"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None

    @asynccontextmanager
    async def open(self, token: str, last_event_id: str) -> AsyncIterator[AsyncGenerator[bytes, None] | None]:
        """Open the stream; yield its blocks until it ends or breaks, or None where it does not open."""
        headers = {"Accept": "text/event-stream"} | (
            {"Last-Event-ID": last_event_id} if last_event_id else {}
        )
        timeout = aiohttp.ClientTimeout(total=None, connect=ANSWER_SECONDS, sock_read=SILENT_SECONDS)
        try:
            response = await self._session.get(
                self._base + self._stream_path,
                params={PARAMETER: token},
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.streams[FAILED] += 1
            yield None
            return
        self.streams[str(response.status)] += 1
        try:
            yield _blocks(response.content) if response.status == 200 else None
        finally:
            response.close()

    async def _post(
        self, path: str, answers: Counter[str], good: int, headers: Mapping[str, str], body: object
    ) -> bytes | None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                async with self._session.post(
                    self._base + path,
                    json=body,
                    headers={**self._credential, **headers},
                    allow_redirects=False,
                ) as response:
                    answer = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            answers[FAILED] += 1
            return None
        answers[str(response.status)] += 1
        return answer if response.status == good else None


async def _blocks(content: aiohttp.StreamReader) -> AsyncGenerator[bytes, None]:
    begun = b""
    try:
        async for data in content.iter_any():
            *blocks, begun = (begun + data).split(_BLOCK_END)
            for block in blocks:
                yield block
    except (aiohttp.ClientError, OSError, TimeoutError):
        return  # half of a block is left out, and comes again
