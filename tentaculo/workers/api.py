"""The admin API over all workers: one of them is told, and the token store tells the others, or all are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict

from aiohttp import web

from tentaculo.admin.api import AdminApi
from tentaculo.config.outline import Outline
from tentaculo.relay.reloading import Reloaded
from tentaculo.workers.everyone import Everyone


class MergedApi(AdminApi):
    """The admin API of a supervisor; `outline` returns what the configuration says."""

    def __init__(
        self,
        token_digest: Callable[[], bytes | None],
        everyone: Everyone,
        *,
        outline: Callable[[], Outline],
        reload: Callable[[], Awaitable[Reloaded]],
        paths: Iterable[web.RouteDef] = (),
    ) -> None:
        super().__init__(
            token_digest,
            revoke=everyone.revoke,
            is_principal=lambda name: name in outline().principals,
            reload=reload,
            outline=lambda: (outline(), {}),
            paths=paths,
        )
        self._everyone = everyone

    async def configuration(self, request: web.Request) -> web.Response:
        """Return the outline of the configuration in effect, and the open streams of each route."""
        outline, _ = self._outline()
        return web.json_response({**asdict(outline), "streams": await self._everyone.streams_by_route()})
