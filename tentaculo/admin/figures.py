"""The figures of the console: what a relay does now, asked for once a second however many look.

Nothing is counted for it: it reads what is counted anyway, a slice at a time, and only when asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tentaculo import __version__
from tentaculo.relay.relay import Relay
from tentaculo.telemetry.overview import Overview, Rates, sample_of
from tentaculo.telemetry.tallies import Tally
from tentaculo.telemetry.token_metrics import TokenCounts

PERIOD_SECONDS = 1.0
SLICE = 200


class Figures:
    """Figures of one relay; `census` has its valid tokens counted."""

    def __init__(self, relay: Relay, census: Callable[[], Awaitable[None]]) -> None:
        self._relay = relay
        self._census = census
        self._overview = Overview()
        self._started_at = relay.clock()
        self._due = self._started_at
        self._latest: dict[str, Any] = {}
        self._one_at_a_time = asyncio.Lock()

    async def latest(self) -> dict[str, Any]:
        """Return the figures of this second; the same object until there are newer ones."""
        async with self._one_at_a_time:
            now = self._relay.clock()
            if now >= self._due:
                self._latest = await self._taken()
                # On time again after a moment's delay, at once after a pause.
                self._due = max(self._due + PERIOD_SECONDS, now + PERIOD_SECONDS / 2)
            return self._latest

    async def _taken(self) -> dict[str, Any]:
        await self._census()
        relay, total = self._relay, Tally()
        for number, tally in enumerate(relay.metrics.tallies(), 1):
            total.take_over(tally)
            if number % SLICE == 0:
                await asyncio.sleep(0)
        now, tokens = relay.clock(), relay.metrics.tokens.counts()
        refused = sum(tokens.refused.values())
        sample = sample_of(total, at=now, tokens_issued=tokens.issued, tokens_refused=refused)
        rates = self._overview.add(sample)
        return {
            "at": round(time.time(), 3),
            **_shown(rates, tokens),
            "open_streams": len(relay.streams),
            "connections": relay.metrics.open_connections,
            "ready": not relay.draining,
            "draining": relay.draining,
            "version": __version__,
            "uptime_seconds": round(now - self._started_at, 3),
        }


def _shown(rates: Rates, tokens: TokenCounts) -> dict[str, Any]:
    return {
        "calls_per_second": rates.calls,
        "errors_per_second": rates.errors,
        "refused_per_second": rates.refused,
        "error_rate": rates.error_rate,
        "latency_ms": rates.latency_ms,
        "tokens": {
            "issued_per_second": rates.tokens_issued,
            "refused_per_second": rates.tokens_refused,
            "valid": tokens.valid,
            "refused": tokens.refused,
        },
    }
