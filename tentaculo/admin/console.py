"""The operators' console: its page, the tokens for its stream, and the stream.

It signs in with the admin token, and opens its stream with an ephemeral token, as any client would.
Without an admin token it is off, and each of its paths is 404.  While no console is open it does nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.access.memory_store import MemoryStore
from tentaculo.access.principals import fingerprint
from tentaculo.access.store import Client, Grant, Terms, TokenRefused, TokenStoreFull
from tentaculo.admin.api import CHALLENGE, answering, bearer_of
from tentaculo.admin.console_files import ConsoleFiles
from tentaculo.admin.console_news import News, Sources
from tentaculo.admin.console_stream import ConsoleStream, Telling
from tentaculo.admin.figures import Figures
from tentaculo.config.settings import Reuse
from tentaculo.errors import Draining, RouteNotFound, TokenStoreAtLimit, TooManyStreamsHere, Unauthorized
from tentaculo.relay.problem import RETRY_AFTER
from tentaculo.relay.relay import Relay
from tentaculo.telemetry.log_tap import LineQueue, LogTap
from tentaculo.telemetry.logs import Logs

MOST_STREAMS = 8
MOST_TOKENS = 1000
TOKEN_PATH = "/console/token"
EVENTS_PATH = "/console/events"
TERMS = Terms(ttl=60.0, reuse=Reuse.ONCE)

_ROUTE = "console"
_ANYONE = Client(binding=None, agent="", address="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What a console shows, and whom it lets in.

    `admin_digest` returns the admin token's, None without one; `news` those for one console, of which the
    log's come with the queue.  Without `tells` the log does not hear of who looks.
    """

    logs: Logs
    admin_digest: Callable[[], bytes | None]
    news: Callable[[LineQueue], AbstractAsyncContextManager[Telling]]
    clock: Callable[[], float] = time.monotonic
    tells: bool = True


def behind_relay(
    relay: Relay,
    *,
    problems: Callable[[], Sequence[str]],
    census: Callable[[], Awaitable[None]],
    tells: bool = True,
) -> Behind:
    """Return what a console of one relay shows.

    `problems` returns those of the last rejected edit, `census` has the valid tokens counted.
    """
    sources = Sources(relay, Figures(relay, census), problems)

    @asynccontextmanager
    async def news(lines: LineQueue) -> AsyncIterator[Telling]:
        yield News(sources, lines)

    return Behind(
        logs=relay.logs,
        admin_digest=lambda: relay.snapshot.settings.admin_digest,
        news=news,
        clock=relay.clock,
        tells=tells,
    )


class Console:
    """One console for whoever has the admin token; `clock` is that of its own tokens."""

    def __init__(self, behind: Behind, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._behind = behind
        self._tokens = EphemeralTokens(MemoryStore(clock=clock, max_tokens=MOST_TOKENS), _Uncounted())
        self._tap = LogTap(behind.logs)
        self._files = ConsoleFiles(lambda: self._holder() is not None)
        self._open = 0
        self._closing = asyncio.Event()

    def paths(self) -> list[web.RouteDef]:
        """Return the paths that need the admin token, each with its handler."""
        return [web.post(TOKEN_PATH, self.issue)]

    def add_to(self, app: web.Application) -> None:
        """Add the other paths; the streams end when the application does."""
        self._files.add_to(app)
        app.router.add_get(EVENTS_PATH, answering(self.events), allow_head=False)
        app.on_shutdown.append(self._close)

    async def issue(self, request: web.Request) -> web.Response:
        """Issue a token for one opening of the stream, to whoever has shown the admin token."""
        holder = self._holder()
        assert holder is not None, "the admin token was checked"
        grant = Grant(principal=_ROUTE, fingerprint=holder, routes=(_ROUTE,))
        try:
            token = await self._tokens.issue(grant, TERMS)
        except TokenStoreFull:
            raise TokenStoreAtLimit("console", headers=RETRY_AFTER) from None
        answer = {
            "sse_token": token,
            "ttl_sec": round(TERMS.ttl),
            "endpoint": EVENTS_PATH,
            "header": "Authorization",
        }
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Open the stream."""
        holder = await self._redeem(request)
        if self._closing.is_set():
            raise Draining("console", headers=RETRY_AFTER)
        if self._open >= MOST_STREAMS:
            raise TooManyStreamsHere("console", headers=RETRY_AFTER)
        self._open += 1
        try:
            return await self._stream(request, holder)
        finally:
            self._open -= 1

    async def _redeem(self, request: web.Request) -> str:
        """Return who opens the stream.  A token of an admin token that was changed since is worth nothing."""
        holder = self._holder()
        if holder is None:
            raise RouteNotFound("the console is off")
        try:
            redeemed = await self._tokens.redeem(bearer_of(request) or b"", _ROUTE, _ANYONE)
        except TokenRefused:
            raise Unauthorized("console", headers=CHALLENGE) from None
        if redeemed.grant.fingerprint != holder:
            raise Unauthorized("console", headers=CHALLENGE)
        return holder

    async def _stream(self, request: web.Request, holder: str) -> web.StreamResponse:
        log, client, began_at = self._behind.logs.logger, request.remote, self._behind.clock()
        stream = ConsoleStream(request, lambda: self._end_reason(holder), self._closing)
        reason = "draining"  # where it is cancelled
        with self._tap.listen() as lines:
            if self._behind.tells:
                log.info("console.opened", client=client)
            try:
                async with self._behind.news(lines) as news:
                    reason = await stream.run(news)
            except Exception as fault:  # no second answer may be written into the stream
                reason = "failed"
                log.error("console.failed", exc_info=fault)
                stream.abort()
            finally:
                seconds = round(self._behind.clock() - began_at, 3)
                if self._behind.tells:
                    log.info("console.ended", client=client, end_reason=reason, seconds=seconds)
        return stream.response

    def _end_reason(self, holder: str) -> str | None:
        if self._closing.is_set():
            return "draining"
        return None if self._holder() == holder else "revoked"

    def _holder(self) -> str | None:
        """Return who the admin token now proves, None without one."""
        digest = self._behind.admin_digest()
        return None if digest is None else fingerprint(digest)

    async def _close(self, app: Any) -> None:
        self._closing.set()


class _Uncounted:
    """Counts nothing: the metrics of tokens are those of the gateway's clients."""

    def token_issued(self) -> None:
        """One was issued."""

    def token_redeemed(self, age: float) -> None:
        """One was redeemed."""

    def token_refused(self, reason: str) -> None:
        """One opened nothing."""

    def counted(self, valid: int, expired: int) -> None:
        """The store was counted."""
