"""Serves the admin application: few connections, an end within bounds, and no echo of what came in.

aiohttp's own answer to a malformed request repeats it, in the reply and in the log.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast

from aiohttp import web

from tentaculo.errors import BadRequest, InternalError
from tentaculo.relay.problem import problem_body
from tentaculo.relay.relay import random_request_id

CONNECTIONS = 64


class AdminConnection(web.RequestHandler):
    """A connection to the admin listener."""

    __slots__ = ("_server",)

    def __init__(self, server: AdminServer, *, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(server, loop=loop, **options)
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the place of the oldest where there are too many."""
        super().connection_made(transport)
        self._server.admit(self, transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Make room."""
        self._server.forget(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a fault; `message` and a malformed request's `exc` would repeat what came in."""
        request_id = random_request_id()
        error = BadRequest() if 400 <= status < 500 else InternalError()
        if isinstance(error, InternalError):
            self.logger.error("admin request failed: %s", request_id, exc_info=exc)
        reply = web.Response(
            status=error.status,
            body=problem_body(error, request_id),
            content_type="application/problem+json",
            headers={"X-Request-Id": request_id},
        )
        reply.force_close()
        return reply


class AdminServer(web.Server):
    """aiohttp's low-level server with a bound on its connections."""

    def __init__(self, server: web.Server) -> None:
        super().__init__(
            server.request_handler,
            request_factory=server.request_factory,
            loop=server._loop,
            **server._kwargs,
        )
        self._open: dict[AdminConnection, asyncio.WriteTransport] = {}

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return AdminConnection(self, loop=self._loop, **self._kwargs)

    def admit(self, connection: AdminConnection, transport: asyncio.BaseTransport) -> None:
        """Take a connection in; of too many the oldest goes, so that probes still come through."""
        self._open[connection] = cast(asyncio.WriteTransport, transport)
        if len(self._open) > CONNECTIONS:
            self._open.pop(next(iter(self._open))).abort()

    def forget(self, connection: AdminConnection) -> None:
        """Count a connection no more."""
        self._open.pop(connection, None)

    def abort(self) -> None:
        """Close what is left, whether or not the clients took all."""
        for transport in tuple(self._open.values()):
            transport.abort()


class AdminRunner(web.AppRunner):
    """Runs the admin application; ends within `patience` seconds whatever its clients do."""

    __slots__ = ("_admin_server", "_patience")

    def __init__(self, app: web.Application, *, patience: float) -> None:
        # A connection waits twice: for its handler, and for that once it was cancelled.
        super().__init__(app, access_log=None, shutdown_timeout=patience / 4, lingering_time=0)
        self._patience = patience
        self._admin_server: AdminServer | None = None

    async def _make_server(self) -> web.Server:
        server = self._admin_server = AdminServer(await super()._make_server())
        return server

    async def cleanup(self) -> None:
        """Stop listening, let what is under way finish, and cut what does not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await super().cleanup()
        if self._admin_server is not None:
            self._admin_server.abort()
