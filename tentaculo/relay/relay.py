"""Handles the requests of the main listener: one exchange each, with the snapshot of its beginning."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.access.store import Lease, Redeemed
from tentaculo.errors import Draining, GatewayError
from tentaculo.relay.exchange import Exchange
from tentaculo.relay.problem import RETRY_AFTER, problem
from tentaculo.relay.request import Request
from tentaculo.relay.shared_streams import SharedStreams
from tentaculo.relay.snapshot import Snapshot
from tentaculo.relay.streams import Streams
from tentaculo.telemetry.line_limit import LineLimit
from tentaculo.telemetry.logs import Logs
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.gathering import Gathering
from tentaculo.upstream.outbox import Outbox
from tentaculo.wire.forwarded import Peer


def random_request_id() -> str:
    """Return 128 random bits as hex; unique, but no secret."""
    return random.getrandbits(128).to_bytes(16, "big").hex()


@dataclass(slots=True)
class Relay:
    """What all exchanges share; `snapshot` is swapped in one assignment on reload."""

    snapshot: Snapshot
    logs: Logs
    metrics: Metrics
    streams: Streams
    tokens: EphemeralTokens
    deadlines: Deadlines
    loop: asyncio.AbstractEventLoop  # asking for the running one costs a system call each time
    clock: Callable[[], float] = time.monotonic
    new_request_id: Callable[[], str] = random_request_id
    draining: bool = False
    all_over: asyncio.Future[None] | None = None
    spread: Callable[[], float] = random.random  # noqa: S311 - spreads ends, keeps no secret
    outbox: Outbox = field(default_factory=Outbox)  # of what goes to clients
    shared: SharedStreams = field(init=False)
    overload: LineLimit = field(init=False)
    _gatherings: dict[float, Gathering] = field(default_factory=dict)
    _open: set[Exchange] = field(default_factory=set)
    _releases: set[asyncio.Task[None]] = field(default_factory=set)
    _late: set[asyncio.Task[Redeemed]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.shared = SharedStreams(self)
        self.overload = LineLimit(self.clock)

    def handle(self, request: Request) -> Awaitable[web.StreamResponse]:
        """Answer one request, in a task that may wait."""
        handed_over = request.connection.take_handed_over()
        exchange = handed_over if isinstance(handed_over, Exchange) else Exchange(self, request)
        return exchange.run()

    def new_exchange(self, request: Request) -> Exchange:
        """Return an exchange that begins without a task."""
        return Exchange(self, request)

    @property
    def open_exchanges(self) -> int:
        """How many exchanges have begun and are not over."""
        return len(self._open)

    def gathering(self, seconds: float) -> Gathering:
        """Return the one of all streams that may wait for each other so long."""
        if seconds not in self._gatherings:
            self._gatherings[seconds] = Gathering(seconds, self.loop)
        return self._gatherings[seconds]

    def open_streams(self) -> list[Exchange]:
        """Return the exchanges that are open streams now, the oldest first."""
        streaming = [exchange for exchange in self._open if exchange.is_streaming]
        return sorted(streaming, key=lambda exchange: exchange.record.started_at)

    def streams_by_route(self) -> dict[str, int]:
        """Return how many streams each route has, by its name now; those of routes that are gone are not in.

        A reload may have given a route another name, and its name to another route.
        """
        plans = (exchange.record.plan for exchange in self._open if exchange.is_streaming)
        now = (self.snapshot.plans.get(plan.identity) for plan in plans if plan is not None)
        return dict(Counter(plan.name for plan in now if plan is not None))

    def drain(self) -> None:
        """Keep no connection after the exchange that is on it."""
        self.draining = True
        for exchange in self._open:
            exchange.keep_no_longer()

    async def finished(self, seconds: float) -> bool:
        """Wait until no exchange is left; return whether that came within `seconds`."""
        if self._open:
            self.all_over = self.loop.create_future()
            await asyncio.wait([self.all_over], timeout=seconds)
        return not self._open

    def cut_all(self) -> None:
        """End every exchange that has reached its upstream, so that no client takes it for whole."""
        for exchange in tuple(self._open):
            exchange.cut_short(Draining("cut", headers=RETRY_AFTER))

    def exchange_opened(self, exchange: Exchange) -> None:
        """Count an exchange."""
        self._open.add(exchange)

    def exchange_over(self, exchange: Exchange) -> None:
        """Forget it."""
        self._open.discard(exchange)
        if self.all_over is not None and not self._open and not self.all_over.done():
            self.all_over.set_result(None)

    def revoked(self, principal: str) -> None:
        """End the principal's streams, and those that it is about to open."""
        for exchange in tuple(self._open):
            exchange.revoke(principal)

    def end_revoked(self) -> None:
        """End the streams of principals that the configuration has no more, or not for that route."""
        for exchange in tuple(self._open):
            exchange.check_principal(self.snapshot)

    def end_removed(self) -> None:
        """End the streams of routes that the configuration has no more."""
        for exchange in tuple(self._open):
            exchange.check_route(self.snapshot)

    def release(self, lease: Lease) -> None:
        """Let go of a token without waiting for its store."""
        task = self.loop.create_task(self.tokens.release(lease), name="release")
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)

    def release_late(self, redeeming: asyncio.Task[Redeemed]) -> None:
        """Let go of what a redeem brings whose client has left."""
        self._late.add(redeeming)
        redeeming.add_done_callback(self._redeemed_late)

    def _redeemed_late(self, redeeming: asyncio.Task[Redeemed]) -> None:
        self._late.discard(redeeming)
        if redeeming.cancelled() or redeeming.exception() is not None:
            return
        lease = redeeming.result().lease
        if lease is not None:
            self.release(lease)

    async def released(self) -> None:
        """Wait until the store was told of all tokens that were let go."""
        while self._late or self._releases:
            await asyncio.wait([*self._late, *self._releases])

    def unparsed(self, peer: Peer, error: GatewayError) -> bytes:
        """Log a request that was refused before it was one, and return the answer."""
        request_id = self.new_request_id()
        if error.status == 503:
            self.metrics.connection_refused(error.reason)
        self.snapshot.unrouted.request_finished("other", error.status, 0.0)
        event: dict[str, Any] = {
            "event": "request.finished",
            "level": "info",
            "timestamp": None,
            "request_id": request_id,
            "client": peer.address,
            "status": error.status,
            "code": error.code,
            "reason": error.reason,
        }
        if error.status != 503:
            self.logs.whole_event(event, ())
        else:
            self.log_overload(event, ())
        return problem(error, request_id, keep_alive=False)

    def log_overload(self, event: dict[str, Any], secrets: tuple[str, ...]) -> None:
        """Log what failed because there is too much of everything; a few of those say enough."""
        if not self.overload.admits():
            return
        suppressed = self.overload.take_suppressed()
        if suppressed:
            event["suppressed"] = suppressed
        self.logs.whole_event(event, secrets)

    def connection_opened(self) -> None:
        """Count a client's connection."""
        self.metrics.connection_opened()

    def connection_closed(self) -> None:
        """Count one less."""
        self.metrics.connection_closed()
