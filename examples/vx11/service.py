"""A service's listener and life: start, stop, and the signals that end it."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web


class Service:
    """An aiohttp application on one address; port 0 lets the system choose."""

    def __init__(self, app: web.Application, host: str, port: int) -> None:
        # Both of aiohttp's logs show request targets, and so would show tokens.
        silent = logging.getLogger("vx11.silent")
        silent.disabled = True
        self._runner = web.AppRunner(
            app, access_log=None, logger=silent, handler_cancellation=True, shutdown_timeout=5.0
        )
        self._host = host
        self._port = port

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._runner.addresses[0][:2]
        return host, port

    async def start(self) -> None:
        """Listen; raise OSError when the address can't be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """End open streams, let calls finish, close."""
        await self._runner.cleanup()


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """Yield an event that SIGINT and SIGTERM set; afterwards they end the process at once, as by default."""
    loop = asyncio.get_running_loop()
    signalled = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signalled.set)
    try:
        yield signalled
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
