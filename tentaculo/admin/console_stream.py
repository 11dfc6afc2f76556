"""One console's event stream: its news as they come, until it ends for a named reason.

It never waits for a client that takes nothing: news are taken only when the last ones have left.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from tentaculo.admin.console_news import NamedEvent
from tentaculo.telemetry.log_tap import unheard

TICK_SECONDS = 0.2
BEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 2000
SLOW_SECONDS = 10.0


class Telling(Protocol):
    """What has news for one console."""

    async def take(self) -> list[NamedEvent]:
        """Return the events since the last time, each with its name and JSON."""


class ConsoleStream:
    """A stream in answer to one request.

    `end_reason` returns why it is to end, None while it may go on; `closing` is set when all are to end.
    """

    def __init__(
        self, request: web.Request, end_reason: Callable[[], str | None], closing: asyncio.Event
    ) -> None:
        self._request = request
        self._end_reason = end_reason
        self._closing = closing
        self._retry: int | None = RETRY_MILLISECONDS  # said once
        self.response = EventSourceResponse(sep="\n", ping_interval=BEAT_SECONDS, send_timeout=SLOW_SECONDS)
        self.response.headers["Cache-Control"] = "no-store"
        del self.response.headers["Connection"]  # it would say that the connection goes on
        self.response.force_close()

    async def run(self, news: Telling) -> str:
        """Send the news, and return why the stream has ended."""
        try:
            with unheard():
                await self.response.prepare(self._request)
            async with self.response:
                return await self._tell(news)
        except ConnectionError:
            return "client_gone"
        except TimeoutError:
            return "slow_client"

    def abort(self) -> None:
        """Break the stream off, so that nothing more is written on its connection."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _tell(self, news: Telling) -> str:
        clock = asyncio.get_running_loop().time
        taken_at = clock()
        while True:
            transport = self._request.transport
            if transport is None:
                return "client_gone"
            if (reason := self._end_reason()) is not None:
                await self._end(transport, reason)
                return reason
            if not transport.get_write_buffer_size():
                for name, data in await news.take():
                    await self._send(name, data, self._retry)
                    self._retry = None
                taken_at = clock()
            elif clock() - taken_at > SLOW_SECONDS:
                transport.abort()
                return "slow_client"
            await self._pause()

    async def _end(self, transport: asyncio.WriteTransport, reason: str) -> None:
        if transport.get_write_buffer_size():
            transport.abort()  # who has not taken the rest might never
        else:
            await self._send(reason, json.dumps({"reason": reason}), RETRY_MILLISECONDS)

    async def _send(self, name: str, data: str, retry: int | None) -> None:
        with unheard():
            await self.response.send(data, event=name, retry=retry)

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK_SECONDS):
                await self._closing.wait()
