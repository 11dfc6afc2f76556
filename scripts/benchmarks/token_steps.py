"""What one step of a token costs inside the gateway: CPU time with the memory store, round trips with Redis.

Run by `tokens` with the interpreter and in the folder of the form that is measured; prints one JSON object.
It is the one benchmark that imports the gateway.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from typing import Any

from prometheus_client import CollectorRegistry

from tentaculo.access.ephemeral_tokens import EphemeralTokens, client_digest
from tentaculo.access.measured_store import MeasuredStore
from tentaculo.access.store import Client, Grant, Terms, TokenStore
from tentaculo.access.stores import make_store
from tentaculo.config.settings import Secret, TokenStoreSettings
from tentaculo.telemetry.token_metrics import TokenMetrics

ROUTE = "events"
GRANT = Grant(principal="bench", fingerprint="0123456789abcdef", routes=(ROUTE,))
TERMS = Terms(ttl=60.0, binding=client_digest(b"cookie"))
CLIENT = Client(
    binding=None, agent=client_digest(b"127.0.0.1", b"bench"), address=client_digest(b"127.0.0.1")
)

_MONITORED = re.compile(rb'\+[0-9.]+ \[[0-9]+ (\S+)\] "([^"]*)"(?: "([^"]*)")?').match


def measured_tokens(store: TokenStore) -> EphemeralTokens:
    """Return tokens as the gateway has them, with their metrics."""
    metrics = TokenMetrics(CollectorRegistry())
    return EphemeralTokens(MeasuredStore(store, metrics), metrics)


async def time_steps(*, batches: int, steps: int, held: int) -> dict[str, list[float]]:
    """Return the CPU microseconds of one issue and of one redeem, for each batch.

    `held` other tokens are in the store, as in a busy gateway.
    """
    tokens = measured_tokens(make_store(TokenStoreSettings()))
    for _ in range(held):
        await tokens.issue(GRANT, TERMS)
    found: dict[str, list[float]] = {"issue": [], "redeem": []}
    for _ in range(batches):
        began = time.process_time()
        issued = [await tokens.issue(GRANT, TERMS) for _ in range(steps)]
        between = time.process_time()
        for token in issued:
            await tokens.redeem(token.encode(), ROUTE, CLIENT)
        ended = time.process_time()
        found["issue"].append((between - began) / steps * 1e6)
        found["redeem"].append((ended - between) / steps * 1e6)
    return found


async def count_round_trips(url: str, port: int, steps: int) -> dict[str, float]:
    """Return how many commands one issue and one redeem send to the Redis of `url`, told by its MONITOR."""
    store = make_store(TokenStoreSettings(url=Secret(url), timeout=0.4))
    tokens = measured_tokens(store)
    await tokens.start(lambda revoked: None)
    try:
        # Connects, and leaves the scripts there.
        await tokens.redeem((await tokens.issue(GRANT, TERMS)).encode(), ROUTE, CLIENT)
        issued: list[str] = []

        async def issue() -> None:
            issued.append(await tokens.issue(GRANT, TERMS))

        async def redeem() -> None:
            await tokens.redeem(issued.pop().encode(), ROUTE, CLIENT)

        return {
            "issue": await _commands(issue, port, steps) / steps,
            "redeem": await _commands(redeem, port, steps) / steps,
        }
    finally:
        await tokens.close()


async def _commands(step: Callable[[], Awaitable[None]], port: int, steps: int) -> int:
    with closing(socket.create_connection(("127.0.0.1", port), 5)) as monitor:
        monitor.sendall(b"MONITOR\r\n")
        lines = monitor.makefile("rb")
        lines.readline()
        for _ in range(steps):
            await step()
        with closing(socket.create_connection(("127.0.0.1", port), 5)) as marker:
            marker.sendall(b"ECHO the-end\r\n")
            marker.recv(64)
        seen: list[tuple[bytes, bytes]] = []
        while (line := lines.readline()) and b'"the-end"' not in line:
            match = _MONITORED(line)
            if match is not None:
                seen.append((match[1], match[2].upper()))
    return count_commands(seen)


def count_commands(seen: Sequence[tuple[bytes, bytes]]) -> int:
    """Count what came over the connections that ran a script, given (address, command).

    What scripts do inside Redis is no round trip; neither is what keeps a subscription alive.
    """
    askers = {address for address, command in seen if command in {b"EVALSHA", b"EVAL"}} - {b"lua"}
    return sum(address in askers for address, _ in seen)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmarks.token_steps")
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--held", type=int, default=100_000)
    parser.add_argument("--redis-port", type=int, required=True)
    parser.add_argument("--redis-steps", type=int, default=500)
    given = parser.parse_args(arguments)
    timed = time_steps(batches=given.batches, steps=given.steps, held=given.held)
    counted = count_round_trips(f"redis://127.0.0.1:{given.redis_port}", given.redis_port, given.redis_steps)
    found: dict[str, Any] = {"microseconds": asyncio.run(timed), "round_trips": asyncio.run(counted)}
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
