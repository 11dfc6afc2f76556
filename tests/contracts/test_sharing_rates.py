"""Shared buckets in memory, which tests use, and in Redis: what is owed, and how far limits hold."""

from __future__ import annotations

from contextlib import AsyncExitStack

from hypothesis import given, settings
from hypothesis import strategies as st

from tentaculo.access.rate_limits import RateLimits
from tentaculo.access.rate_sharing import Charge, RateSharing, RateStore
from tentaculo.access.redis_store import RedisStore
from tentaculo.config.settings import Rate, RateLimitSettings, RatePer, RouteSettings
from tests.access.faulty_rates import FaultyRates
from tests.fakes.clock import Clock
from tests.fakes.redis_server import RedisServer

RATE, BURST = 2.0, 4
PAUSE = 0.5
INSTANCES = 3
CHARGES = st.builds(
    Charge,
    st.sampled_from(["api", "other"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from([5.0, 10.0, 200.0]),
    st.sampled_from([10.0, 20.0]),
)
# Whole parts of a second that a double holds exactly, so that both come to the same.
SECONDS = st.sampled_from([0.0, 0.25, 5.0, 40.0, 400.0])


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(SECONDS, st.lists(CHARGES, min_size=1, max_size=4)), max_size=20))
async def test_same_steps_same_answers(server: RedisServer, steps: list[tuple[float, list[Charge]]]) -> None:
    """A sequence of charges is answered alike by both."""
    server.command("FLUSHALL")
    clock = Clock()
    memory, redis = FaultyRates(clock), RedisStore(server.url, timeout=5, clock=clock)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(redis.close)
        for seconds, charges in steps:
            clock.advance(seconds)
            # A key also ends by Redis' own clock, which no test moves: so no bucket here is full soon.
            assert await redis.rates.charge(charges) == await memory.charge(charges)


class Instance:
    """One instance; `allowed` are the times of the calls that it let pass."""

    def __init__(self, store: RateStore, clock: Clock) -> None:
        limit = RateLimitSettings(rate=Rate(rate=RATE, burst=BURST), per=RatePer.ROUTE)
        route = RouteSettings(name="api", path="/", upstream="backend", rate_limit=limit)
        self.limits = RateLimits([route], shared=True)
        self.sharing = RateSharing(store, lambda: self.limits, clock=clock)
        self.clock = clock

    def call(self, count: int) -> int:
        """Make calls; return how many were allowed."""
        (limit,) = self.limits
        return sum(limit.take("", self.clock()).allowed for _ in range(count))


CALLS = st.tuples(*(st.integers(0, 6) for _ in range(INSTANCES)))
# Of each round: the calls of each instance, whether they come before or after it shares, and in which order.
ROUNDS = st.lists(st.tuples(CALLS, CALLS, st.permutations(range(INSTANCES))), max_size=40)


async def check_bound(store: RateStore, clock: Clock, rounds: list[tuple[tuple[int, ...], ...]]) -> None:
    """Play rounds of calls; never, over no time at all of it, may more pass than the bound says."""
    instances = [Instance(store, clock) for _ in range(INSTANCES)]
    passed: list[int] = []
    for before, after, order in rounds:
        count = 0
        for number in order:
            count += instances[number].call(before[number])
            await instances[number].sharing.share()
            count += instances[number].call(after[number])
        passed.append(count)
        clock.advance(PAUSE)
    for start in range(len(passed)):
        for end in range(start + 1, len(passed) + 1):
            most = RATE * PAUSE * (end - start - 1) + INSTANCES * (BURST + RATE * PAUSE)
            assert sum(passed[start:end]) <= most + 1e-6, passed


@settings(max_examples=150, deadline=None)
@given(rounds=ROUNDS)
async def test_bound_in_memory(rounds: list[tuple[tuple[int, ...], ...]]) -> None:
    """However calls are spread over instances, all together keep the bound."""
    clock = Clock()
    await check_bound(FaultyRates(clock), clock, rounds)


@settings(max_examples=30, deadline=None)
@given(rounds=ROUNDS)
async def test_bound_in_redis(server: RedisServer, rounds: list[tuple[tuple[int, ...], ...]]) -> None:
    """So do instances that share a Redis."""
    server.command("FLUSHALL")
    clock = Clock()
    store = RedisStore(server.url, timeout=5, clock=clock)
    try:
        await check_bound(store.rates, clock, rounds)
    finally:
        await store.close()


async def test_two_instances_in_the_long_run(server: RedisServer) -> None:
    """Under a load that never ends, two instances together allow the rate and their bursts, and no less."""
    server.command("FLUSHALL")
    clock = Clock()
    passed = 0
    async with AsyncExitStack() as closing:
        stores = [RedisStore(server.url, timeout=5, clock=clock) for _ in range(2)]
        for store in stores:
            closing.push_async_callback(store.close)
        instances = [Instance(store.rates, clock) for store in stores]
        for _ in range(400):
            for instance in instances:
                passed += instance.call(3)
                await instance.sharing.share()
            clock.advance(0.125)
    alone = RATE * 400 * 0.125
    assert alone <= passed <= alone + 2 * BURST
