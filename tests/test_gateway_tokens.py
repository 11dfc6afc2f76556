"""The gateway's tokens: wired up with its store, its admin API, its metrics and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tentaculo.access import upkeep
from tentaculo.relay.delivery import LAST_CHUNK
from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.client import RawClient, request, told
from tests.fakes.messages import Message
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD, RunningGateway

ADMIN_TOKEN = "the-admins-own-token"
ROUTES = """
routes:
  - {name: events, path: /sse/events, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /token}}
  - {name: everything, path: /*, upstream: backend}
"""
AWAY = "token_store: {url: 'redis://127.0.0.1:1/0', timeout: 50ms}\n"
Start = Callable[..., Awaitable[RunningGateway]]


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    """A scripted upstream."""
    scripted = ScriptedUpstream(BEHAVIOURS)
    await scripted.start()
    yield scripted
    await scripted.stop()


@pytest.fixture
async def start(upstream: ScriptedUpstream) -> AsyncIterator[Start]:
    """Start gateways that end with the test."""
    started: list[RunningGateway] = []

    async def start(extra: str = "", *, token: str | None = ADMIN_TOKEN) -> RunningGateway:
        text = configuration(upstream.port, routes=ROUTES, extra=extra)
        if token is not None:
            text = text.replace("admin: 127.0.0.1:0", f"admin: {{address: '127.0.0.1:0', token: {token}}}")
        running = RunningGateway(text)
        started.append(running)
        await running.start()
        return running

    yield start
    for running in started:
        await running.stop()
        running.check_log()


async def revoke(running: RunningGateway, query: str = "", token: str = ADMIN_TOKEN) -> Message:
    """Revoke the principal by the admin API."""
    client = await RawClient.connect("127.0.0.1", running.admin_port)
    fields = [("Authorization", f"Bearer {token}"), ("Connection", "close")]
    await client.send(request("DELETE", f"/principals/operator-ui/tokens{query}", fields))
    reply = await client.reply("DELETE")
    await client.aclose()
    return reply


async def issue(running: RunningGateway) -> str:
    """Have a token issued."""
    reply = await running.call("/token", GOOD, method="POST")
    return str(told(reply)["sse_token"])


async def opened(running: RunningGateway, token: str) -> RawClient:
    """Open a stream."""
    client = await running.client()
    await client.send(request("GET", f"/sse/events?token={token}"))
    assert (await client.head()).status == 200
    return client


async def test_revocation_through_the_admin_api(start: Start) -> None:
    """Streams end, tokens open nothing, and the principal's own is refused meanwhile."""
    running = await start()
    token = await issue(running)
    client = await opened(running, token)
    assert (await revoke(running, token="another-token")).status == 401
    reply = await revoke(running, "?block=1h")
    assert (reply.status, told(reply)) == (200, {"principal": "operator-ui", "blocked_for": 3600.0})
    assert b"event: revoked" in await client.until(LAST_CHUNK)
    assert (await running.logs.wait_for("stream.ended"))["end_reason"] == "revoked"
    assert running.logs.named("principal.revoked")[0]["principal"] == "operator-ui"
    assert (await running.call(f"/sse/events?token={token}", ())).status == 401
    assert (await running.call("/token", GOOD, method="POST")).status == 403
    assert ADMIN_TOKEN not in running.logs.text
    assert token not in running.logs.text


async def test_admin_api_is_off_without_a_token(start: Start) -> None:
    """Nobody revokes where no token says who may."""
    running = await start(token=None)
    assert (await revoke(running)).status == 404
    assert await issue(running)


async def test_metrics_are_counted_as_they_are_read(start: Start) -> None:
    """A scrape tells how many tokens are valid now."""
    running = await start()
    assert await running.metric("ephemeral_tokens_valid") == 0
    tokens = [await issue(running) for _ in range(3)]
    assert (await running.call("/token", (), method="POST")).status == 401
    await opened(running, tokens[0])
    assert await running.metric("ephemeral_tokens_valid") == 3
    assert await running.metric("ephemeral_tokens_issued_total") == 3
    assert await running.metric("ephemeral_token_issue_seconds_count") == 3
    assert await running.metric(r'tentaculo_token_store_seconds_count\{step="issue"\}') == 3
    assert await running.metric(r'sse_streams_opened_total\{credential="ephemeral_token"\}') == 1


async def test_store_that_is_away(start: Start) -> None:
    """The gateway starts, serves what needs no store, and says what is missing."""
    running = await start(AWAY)
    ready = await running.admin("/ready")
    assert (ready.status, told(ready)) == (200, {"status": "degraded", "token_store": "away"})
    assert (await running.call("/echo")).status == 200
    reply = await running.call("/token", GOOD, method="POST")
    assert (reply.status, told(reply)["code"]) == (503, "token_store_unavailable")
    assert (await revoke(running)).status == 503
    assert (await running.admin("/metrics")).status == 200
    assert await running.metric(r'tentaculo_token_store_faults_total\{step="issue"\}') == 1


async def test_leases_are_looked_after(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it runs the store is asked again and again; afterwards nothing is left at work."""
    monkeypatch.setattr(upkeep, "RENEW_SECONDS", 0.01)
    before = asyncio.all_tasks()
    running = await start()
    await opened(running, await issue(running))
    async with asyncio.timeout(5):
        while await running.metric(r'tentaculo_token_store_seconds_count\{step="renew"\}') < 3:
            pass
    assert "upkeep" in {task.get_name() for task in asyncio.all_tasks()}
    await running.shut_down()
    assert {task.get_name() for task in asyncio.all_tasks() - before}.isdisjoint({"upkeep", "release"})


async def test_drained_streams_leave_their_leases(start: Start) -> None:
    """A client that comes to another instance, or after a restart, finds its place free."""
    running = await start()
    token = await issue(running)
    client = await opened(running, token)
    await running.shut_down()
    assert b"event: draining" in await client.rest()
    registry = running.gateway._metrics.registry
    labels = {"step": "release"}
    assert registry.get_sample_value("tentaculo_token_store_seconds_count", labels) == 1
