"""Applications of others on `uvicorn`, unmodified, in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from tests.fakes.gates import soon


class _Uvicorn(uvicorn.Server):
    """Leaves the process's signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Hosted:
    """One application on a free port of the loopback address; its lifespan is run too."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(app, ws="none", loop="none", log_config=None, proxy_headers=False)
        self._server = _Uvicorn(config)

    async def start(self) -> None:
        """Listen."""
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(listening.getsockname()[1])
        self._running = asyncio.create_task(self._server.serve(sockets=[listening]))

    def drop(self) -> None:
        """Cut every connection in the middle of whatever it carries."""
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()

    async def stop(self) -> None:
        """End, whatever is still open."""
        self._server.should_exit = self._server.force_exit = True
        self.drop()
        await soon(self._running)
