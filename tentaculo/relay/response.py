"""The response objects that aiohttp is given when the bytes were, or will be, written elsewhere."""

from __future__ import annotations

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter


class RelayedResponse(web.StreamResponse):
    """A response whose head and body go to the client's transport as raw bytes.

    aiohttp only asks it whether the connection stays open, so two of them serve all exchanges.
    """

    def __init__(self, *, keep_alive: bool) -> None:
        # The parent would build header and state objects that nothing here uses.
        self._keep_alive = keep_alive
        self._eof_sent = True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write nothing."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing."""


KEEP_OPEN = RelayedResponse(keep_alive=True)
CLOSE = RelayedResponse(keep_alive=False)
