"""How a service answers with an event stream: pieces as they come, a comment when none comes for a while.

It knows nothing of what the pieces say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from aiohttp import web

from examples.vx11.problems import abort

WRITE_SECONDS = 30.0
"""A client that takes nothing for so long is cut off."""

_HEADERS = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
_BEAT = b": beat\n\n"


async def send_stream(
    request: web.Request,
    pieces: AsyncGenerator[bytes, None],
    *,
    heartbeat: float,
    write_seconds: float = WRITE_SECONDS,
) -> web.StreamResponse:
    """Send the pieces, each of whole blocks, until they end or the client leaves.

    `heartbeat` and `write_seconds` are seconds.
    """
    response = web.StreamResponse(headers=_HEADERS)
    async with aclosing(pieces), aclosing(_with_beats(pieces, heartbeat)) as all_pieces:
        with suppress(ConnectionResetError):  # the client left
            await response.prepare(request)
            async for piece in all_pieces:
                try:
                    async with asyncio.timeout(write_seconds):
                        await response.write(piece)
                except TimeoutError:
                    abort(request)
                    break
    return response


async def _with_beats(pieces: AsyncGenerator[bytes, None], seconds: float) -> AsyncGenerator[bytes, None]:
    while True:
        coming = asyncio.ensure_future(anext(pieces, None))
        try:
            while not (await asyncio.wait([coming], timeout=seconds))[0]:
                yield _BEAT
        finally:
            if not coming.done():
                coming.cancel()
                await asyncio.wait([coming])
        if (piece := coming.result()) is None:
            return
        yield piece
