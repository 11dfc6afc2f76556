"""A Redis that dies or hangs under load: streams go on, refusals are quick, and all comes back by itself."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager

import pytest

from tests.fakes.gates import eventually
from tests.fakes.messages import Message
from tests.fakes.redis_server import RedisServer
from tests.fakes.stopwatch import Stopwatch
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway
from tests.functional.tokens import (
    BROWSER,
    ELSE,
    Stream,
    call,
    issue,
    open_stream,
    refusal,
    revoke,
    sample,
    scrape,
    stream_route,
    token_configuration,
)

AWAY = (503, "token_store_unavailable")
QUICK_SECONDS = 0.5


@contextmanager
def killed(server: RedisServer) -> Iterator[None]:
    """Kill Redis with -9 for as long as the block; it comes back empty."""
    server.kill()
    yield
    server.start()


def hung(server: RedisServer) -> AbstractContextManager[None]:
    """Stop Redis for as long as the block, its connections open."""
    return server.hung()


Fault = Callable[[RedisServer], AbstractContextManager[None]]
FAULTS = pytest.mark.parametrize("fault", [killed, hung])


class Load:
    """Callers that never stop: header calls, issues and openings, each counted by status."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway
        self.calls: Counter[int] = Counter()
        self.issues: Counter[int] = Counter()
        self.slowest = 0.0
        self.over = False  # cancelling is no way to stop: wait_for may swallow it

    async def calling(self) -> None:
        """Make ordinary calls."""
        while not self.over:
            self.calls[(await call(self._gateway, "/echo/api", GOOD)).status] += 1

    async def issuing(self) -> None:
        """Ask for tokens."""
        while not self.over:
            with Stopwatch() as watch:
                reply = await call(self._gateway, "/tokens/events", GOOD, method="POST")
            self.issues[reply.status] += 1
            self.slowest = max(self.slowest, watch())

    async def issued(self, status: int, count: int = 5) -> None:
        """Wait for so many more answers of this status."""
        wanted = self.issues[status] + count
        await eventually(lambda: self.issues[status] >= wanted)


@asynccontextmanager
async def load(gateway: RunningGateway) -> AsyncIterator[Load]:
    """Put load on a gateway for as long as the block."""
    callers = Load(gateway)
    async with asyncio.TaskGroup() as group:
        for each in (callers.calling, callers.issuing, callers.issuing):
            group.create_task(each())
        try:
            yield callers
        finally:
            callers.over = True


def shared(port: int, server: RedisServer) -> str:
    """Write a file whose store is that Redis."""
    store = f"{{url: '{server.url}', timeout: 300ms}}"
    return token_configuration(port, stream_route(), store=store, level="info")


async def flows(upstream: ScriptedUpstream, streams: list[Stream], word: bytes) -> None:
    """Send an event on every stream, and see it at its client."""
    event = b"data: %b\n\n" % word
    for exchange in upstream.exchanges:
        if exchange.path.startswith("/sse"):
            await exchange.write(b"%x\r\n%b\r\n" % (len(event), event))
    for stream in streams:
        await stream.client.until(event)


async def readiness(gateway: RunningGateway) -> tuple[int, dict[str, str]]:
    """Ask whether it is ready."""
    reply = await scrape(gateway, "/ready")
    return reply.status, json.loads(reply.body)


@FAULTS
async def test_redis_fails_under_load(
    fault: Fault, start_gateway: StartGateway, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    """No open stream is lost, tokens are refused at once, calls go on, and it recovers without help."""
    gateway = await start_gateway(shared(upstream.port, redis_server))
    streams = [await open_stream(gateway, (await issue(gateway)).target) for _ in range(5)]
    waiting = await issue(gateway)
    async with load(gateway) as callers:
        await callers.issued(200)
        with fault(redis_server):
            await callers.issued(503)
            await flows(upstream, streams, b"away")
            assert await refusal(gateway, waiting.target) == AWAY
            assert await refusal(gateway, waiting.target, ELSE) == AWAY
            assert await readiness(gateway) == (200, {"status": "degraded", "token_store": "away"})
            assert await answer_to_issue(gateway) == (503, "1")
        await callers.issued(200)
    assert callers.calls.keys() == {200}
    assert callers.issues.keys() == {200, 503}
    assert callers.slowest < QUICK_SECONDS
    await flows(upstream, streams, b"back")
    assert gateway.logs.named("stream.ended") == []
    assert await readiness(gateway) == (200, {"status": "ready"})
    await open_stream(gateway, (await issue(gateway)).target)
    assert await sample(gateway, "tentaculo_token_store_faults_total") > 0


async def answer_to_issue(gateway: RunningGateway) -> tuple[int, str | None]:
    """Ask for a token, and see what a client is told."""
    reply: Message = await call(gateway, "/tokens/events", GOOD, method="POST")
    assert b"sse_token" not in reply.body
    return reply.status, reply.head.value("Retry-After")


@FAULTS
async def test_stream_outlives_its_lost_token(
    fault: Fault, start_gateway: StartGateway, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    """A stream whose token was lost can still be revoked; after a mere pause its token is good."""
    gateway = await start_gateway(shared(upstream.port, redis_server))
    issued = await issue(gateway)
    stream = await open_stream(gateway, issued.target)
    with fault(redis_server):
        assert await refusal(gateway, issued.target) == AWAY
        assert (await revoke(gateway, "operator-ui")).status == 503
    await back(gateway)
    if fault is killed:
        assert await refusal(gateway, issued.target) == (401, "unauthorized")
        assert (await revoke(gateway, "operator-ui")).status == 200
        assert b"event: revoked\n" in await stream.last()
    else:
        await open_stream(gateway, issued.target)
        assert b"event: superseded\n" in await stream.last()


async def back(gateway: RunningGateway) -> None:
    """Wait until the store answers again."""
    async with asyncio.timeout(5):
        while (await readiness(gateway))[1] != {"status": "ready"}:  # noqa: ASYNC110 - polls
            await asyncio.sleep(0.01)


async def test_start_without_redis(
    start_gateway: StartGateway, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    """A gateway starts and serves without its Redis, says so, and issues as soon as there is one."""
    redis_server.kill()
    gateway = await start_gateway(shared(upstream.port, redis_server))
    assert (await readiness(gateway))[1]["status"] == "degraded"
    assert (await call(gateway, "/echo/api", GOOD)).status == 200
    assert (await call(gateway, "/tokens/events", GOOD, method="POST")).status == 503
    stream = await open_stream(gateway, "/sse/events", (*BROWSER, *GOOD))
    redis_server.start()
    await back(gateway)
    await open_stream(gateway, (await issue(gateway)).target)
    assert (await revoke(gateway, "operator-ui")).status == 200
    assert b"event: revoked\n" in await stream.last()


async def test_stop_without_redis(
    start_gateway: StartGateway, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    """A gateway whose Redis hangs drains its streams and stops within its bounds all the same."""
    gateway = await start_gateway(shared(upstream.port, redis_server))
    stream = await open_stream(gateway, (await issue(gateway)).target)
    with redis_server.hung():
        async with asyncio.timeout(5):
            await gateway.shut_down()
    assert b"event: draining\n" in await stream.last()
