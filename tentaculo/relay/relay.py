"""Handles the requests of the main listener: one exchange each, with the snapshot of its beginning."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from aiohttp import web

from tentaculo.errors import GatewayError
from tentaculo.relay.exchange import Exchange
from tentaculo.relay.problem import problem
from tentaculo.relay.snapshot import Snapshot
from tentaculo.relay.streams import Streams
from tentaculo.telemetry.metrics import Metrics
from tentaculo.wire.forwarded import Peer


def random_request_id() -> str:
    """Return 128 random bits as hex; unique, but no secret."""
    return f"{random.getrandbits(128):032x}"


@dataclass(slots=True)
class Relay:
    """What all exchanges share; `snapshot` is swapped in one assignment on reload."""

    snapshot: Snapshot
    log: structlog.typing.FilteringBoundLogger
    metrics: Metrics
    streams: Streams
    loop: asyncio.AbstractEventLoop  # asking for the running one costs a system call each time
    clock: Callable[[], float] = time.monotonic
    new_request_id: Callable[[], str] = random_request_id
    draining: bool = False

    def handle(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """Answer one request."""
        return Exchange(self, request).run()

    def unparsed(self, peer: Peer, error: GatewayError) -> bytes:
        """Log a request that was refused before it was one, and return the answer."""
        request_id = self.new_request_id()
        if error.status == 503:
            self.metrics.connection_refused(error.reason)
        self.snapshot.unrouted.request_finished("other", error.status, 0.0)
        self.log.info(
            "request.finished",
            request_id=request_id,
            client=peer.address,
            status=error.status,
            code=error.code,
            reason=error.reason,
        )
        return problem(error, request_id, keep_alive=False)

    def connection_opened(self) -> None:
        """Count a client's connection."""
        self.metrics.connection_opened()

    def connection_closed(self) -> None:
        """Count one less."""
        self.metrics.connection_closed()
