"""The second listener: is the gateway live and ready, and its metrics.  None of it needs a token."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

Exposition = Callable[[], tuple[bytes, str]]


def build_app(*, is_ready: Callable[[], bool], exposition: Exposition) -> web.Application:
    """Return the admin application.

    `is_ready` says whether the gateway may get traffic; `exposition` returns the metrics' text and
    its content type.
    """

    async def live(request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def ready(request: web.Request) -> web.Response:
        if is_ready():
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "not_ready"}, status=503)

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/live", live)
    app.router.add_get("/ready", ready)
    app.router.add_get("/metrics", metrics)
    return app
