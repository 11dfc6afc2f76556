"""Buckets in Redis: what they leave there, and how they live with a server that comes and goes."""

from __future__ import annotations

import pytest
from redis.cluster import key_slot  # type: ignore[attr-defined]

from tentaculo.access.rate_limits import MOST_FILLINGS
from tentaculo.access.rate_sharing import Charge
from tentaculo.access.redis_rates import RedisRates, bucket_key
from tentaculo.access.redis_scripts import PREFIX
from tentaculo.access.redis_store import RedisStore
from tentaculo.access.store import TokenStoreUnavailable
from tests.fakes.clock import Clock
from tests.fakes.gates import soon
from tests.fakes.redis_server import RedisServer, becomes, running_redis
from tests.fakes.stopwatch import Stopwatch

ADDRESS = "192.0.2.7"
CHARGE = Charge("api", ADDRESS, 2.0, 10.0)


async def charged(rates: RedisRates, *charges: Charge) -> bool:
    """Whether that could be charged."""
    try:
        await rates.charge(charges or (CHARGE,))
    except TokenStoreUnavailable:
        return False
    return True


async def test_by_the_clock_of_redis(store: RedisStore) -> None:
    """What is owed grows with what is taken, and falls with time."""
    first, second = await store.rates.charge([CHARGE, Charge("api", "b", 0.5, 10.0)])
    assert (first, second) == (2.0, 0.5)
    (third,) = await store.rates.charge([CHARGE])
    assert 3.0 < third <= 4.0


async def test_what_it_leaves(server: RedisServer, store: RedisStore) -> None:
    """One key a bucket, which shows no address and ends when the bucket is full."""
    await store.rates.charge([CHARGE])
    (key,) = server.command("KEYS", "*")
    assert key.decode() == bucket_key("api", ADDRESS)
    assert ADDRESS.encode() not in key + server.command("GET", key)
    assert 0 < server.command("PTTL", key) <= 2000


def test_keys() -> None:
    """No two callers share one, and all share a slot with the tokens."""
    keys = [
        bucket_key(*names) for names in (("a", "b"), ("a", ""), ("ab", ""), ("", "ab"), ("a:b", "\udcff"))
    ]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith(PREFIX) for key in keys)
    assert {key_slot(key.encode()) for key in keys} == {key_slot(b"tentaculo")}


async def test_one_round_trip(server: RedisServer, store: RedisStore) -> None:
    """However many callers, they are one step over one connection, which is the token store's too."""
    await store.standings(["one"])
    for _ in range(3):
        await store.rates.charge([Charge("api", str(number), 0.1, 1.0) for number in range(500)])
    stats = server.command("INFO", "commandstats").decode()
    assert "cmdstat_evalsha:calls=4," in stats
    assert "cmdstat_eval:calls=2," in stats
    assert len(server.command("CLIENT", "LIST").splitlines()) == 2, "that, and the test's own"


async def test_clock_that_is_set_back(server: RedisServer) -> None:
    """Nobody is locked out for longer than a bucket takes to fill so many times."""
    clock = Clock(1e6)
    store = RedisStore(server.url, timeout=5, clock=clock)
    await store.rates.charge([CHARGE])
    clock.advance(-3600.0)
    answer = await store.rates.charge([CHARGE])
    await store.close()
    assert answer == [MOST_FILLINGS * 10.0]


@pytest.mark.parametrize("taken", [0.0, 1e-9, 1e-6])
async def test_next_to_nothing(taken: float, store: RedisStore) -> None:
    """Even the fastest rates leave a key with an end."""
    assert await store.rates.charge([Charge("api", "a", taken, taken)]) == [1e-6]


async def test_faults_are_its_own(server: RedisServer, store: RedisStore) -> None:
    """A bucket that is none fails the step, with no word of the driver's, and pauses no token's."""
    server.command("LPUSH", bucket_key("api", ADDRESS), "x")
    with pytest.raises(TokenStoreUnavailable, match=r"\AResponseError\Z"):
        await store.rates.charge([CHARGE])
    assert not await charged(store.rates, Charge("api", "b", 1.0, 1.0)), "paused"
    await store.standings(["one"])


async def test_server_that_hangs_or_is_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A step is given up within half a second, the next ones at once; when it is back they work again."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        store = RedisStore(server.url, timeout=0.3)
        await becomes(lambda: charged(store.rates))
        with server.hung():
            assert max([await _waited(store.rates) for _ in range(50)]) < 0.5
        await becomes(lambda: charged(store.rates))
        server.kill()
        assert max([await _waited(store.rates) for _ in range(20)]) < 0.5
        server.start()
        await becomes(lambda: charged(store.rates))
        await store.close()


async def _waited(rates: RedisRates) -> float:
    with Stopwatch() as watch:
        assert not await soon(charged(rates))
    return watch()
