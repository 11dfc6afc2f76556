"""The admin API: what operators do to a running gateway.  Every call needs the admin token.

Without one configured the API is off, and each of its paths is 404.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict

from aiohttp import hdrs, web

from tentaculo.access.store import TokenStoreUnavailable
from tentaculo.config.outline import Outline
from tentaculo.config.scalars import read_duration
from tentaculo.errors import BadRequest, GatewayError, RouteNotFound, TokenStoreAway, Unauthorized
from tentaculo.relay.problem import RETRY_AFTER, problem_body
from tentaculo.relay.relay import random_request_id
from tentaculo.relay.reloading import Reloaded
from tentaculo.wire.headers import bearer_token

CHALLENGE = (("WWW-Authenticate", 'Bearer realm="tentaculo admin"'),)
LONGEST_BLOCK = 30 * 24 * 3600.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Revoke = Callable[[str, float], Awaitable[None]]


class AdminApi:
    """Revocation and reloading; `token_digest` returns the admin token's SHA-256, None without one.

    `revoke` ends what a principal has open, and refuses it for some seconds; `outline` returns what the
    configuration says, and how many streams each route has open; `paths` are more paths of the API.
    """

    def __init__(
        self,
        token_digest: Callable[[], bytes | None],
        *,
        revoke: Revoke,
        is_principal: Callable[[str], bool],
        reload: Callable[[], Awaitable[Reloaded]],
        outline: Callable[[], tuple[Outline, dict[str, int]]],
        paths: Iterable[web.RouteDef] = (),
    ) -> None:
        self._token_digest = token_digest
        self._revoke = revoke
        self._is_principal = is_principal
        self._reload = reload
        self._outline = outline
        self._paths = tuple(paths)

    def add_to(self, app: web.Application) -> None:
        """Add the API's paths to the admin application."""
        app.router.add_delete("/principals/{name}/tokens", self._guarded(self.revoke_principal))
        app.router.add_post("/reload", self._guarded(self.reload))
        app.router.add_get("/configuration", self._guarded(self.configuration))
        for path in self._paths:
            app.router.add_route(path.method, path.path, self._guarded(path.handler))

    async def revoke_principal(self, request: web.Request) -> web.Response:
        """End a principal's streams and tokens everywhere; `?block=1h` refuses its own token meanwhile."""
        name = request.match_info["name"]
        if not self._is_principal(name):
            raise RouteNotFound("principal")
        seconds = _block_of(request)
        try:
            await self._revoke(name, seconds)
        except TokenStoreUnavailable:
            raise TokenStoreAway("revoke", headers=RETRY_AFTER) from None
        return web.json_response({"principal": name, "blocked_for": seconds})

    async def reload(self, request: web.Request) -> web.Response:
        """Reload the configuration; 422 lists what is wrong with it, and nothing has changed then."""
        reloaded = await self._reload()
        if reloaded.changes is None:
            return web.json_response({"reloaded": False, "problems": reloaded.problems}, status=422)
        return web.json_response({"reloaded": True, "changes": asdict(reloaded.changes)})

    async def configuration(self, request: web.Request) -> web.Response:
        """Return the outline of the configuration in effect, and the open streams of each route."""
        outline, streams = self._outline()
        return web.json_response({**asdict(outline), "streams": streams})

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            self._check(request)
            return await handler(request)

        return answering(guarded)

    def _check(self, request: web.Request) -> None:
        digest = self._token_digest()
        if digest is None:
            raise RouteNotFound("the admin API is off")
        token = bearer_of(request)
        presented = hashlib.sha256(token or b"").digest()
        if token is None or not hmac.compare_digest(presented, digest):
            raise Unauthorized("admin", headers=CHALLENGE)


def bearer_of(request: web.Request) -> bytes | None:
    """Return the one Bearer token of a request, None without exactly one."""
    values = request.headers.getall(hdrs.AUTHORIZATION, [])
    return bearer_token(values[0].encode("utf-8", "surrogateescape")) if len(values) == 1 else None


def answering(handler: Handler) -> Handler:
    """Return a handler that answers what this one raises, where that is an error of the gateway's."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except GatewayError as error:
            return _problem(error)

    return answered


def _block_of(request: web.Request) -> float:
    if not request.query:
        return 0.0
    if list(request.query) != ["block"]:  # a misspelt one must not pass for none
        raise BadRequest("query")
    text = request.query["block"]
    try:
        seconds = read_duration(text)
    except ValueError:
        raise BadRequest("block") from None
    if seconds > LONGEST_BLOCK:
        raise BadRequest("block")
    return seconds


def _problem(error: GatewayError) -> web.Response:
    request_id = random_request_id()
    return web.Response(
        status=error.status,
        body=problem_body(error, request_id),
        content_type="application/problem+json",
        headers={**dict(error.headers), "X-Request-Id": request_id, "Cache-Control": "no-store"},
    )
