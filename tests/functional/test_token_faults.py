"""The faults of the original VX11 gateway that concern tokens must not come back."""

from __future__ import annotations

import asyncio
import json
import re
import signal

import pytest

from tentaculo.access.memory_store import MemoryStore
from tests.fakes.client import Fields, RawClient, request
from tests.fakes.clock import Clock
from tests.fakes.redis_server import RedisServer
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartGateway, StartInstance
from tests.functional.running import GOOD, TOKEN, RunningGateway
from tests.functional.tokens import (
    ADMIN_TOKEN,
    BROWSER,
    ELSE,
    call,
    issue,
    open_stream,
    reaches,
    refusal,
    sample,
    scrape,
    stream_route,
    token_configuration,
)

SERVICE = "service-credential-of-the-gateway"
GUARDED = "  guarded: {servers: ['http://127.0.0.1:%d'], credential: {header: X-Service-Token, value: %s}}\n"
MADE_UP = ("x", "test", "0" * 36, "3f0e7c1a-9d52-4a60-8a55-0c6f4f1f6c11", SERVICE, "*", "null", "undefined")
KEPT_SECONDS = 60.0


def guarded(port: int) -> str:
    """Write a file whose upstream gets a credential of the gateway's own."""
    routes = (
        stream_route(upstream="guarded"),
        "  - {name: guarded-api, path: /echo/guarded, upstream: guarded}\n",
    )
    text = token_configuration(port, *routes)
    return text.replace("upstreams:\n", "upstreams:\n" + GUARDED % (port, SERVICE))


def store_of(gateway: RunningGateway) -> MemoryStore:
    """The gateway's store, as a memory scan would find it."""
    store = gateway.gateway._tokens._store._store  # type: ignore[attr-defined]
    assert isinstance(store, MemoryStore)
    return store


