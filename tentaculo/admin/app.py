"""The second listener: is the gateway live and ready, and its metrics, without a token; API and console."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from tentaculo.admin.api import AdminApi
from tentaculo.admin.console import Console

Exposition = Callable[[], Awaitable[tuple[bytes, str]]]


def build_app(
    *,
    is_ready: Callable[[], bool],
    is_rejected: Callable[[], bool],
    store_answers: Callable[[], Awaitable[bool]],
    exposition: Exposition,
    api: AdminApi,
    console: Console | None = None,
    is_live: Callable[[], Awaitable[bool]] | None = None,
) -> web.Application:
    """Return the admin application.

    `is_ready` says whether the gateway may get traffic, `is_rejected` whether the last edit of its
    configuration was bad, `store_answers` whether tokens can be issued and redeemed; `exposition` returns
    the metrics' text and its content type.  Without a `console` there is none; without `is_live` whoever
    answers lives.
    """

    async def live(request: web.Request) -> web.Response:
        if is_live is not None and not await is_live():
            return web.json_response({"status": "stuck"}, status=503)
        return web.json_response({"status": "live"})

    async def ready(request: web.Request) -> web.Response:
        if not is_ready():
            return web.json_response({"status": "not_ready"}, status=503)
        # Without its store the gateway still serves header tokens: another status would end that too.
        body = {"status": "ready"}
        if not await store_answers():
            body = {"status": "degraded", "token_store": "away"}
        if is_rejected():
            body["config"] = "rejected"  # the one before goes on
        return web.json_response(body)

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = await exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/live", live)
    app.router.add_get("/ready", ready)
    app.router.add_get("/metrics", metrics)
    api.add_to(app)
    if console is not None:
        console.add_to(app)
    return app
