"""The Redis store's own: what it leaves in Redis, and how it lives with one that comes and goes."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tentaculo.access.redis_scripts import PREFIX, REDEEMED, UNREDEEMED, token_key
from tentaculo.access.redis_store import RedisStore
from tentaculo.access.store import (
    KEPT_SECONDS,
    Census,
    Client,
    Grant,
    Lease,
    Refusal,
    Terms,
    TokenRefused,
    TokenStoreFull,
    TokenStoreUnavailable,
)
from tentaculo.config.settings import Reuse
from tests.fakes.gates import eventually
from tests.fakes.redis_server import RedisServer, becomes, running_redis

GRANT = Grant(principal="one", fingerprint="f1", routes=("events",))
CLIENT = Client(binding="c0" * 32, agent="a1" * 32, address="ad" * 32)
OF_STEPS = ("evalsha", "eval")


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of the test's own."""
    with running_redis(tmp_path_factory.mktemp("redis"), "--appendonly", "yes") as server:
        yield server


def new_token() -> tuple[str, bytes]:
    """Return a token as the gateway makes them, and its digest."""
    token = str(uuid.uuid4())
    return token, hashlib.sha256(token.encode()).digest()


async def test_no_token_is_stored(server: RedisServer, store: RedisStore) -> None:
    """Neither the keys and values nor the files of Redis hold a token, in whatever state it is."""
    made = [new_token() for _ in range(9)]
    for number, (_, digest) in enumerate(made):
        terms = Terms(ttl=60, reuse=list(Reuse)[number % 3], binding="c0" * 32, max_streams=2)
        await store.issue(digest, GRANT, terms)
        if number % 2:
            await store.redeem(digest, "events", CLIENT)
    await store.revoke("one", block=60)
    server.command("SAVE")
    dump = _everything(server) + b"".join(
        path.read_bytes() for path in server.folder.rglob("*") if path.is_file()
    )
    for token, digest in made:
        assert digest.hex().encode() in dump
        for form in (token, token.replace("-", ""), token.upper()):
            assert form.encode() not in dump
        assert uuid.UUID(token).bytes not in dump


def _everything(server: RedisServer) -> bytes:
    readers = {b"hash": ("HGETALL",), b"zset": ("ZRANGE", 0, -1), b"string": ("GET",)}
    found: list[bytes] = []
    for key in server.command("KEYS", "*"):
        assert key.startswith(PREFIX.encode())
        reader, *rest = readers[server.command("TYPE", key)]
        value = server.command(reader, key, *rest)
        found += [key, *(value if isinstance(value, list) else [value])]
    return b"\n".join(found)


@pytest.mark.parametrize("reuse", list(Reuse))
async def test_keys_expire_by_themselves(server: RedisServer, store: RedisStore, reuse: Reuse) -> None:
    """Each token's key has its end in Redis: a minute after the token's."""
    _, digest = new_token()
    await store.issue(digest, GRANT, Terms(ttl=20, reuse=reuse, resume_grace=7))
    assert _left(server, digest) == pytest.approx(20 + KEPT_SECONDS, abs=5)
    await store.redeem(digest, "events", CLIENT)
    after = {Reuse.RESUME: 15 + 7, Reuse.ONCE: 0, Reuse.TTL: 20}[reuse]
    assert _left(server, digest) == pytest.approx(after + KEPT_SECONDS, abs=5)
    if reuse is Reuse.RESUME:
        await store.release(Lease(digest, 1))
        assert _left(server, digest) == pytest.approx(7 + KEPT_SECONDS, abs=5)


def _left(server: RedisServer, digest: bytes) -> float:
    return float(server.command("PTTL", token_key(digest)) / 1000)


async def test_blocks_expire_by_themselves(server: RedisServer, store: RedisStore) -> None:
    """A block's key is gone when the block is over."""
    await store.revoke("one", block=0.05)
    assert 0 < (await store.standings(["one"]))["one"].blocked_for <= 0.05
    await eventually(lambda: not server.command("KEYS", f"{PREFIX}block:*"))
    assert (await store.standings(["one"]))["one"].blocked_for == 0


