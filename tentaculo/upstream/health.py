"""Asks each server of an upstream from time to time whether it is well.

It knows how to ask; what follows from the answers is the server's own affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tentaculo.config.upstream_settings import HealthCheckSettings
from tentaculo.errors import GatewayError
from tentaculo.upstream.connection import Ask
from tentaculo.upstream.deadlines import NEVER
from tentaculo.upstream.reply import ReplyHead
from tentaculo.upstream.server import UpstreamServer, host_of

JITTER = 0.1  # of the interval, more or less

Pause = Callable[[float], Awaitable[None]]


class HealthChecks:
    """Checks servers on connections of their own, each in its own time; `pause` waits for seconds."""

    def __init__(
        self,
        settings: HealthCheckSettings,
        servers: Sequence[UpstreamServer],
        random: Callable[[], float],
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._servers = servers
        self._random = random
        self._pause = pause
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        loop = asyncio.get_running_loop()
        self._running = loop.create_task(self._run(), name="health checks")

    async def aclose(self) -> None:
        """End, in the middle of a check too."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait({running})

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for server in self._servers:
                group.create_task(self._watch(server), name=f"health of {server.name}")

    async def _watch(self, server: UpstreamServer) -> None:
        """Check one server for ever; the first time soon, and not in step with the others."""
        interval = self._settings.interval
        await self._pause(self._random() * min(interval, 1.0))
        while True:
            try:
                await self.check(server)
            except Exception as fault:  # whatever it is, the next check has its turn
                _report(fault)
            await self._pause(interval * (1 - JITTER + 2 * JITTER * self._random()))

    async def check(self, server: UpstreamServer) -> None:
        """Ask a server once, and have it take the answer in."""
        reason = await self._fault_of(server)
        if reason is None:
            server.check_passed(self._settings.up_after)
        else:
            server.check_failed(self._settings.down_after, reason)

    async def _fault_of(self, server: UpstreamServer) -> str | None:
        """Return in one word what is wrong with a server, None where it is well."""
        timeout = self._settings.timeout
        try:
            async with asyncio.timeout(timeout):
                status = await self._status_of(server, timeout)
        except TimeoutError:
            return "timeout"
        except GatewayError as error:
            return error.reason
        return None if 200 <= status < 400 else f"status_{status}"

    async def _status_of(self, server: UpstreamServer, timeout: float) -> int:
        connection = await server.pool.connect_apart(timeout)
        sink = _StatusSink()
        try:
            connection.ask(Ask(sink, False, NEVER, NEVER), self._request(server), whole=True)
            return await sink.status
        finally:
            connection.abort()

    def _request(self, server: UpstreamServer) -> bytes:
        lines = (
            f"GET {self._settings.path} HTTP/1.1",
            f"Host: {host_of(server.settings)}",
            "User-Agent: tentaculo",
            "Accept: */*",
            "Connection: close",
        )
        return "\r\n".join((*lines, "", "")).encode()


class _StatusSink:
    """Takes a reply for its status alone."""

    def __init__(self) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def interim_received(self, head: ReplyHead) -> None:
        """Take a 1xx head, which means nothing here."""

    def reply_received(self, head: ReplyHead | None, body: bytes, framed: bytes, *, ended: bool) -> None:
        """Take what one read brought."""
        if head is not None and not self.status.done():
            self.status.set_result(head.status)

    def reply_failed(self, error: GatewayError) -> None:
        """Take a failure."""
        if not self.status.done():
            self.status.set_exception(error)


def _report(fault: Exception) -> None:
    context = {"message": "a health check could not be made", "exception": fault}
    asyncio.get_running_loop().call_exception_handler(context)
