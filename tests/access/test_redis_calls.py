"""Running scripts: one round trip, one time limit, one error."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tentaculo.access.redis_breaker import FIRST
from tentaculo.access.redis_calls import AT_ONCE, RedisCalls
from tentaculo.access.redis_client import make_client
from tentaculo.access.redis_scripts import Script
from tentaculo.access.redis_url import read_url
from tentaculo.access.store import TokenStoreUnavailable
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually
from tests.fakes.redis_server import RedisServer, becomes, running_redis
from tests.fakes.stopwatch import Stopwatch

ECHO = Script("return {KEYS[1], ARGV[1]}")
# Not in one piece: a traceback quotes the lines of this file.
SECRET = "terc3s"[::-1]
WRITE = Script("return redis.call('SET', KEYS[1], ARGV[1])")


@pytest.fixture
async def calls(server: RedisServer) -> AsyncIterator[RedisCalls]:
    """Calls that wait long, so that a busy machine fails none of them."""
    calls = RedisCalls(make_client(read_url(server.url), timeout=5), timeout=5)
    yield calls
    await calls.close()


def commands(server: RedisServer) -> dict[str, int]:
    """Return how often clients ran each command since the fixture."""
    lines = server.command("INFO", "commandstats").decode().split()
    counted = (line.removeprefix("cmdstat_").split(":calls=") for line in lines if ":calls=" in line)
    return {
        name: int(rest.split(",")[0])
        for name, rest in counted
        if name in ("evalsha", "eval", "hello", "auth")
    }


async def fault_of(calls: RedisCalls, script: Script = WRITE) -> str:
    """Return what a failing call says."""
    with pytest.raises(TokenStoreUnavailable) as caught:
        await calls.run(script, ["key"], [SECRET])
    # Logged with its traceback it shows nothing of the driver's either.
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert "redis.exceptions" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


async def test_one_round_trip(server: RedisServer, calls: RedisCalls) -> None:
    """A script travels once, afterwards its name is enough, also when the server forgot it in between."""
    for _ in range(3):
        assert await calls.run(ECHO, ["key"], ["value"]) == [b"key", b"value"]
    assert commands(server) == {"evalsha": 3, "eval": 1}
    server.command("SCRIPT", "FLUSH")
    assert await calls.run(ECHO, ["key"], ["value"]) == [b"key", b"value"]
    assert commands(server) == {"evalsha": 4, "eval": 2}


async def test_server_away(tmp_path: Path) -> None:
    """Where nobody listens a call fails at once."""
    away = RedisCalls(make_client(read_url(f"unix://:{SECRET}@{tmp_path}/no.sock"), timeout=1), timeout=1)
    await fault_of(away)
    await away.close()


@pytest.mark.parametrize(
    ("before", "script", "after"),
    [
        (("LPUSH", "key", "x"), Script("return redis.call('GET', KEYS[1])"), ("DEL", "key")),
        ((), Script("return error('s3cret')"), ()),
        ((), Script("this is no Lua: s3cret"), ()),
        (("REPLICAOF", "127.0.0.1", "1"), WRITE, ("REPLICAOF", "NO", "ONE")),
        (("CONFIG", "SET", "maxmemory", "1"), WRITE, ("CONFIG", "SET", "maxmemory", "0")),
        (("ACL", "SETUSER", "default", "-evalsha", "-eval"), WRITE, ("ACL", "SETUSER", "default", "+@all")),
    ],
    ids=[
        "wrong type",
        "script fails",
        "no script",
        "read-only replica",
        "out of memory",
        "denied",
    ],
)
async def test_faults_of_the_server(
    server: RedisServer, before: tuple[str, ...], script: Script, after: tuple[str, ...]
) -> None:
    """Whatever the server refuses is the store's being unavailable, told by the kind of fault alone."""
    calls = RedisCalls(make_client(read_url(server.url), timeout=5), timeout=5)
    try:
        if before:
            server.command(*before)
        text = await fault_of(calls, script)
    finally:
        if after:
            server.command(*after)
        await calls.close()
    assert text.isidentifier()