async def test_time_is_redis_own(server: RedisServer, store: RedisStore) -> None:
    """Without a test's clock a token ages and expires by the time of Redis."""
    _, digest = new_token()
    await store.issue(digest, GRANT, Terms(ttl=1.0, reuse=Reuse.TTL))
    ages = [(await store.redeem(digest, "events", CLIENT)).age for _ in range(2)]
    assert 0 <= ages[0] <= ages[1] < 1
    issued = int(server.command("HGET", token_key(digest), "i")) / 1e6
    assert int(server.command("TIME")[0]) - issued == pytest.approx(0, abs=5)

    async def is_over() -> bool:
        return await store.census() == Census(0, 0)

    await becomes(is_over)
    with pytest.raises(TokenRefused) as caught:
        await store.redeem(digest, "events", CLIENT)
    assert caught.value.reason is Refusal.EXPIRED


async def test_one_round_trip_a_step(server: RedisServer, store: RedisStore) -> None:
    """Issuing and redeeming are one command each, once the scripts are known."""
    for turn in range(2):
        server.command("CONFIG", "RESETSTAT")
        _, digest = new_token()
        await store.issue(digest, GRANT, Terms(ttl=60))
        held = (await store.redeem(digest, "events", CLIENT)).lease
        assert held is not None
        await store.renew([held])
        await store.release(held)
        stats = server.command("INFO", "commandstats").decode().split()
        asked = {name: n for name in OF_STEPS for n in stats if n.startswith(f"cmdstat_{name}:calls=")}
        assert asked["evalsha"].startswith("cmdstat_evalsha:calls=4,")
        assert ("eval" in asked) is (turn == 0)


async def test_full_for_every_instance(server: RedisServer, store: RedisStore) -> None:
    """The bound is of the store, not of the instance."""
    for number in range(2):
        await store.issue(new_token()[1], replace(GRANT, principal=str(number)), Terms(ttl=60))
    small = RedisStore(server.url, timeout=5, max_tokens=2)
    with pytest.raises(TokenStoreFull):
        await small.issue(new_token()[1], GRANT, Terms(ttl=60))
    assert server.command("ZCARD", UNREDEEMED) == 2
    await small.close()


async def test_many_past_tokens_go_little_by_little(server: RedisServer, store: RedisStore) -> None:
    """A step lets go a bounded number of past tokens, yet never counts the others as valid."""
    past = [part for number in range(25_000) for part in (number, f"{number:064x}")]
    for start in range(0, len(past), 10_000):
        server.command("ZADD", UNREDEEMED, *past[start : start + 10_000])
    server.command("ZADD", REDEEMED, *past[:5000])
    await store.issue(new_token()[1], GRANT, Terms(ttl=60))
    assert server.command("ZCARD", UNREDEEMED) == 24_001
    assert await store.census() == Census(1, 11_000)
    assert await store.census() == Census(1, 10_000)
    assert await store.census() == Census(1, 4_000)
    assert await store.census() == Census(1, 0)


async def test_an_empty_redis_returns(server: RedisServer, store: RedisStore) -> None:
    """After Redis was killed and lost everything, open streams go on, and issuing works again."""
    server.command("CONFIG", "SET", "appendonly", "no")
    _, digest = new_token()
    await store.issue(digest, GRANT, Terms(ttl=60))
    held = (await store.redeem(digest, "events", CLIENT)).lease
    assert held is not None
    await store.revoke("another")
    before = (await store.standings(["another"]))["another"].epoch
    server.kill()
    with pytest.raises(TokenStoreUnavailable):
        await store.renew([held])
    assert not await store.is_available()
    for path in server.folder.glob("appendonlydir/*"):
        path.unlink()
    server.start()
    await becomes(store.is_available)
    assert list(await store.renew([held])) == []
    await store.release(held)
    await store.issue(digest, GRANT, Terms(ttl=60))
    await store.redeem(digest, "events", CLIENT)
    await store.revoke("another")
    assert (await store.standings(["another"]))["another"].epoch > before


async def test_start_and_close_without_redis(server: RedisServer) -> None:
    """Neither waits for a Redis that hangs, and nothing is left open."""
    store = RedisStore(server.url, timeout=0.3)
    with server.hung():
        async with asyncio.timeout(2):
            await store.start(lambda _: None)
            assert not await store.is_available()
            await store.close()


async def test_close_ends_the_reading(store: RedisStore) -> None:
    """After close no task of the store is left."""
    before = asyncio.all_tasks()
    await store.start(lambda _: None)
    assert len(asyncio.all_tasks() - before) == 1
    await store.close()
    assert not asyncio.all_tasks() - before


def test_bad_url() -> None:
    """A URL that is none is told at once."""
    with pytest.raises(ValueError, match="must begin with one of"):
        RedisStore("memcached://cache")