@pytest.mark.parametrize("path", ["/sse/events", "/echo/guarded", "/tokens/events"])
async def test_fault_01_no_token_no_backend_credential(
    path: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A call without a token does not pass, and the backend's own credential is not spent for it."""
    gateway = await start_gateway(guarded(upstream.port))
    method = "POST" if path.startswith("/tokens") else "GET"
    assert (await call(gateway, path, method=method)).status == 401
    assert upstream.exchanges == []
    await open_stream(gateway, (await issue(gateway)).target)
    assert upstream.exchanges[0].head.values("X-Service-Token") == [SERVICE]


@pytest.mark.parametrize("value", MADE_UP)
async def test_fault_02_made_up_token(
    value: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A made-up `?token=` opens nothing, and nothing of the gateway's is put in its place."""
    gateway = await start_gateway(guarded(upstream.port))
    assert await refusal(gateway, f"/sse/events?token={value}") == (401, "unauthorized")
    assert upstream.exchanges == []


async def test_fault_05_used_twice(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A token that is good for one redeem opens one stream, whoever comes and however soon."""
    gateway = await start_gateway(token_configuration(upstream.port, stream_route(terms="reuse: once")))
    issued = await issue(gateway)
    clients = [await gateway.client() for _ in range(20)]
    for client in clients:
        await client.send(request("GET", issued.target, BROWSER))
    statuses = sorted([head.status for head in await asyncio.gather(*(c.head() for c in clients))])
    assert statuses == [200] + [401] * 19
    assert await refusal(gateway, issued.target) == (401, "unauthorized")
    assert await sample(gateway, 'ephemeral_tokens_refused_total{reason="token_used"}') == 20


async def mint(client: RawClient, count: int) -> None:
    """Ask for many tokens on one connection."""
    await client.send(request("POST", "/tokens/events", GOOD) * count)
    for _ in range(count):
        assert (await client.reply("POST")).status == 200


async def test_fault_06_expired_tokens_leave(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Thousands of tokens that nobody ever reads leave the store by time alone."""
    text = token_configuration(upstream.port, level="warning")
    gateway = await start_gateway(text)
    store, clock = store_of(gateway), Clock()
    store._clock = clock
    await asyncio.gather(*[mint(await gateway.client(), 250) for _ in range(8)])
    assert (len(store), await sample(gateway, "ephemeral_tokens_valid")) == (2000, 2000)
    clock.advance(60.0)
    assert await sample(gateway, "ephemeral_tokens_valid") == 0
    assert await sample(gateway, "ephemeral_tokens_expired_total") == 2000
    clock.advance(KEPT_SECONDS)
    assert await sample(gateway, "ephemeral_tokens_valid") == 0
    assert len(store) == 0


def usable(text: str, token: str) -> list[str]:
    """The tokens that somebody who reads a store could use."""
    return [secret for secret in (token, TOKEN, ADMIN_TOKEN, token.replace("-", "")) if secret in text]


def contents(found: object, seen: set[int]) -> str:
    """Everything that can be reached from an object, as text."""
    if id(found) in seen:
        return ""
    seen.add(id(found))
    if isinstance(found, dict):
        parts = [part for pair in found.items() for part in pair]
    elif isinstance(found, list | tuple | set | frozenset) or type(found).__name__ == "deque":
        parts = list(found)  # type: ignore[call-overload]
    else:
        names = [*getattr(type(found), "__slots__", ()), *getattr(found, "__dict__", {})]
        parts = [getattr(found, name) for name in names if hasattr(found, name)]
    return repr(found) + "".join(contents(part, seen) for part in parts)


async def test_fault_07_memory_holds_no_token(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A scan of the memory store finds no token that could be used, neither kind of it."""
    gateway = await start_gateway(token_configuration(upstream.port))
    issued = await issue(gateway)
    await open_stream(gateway, issued.target)
    store = store_of(gateway)
    scanned = contents([store._tokens, store._due, store._ended, store._epochs, store._blocks], set())
    assert "operator-ui" in scanned  # it did look inside
    assert usable(scanned, issued.token) == []
    assert issued.cookies["tentaculo_binding"] not in scanned


def dump(server: RedisServer) -> str:
    """Every key and value of a Redis."""
    parts = []
    for key in server.command("KEYS", "*"):
        read = {
            b"hash": ("HGETALL", key),
            b"zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
            b"string": ("GET", key),
        }
        parts += [key, server.command(*read[server.command("TYPE", key)])]
    return repr(parts)


async def test_fault_07_redis_holds_no_token(
    start_gateway: StartGateway, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    """A dump of Redis holds no token that could be used, and all its keys have the gateway's prefix."""
    store = f"'{redis_server.url}'"
    gateway = await start_gateway(token_configuration(upstream.port, store=store))
    issued = await issue(gateway)
    await open_stream(gateway, issued.target)
    dumped = dump(redis_server)
    assert "operator-ui" in dumped
    assert usable(dumped, issued.token) == []
    assert issued.cookies["tentaculo_binding"] not in dumped
    assert all(key.startswith(b"{tentaculo}:") for key in redis_server.command("KEYS", "*"))


async def test_fault_08_failed_store(
    start_gateway: StartGateway, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    """A store that fails is a 503 without a token; an answer with a token is one that opens a stream."""
    gateway = await start_gateway(token_configuration(upstream.port, store=f"'{redis_server.url}'"))
    await open_stream(gateway, (await issue(gateway)).target)
    redis_server.kill()
    reply = await call(gateway, "/tokens/events", GOOD, method="POST")
    assert (reply.status, json.loads(reply.body)["code"]) == (503, "token_store_unavailable")
    assert reply.head.values("Retry-After") == ["1"]
    assert b"sse_token" not in reply.body
    assert reply.head.values("Set-Cookie") == []
    assert await sample(gateway, "ephemeral_tokens_issued_total") == 1


def pieces(secret: str, length: int = 8) -> list[str]:
    """Every part of a secret that is long enough to help a guesser."""
    return [secret[at : at + length] for at in range(len(secret) - length + 1)]


async def test_fault_09_nothing_of_a_token_is_printed(
    start_instance: StartInstance, upstream: ScriptedUpstream
) -> None:
    """A real process prints no part of a token, on stdout or stderr, at DEBUG, refused or not."""
    process = await start_instance(token_configuration(upstream.port))
    issued = await issue(process)
    await open_stream(process, issued.target)
    assert await refusal(process, issued.target, ELSE) == (401, "unauthorized")
    assert await refusal(process, f"/sse/events?token={issued.token[:-1]}") == (401, "unauthorized")
    assert await refusal(process, f"/sse/events?token={TOKEN}") == (401, "unauthorized")
    assert (await call(process, "/echo/api", GOOD)).status == 200
    process.signal(signal.SIGTERM)
    assert await process.ended() == 0
    printed = b"".join(process.lines).decode() + (await process.stderr()).decode()
    assert printed.count('"request.finished"') == 5
    secrets = (issued.token, issued.cookies["tentaculo_binding"], TOKEN, ADMIN_TOKEN)
    harmless = {"operator"}  # the principal's name begins so
    parts = {part for secret in secrets for part in pieces(secret)} - harmless
    assert [part for part in parts if part in printed] == []


DEBUG_PATHS = (
    *("/debug", "/debug/tokens", "/tokens", "/tokens/events", "/principals", "/principals/operator-ui"),
    *("/principals/operator-ui/tokens", "/admin", "/config", "/status", "/ready", "/live", "/metrics", "/"),
)


@pytest.mark.parametrize(
    "fields", [(), (("Authorization", f"Bearer {ADMIN_TOKEN}"),)], ids=["anyone", "admin"]
)
async def test_fault_10_no_endpoint_shows_tokens(
    fields: Fields, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """No path of either listener shows a live token or its digest, to nobody and not to the administrator."""
    gateway = await start_gateway(token_configuration(upstream.port))
    issued = await issue(gateway)
    await open_stream(gateway, issued.target)
    for path in DEBUG_PATHS:
        client = await RawClient.connect("127.0.0.1", gateway.admin_port)
        await client.send(request("GET", path, [*fields, ("Connection", "close")]))
        replies = [await client.reply(), await call(gateway, path, fields)]
        await client.aclose()
        shown = "".join(reply.head.raw.decode("latin-1") + reply.body.decode() for reply in replies)
        assert issued.token not in shown
        assert re.search(r"\b[0-9a-f]{64}\b", shown) is None
        assert replies[1].status in (401, 404, 405)


async def test_fault_12_stream_outlives_its_token(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A stream goes on when its token's life is over; only what was never redeemed has expired."""
    gateway = await start_gateway(
        token_configuration(upstream.port, stream_route(terms="ttl: 1s, reuse: once"))
    )
    issued = await issue(gateway)
    stream = await open_stream(gateway, issued.target)
    unused = await issue(gateway)
    await reaches(gateway, "ephemeral_tokens_expired_total", 1)
    assert await refusal(gateway, unused.target) == (401, "unauthorized")
    await upstream.exchanges[0].write(b"9\r\ndata: 1\n\n\r\n")
    assert await stream.client.until(b"data: 1\n\n")
    assert (await scrape(gateway, "/ready")).status == 200
    assert gateway.logs.named("stream.ended") == []