@pytest.mark.parametrize("answer", [b"-LOADING s3cret\r\n", b"?garbage s3cret\r\n", b""], ids=repr)
async def test_faults_of_the_line(answer: bytes) -> None:
    """A server that is loading, talks nonsense or hangs up is unavailable."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        calls = RedisCalls(make_client(read_url(f"redis://127.0.0.1:{port}"), timeout=5), timeout=5)
        assert (await fault_of(calls)).isidentifier()
        await calls.close()


async def test_a_fault_pauses_the_calls(server: RedisServer) -> None:
    """After a fault calls fail without asking the server, until one is tried again."""
    clock = Clock()
    calls = RedisCalls(make_client(read_url(server.url), timeout=5), timeout=5, clock=clock)
    await fault_of(calls, Script("return error('once')"))
    asked = commands(server)
    assert await fault_of(calls, ECHO) == "paused after a fault"
    assert commands(server) == asked
    clock.advance(FIRST)
    assert await calls.run(ECHO, ["key"], ["value"])
    await calls.close()


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "not yet connected"])
async def test_a_hung_server(server: RedisServer, connected: bool) -> None:
    """However many call a server that neither answers nor hangs up, none of them waits for half a second."""
    calls = RedisCalls(make_client(read_url(server.url), timeout=0.3), timeout=0.3)
    if connected:
        await asyncio.gather(*(calls.run(ECHO, ["key"], ["value"]) for _ in range(8)), return_exceptions=True)
    with server.hung():
        waited = await asyncio.gather(*(_waited(calls) for _ in range(8)))
        late = [await _waited(calls) for _ in range(200)]
    assert max(waited) < 0.5
    assert max(late) < 0.5
    assert sum(late) < 0.5 * 3  # nearly all of them at once
    await _until_back(calls)
    await calls.close()


async def test_a_killed_server(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A server that is killed fails calls at once, and serves them again when it returns, scripts and all."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        calls = RedisCalls(make_client(read_url(server.url), timeout=0.3), timeout=0.3)
        await _until_back(calls)
        server.kill()
        assert max([await _waited(calls) for _ in range(20)]) < 0.5
        server.start()
        await _until_back(calls)
        await calls.close()


async def test_more_calls_than_room(server: RedisServer, calls: RedisCalls) -> None:
    """Calls beyond those at once wait their turn; the server sees no more connections than that."""
    answers = await asyncio.gather(*(calls.run(ECHO, ["key"], [number]) for number in range(300)))
    assert [int(answer[1]) for answer in answers] == list(range(300))
    assert int(server.command("INFO", "stats").split(b"total_connections_received:")[1].split()[0]) < 50


async def test_a_caller_that_leaves(server: RedisServer, calls: RedisCalls) -> None:
    """A caller that is cancelled leaves neither an answer for the next one nor a pause."""
    await calls.run(ECHO, ["key"], ["first"])
    with server.hung():
        task = asyncio.ensure_future(calls.run(ECHO, ["key"], ["late"]))
        await eventually(lambda: calls._room._value < AT_ONCE)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await calls.run(ECHO, ["key"], ["value"]) == [b"key", b"value"]


async def test_closed(calls: RedisCalls) -> None:
    """After close nothing is opened anew."""
    await calls.close()
    assert await fault_of(calls) == "closed"


async def _waited(calls: RedisCalls) -> float:
    with Stopwatch() as watch, pytest.raises(TokenStoreUnavailable):
        await calls.run(ECHO, ["key"], ["value"])
    return watch()


async def _until_back(calls: RedisCalls) -> None:
    async def is_back() -> bool:
        try:
            return bool(await calls.run(ECHO, ["key"], ["value"]))
        except TokenStoreUnavailable:
            return False

    await becomes(is_back)


async def test_own_calls_have_their_own_places(server: RedisServer) -> None:
    """However many clients' calls wait, what no client asked for does not, and nothing is Redis' fault."""
    calls = RedisCalls(make_client(read_url(server.url), timeout=5), timeout=0.2)
    places = [calls._room.acquire() for _ in range(AT_ONCE)]
    await asyncio.gather(*places)
    with pytest.raises(TokenStoreUnavailable, match="queue"):
        await calls.run(ECHO, ["key"], ["value"])
    assert await calls.run(ECHO, ["key"], ["value"], own=True) == [b"key", b"value"]
    calls._room.release()
    assert await calls.run(ECHO, ["key"], ["value"]) == [b"key", b"value"]
    await calls.close()
