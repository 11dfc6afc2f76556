"""hermes' stream for one client after another: ids passed through, and its outages bridged.

A stream that was opened stays open while hermes is away, and goes on after the last event that was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, closing

import aiohttp

from examples.vx11.bus_client import BackOff
from examples.vx11.problems import Refused

STREAM_PATH = "/hermes/events/stream"
SILENT_SECONDS = 40.0
"""hermes beats every 15 s; a connection that brings nothing for so long is dead."""
ANSWER_SECONDS = 5.0

Connect = Callable[[str | None], Awaitable[aiohttp.ClientResponse]]

_BLOCK_END = b"\n\n"


class _HermesAway(Exception):
    """hermes does not answer."""


class HermesRelay:
    """Opens hermes' stream once for each client."""

    def __init__(
        self,
        base_url: str,
        *,
        silent_seconds: float = SILENT_SECONDS,
        back_off: Callable[[], BackOff] = BackOff,
    ) -> None:
        self._url = base_url.rstrip("/") + STREAM_PATH
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=2, sock_read=silent_seconds)
        self._back_off = back_off
        self._streams: set[_RelayedStream] = set()
        self._opened: aiohttp.ClientSession | None = None

    @property
    def stream_count(self) -> int:
        """How many clients have one open, or are opening one."""
        return len(self._streams)

    @asynccontextmanager
    async def open(
        self, last_event_id: str | None, correlation_id: str, *, retry_ms: int
    ) -> AsyncIterator[AsyncGenerator[bytes, None]]:
        """Yield a stream's pieces, whole blocks each; raises Refused where hermes is away."""
        # hermes knows no id with other characters, and a header can't hold every one.
        last_id = None if last_event_id is None else last_event_id.encode("ascii", "replace").decode()
        with closing(_RelayedStream(self._connector(correlation_id), self._back_off())) as stream:
            self._streams.add(stream)
            try:
                try:
                    await stream.start(last_id)
                except _HermesAway:
                    raise Refused(
                        503, "events_unavailable", "hermes does not answer", retry_after=1
                    ) from None
                yield stream.pieces(retry_ms)
            finally:
                self._streams.discard(stream)

    def end_streams(self) -> None:
        """End every stream after a whole event, and those that are being opened."""
        for stream in self._streams:
            stream.close()

    async def close(self) -> None:
        """Close every connection."""
        self.end_streams()
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    def _connector(self, correlation_id: str) -> Connect:
        async def connect(last_event_id: str | None) -> aiohttp.ClientResponse:
            headers = {"X-Correlation-Id": correlation_id, "Accept": "text/event-stream"}
            if last_event_id is not None:
                headers["Last-Event-ID"] = last_event_id
            return await self._session().get(
                self._url, headers=headers, timeout=self._timeout, allow_redirects=False
            )

        return connect

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            connector = aiohttp.TCPConnector(limit=0, use_dns_cache=False)  # as many as there are clients
            self._opened = aiohttp.ClientSession(connector=connector)
        return self._opened


class _RelayedStream:
    """One client's stream, over as many connections to hermes as it takes."""

    def __init__(self, connect: Connect, back_off: BackOff) -> None:
        self._connect = connect
        self._back_off = back_off
        self._response: aiohttp.ClientResponse | None = None
        self._last_id: str | None = None
        self._closing = asyncio.Event()
        self._starting: asyncio.Timeout | None = None

    async def start(self, last_event_id: str | None) -> None:
        """Connect, and learn where the stream begins; raises _HermesAway, on `close` too."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS) as self._starting:
                self._response = await self._connect(last_event_id)
                first = await self._response.content.readuntil(_BLOCK_END)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            self._drop()
            raise _HermesAway from None
        finally:
            self._starting = None
        if self._response.status != 200 or not first.endswith(_BLOCK_END):
            self._drop()
            raise _HermesAway
        self._last_id = _id_of(first) or self._last_id

    async def pieces(self, retry_ms: int) -> AsyncGenerator[bytes, None]:
        """Yield the head, then every event once, until `close`."""
        place = "" if self._last_id is None else f"id: {self._last_id}\n"
        yield f"retry: {retry_ms}\n{place}\n".encode()
        while not self._closing.is_set():
            async with aclosing(self._blocks()) as blocks:
                async for block in blocks:
                    self._back_off.reset()
                    yield block
            self._drop()
            await self._restart()

    def close(self) -> None:
        """Make the stream end."""
        self._closing.set()
        if self._starting is not None and not self._starting.expired():
            self._starting.reschedule(0.0)
        self._drop()

    async def _blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield whole events until the connection breaks; half of one is left out, and comes again."""
        try:
            while self._response is not None:
                block = await self._response.content.readuntil(_BLOCK_END)
                if not block.endswith(_BLOCK_END):
                    return
                self._last_id = _id_of(block) or self._last_id
                if b"\ndata:" in block or block.startswith(b"data:"):
                    yield block
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return

    async def _restart(self) -> None:
        await self._pause()
        while not self._closing.is_set():
            try:
                return await self.start(self._last_id)
            except _HermesAway:
                await self._pause()
        return None

    async def _pause(self) -> None:
        ways = [asyncio.ensure_future(self._back_off.pause()), asyncio.ensure_future(self._closing.wait())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)

    def _drop(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None


def _id_of(block: bytes) -> str | None:
    for line in block.split(b"\n"):
        if line.startswith(b"id: "):
            return line[4:].decode()
    return None
