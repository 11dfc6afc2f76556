"""The upstream of a soak, in a process of its own: it answers calls, and streams an event now and then."""

from __future__ import annotations

import asyncio
import itertools
import sys

from aiohttp import web

EVENT_SECONDS = 0.2


async def answer(request: web.Request) -> web.Response:
    """Tell how long the body was."""
    return web.Response(text=f"{len(await request.read())} bytes\n")


async def stream(request: web.Request) -> web.StreamResponse:
    """Send events until the other side leaves."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number in itertools.count(1):
        await response.write(b"id: %d\ndata: event %d\n\n" % (number, number))
        await asyncio.sleep(EVENT_SECONDS)
    return response


def build_app() -> web.Application:
    """Route streams below /events, and all else to calls."""
    app = web.Application()
    app.router.add_get("/events/{name:.*}", stream)
    app.router.add_route("*", "/{path:.*}", answer)
    return app


if __name__ == "__main__":
    web.run_app(
        build_app(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        print=None,
        handler_cancellation=True,
        shutdown_timeout=0,
    )
