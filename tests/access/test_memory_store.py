"""The memory store's own: how much it holds, and that it gives it back (see also tests/contracts)."""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from itertools import pairwise

import pytest

from tentaculo.access.memory_store import SWEPT_AT_ONCE, SWEPT_BY_A_STEP, MemoryStore
from tentaculo.access.store import (
    KEPT_SECONDS,
    Census,
    Client,
    Grant,
    Refusal,
    Terms,
    TokenRefused,
    TokenStoreFull,
)
from tentaculo.config.settings import Reuse
from tests.fakes.clock import Clock

GRANT = Grant(principal="one", fingerprint="f1", routes=("events",))
CLIENT = Client(binding=None, agent="a1", address="ad")


def digest(number: int) -> bytes:
    """Return the digest of a made-up token."""
    return number.to_bytes(32, "big")


async def refusal(store: MemoryStore, number: int) -> Refusal:
    """Return why a redeem is refused; fails where it is not."""
    with pytest.raises(TokenRefused) as caught:
        await store.redeem(digest(number), "events", CLIENT)
    return caught.value.reason


async def fill_and_expire(store: MemoryStore, clock: Clock, tokens: int) -> int:
    """Issue tokens of every kind, redeem some of them, let all of them expire; return the most held."""
    kinds = [Terms(ttl=20.0, reuse=reuse) for reuse in Reuse]
    most = 0
    for number in range(tokens):
        await store.issue(digest(number), GRANT, kinds[number % 3])
        if number % 4 == 1:
            await store.redeem(digest(number), "events", CLIENT)
        if not number % (tokens // 100):
            clock.advance(2)
            most = max(most, len(store))
    clock.advance(3600 + KEPT_SECONDS)
    return most


@pytest.mark.slow
async def test_a_million_tokens_leave_nothing() -> None:
    """After a million issued, redeemed and expired tokens the containers are as small as they were."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    gc.disable()  # half of the time would go to looking at a million live objects again and again
    try:
        assert await fill_and_expire(store, clock, 1_000_000) > 300_000
        assert await store.census() == Census(0, 750_000)
    finally:
        gc.enable()
    assert len(store) == 0
    assert sum(sys.getsizeof(part) for part in vars(store).values()) < 3_000


async def test_expired_tokens_leave_no_memory() -> None:
    """After many expired tokens nothing is held that was not held before."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    await fill_and_expire(store, clock, 1_000)
    await store.census()
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        assert await fill_and_expire(store, clock, 10_000) > 3_000
        await store.census()
        gc.collect()
        after, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most - before > 1_000_000
    assert after - before < 50_000


async def test_past_tokens_leave_without_being_read() -> None:
    """Steps for other tokens let the past ones go, a bounded number at a time."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    for number in range(SWEPT_BY_A_STEP * 2):
        await store.issue(digest(number), GRANT, Terms(ttl=5.0))
    clock.advance(5 + KEPT_SECONDS)
    sizes = [len(store)]
    for number in range(1000, 1006):
        await store.issue(digest(number), GRANT, Terms(ttl=5.0))
        sizes.append(len(store))
    assert max(before - after for before, after in pairwise(sizes)) <= SWEPT_BY_A_STEP
    assert sizes[-1] == 6


async def test_stale_plans_do_not_pile_up() -> None:
    """Used tokens leave within a minute, and with them what was planned for the end of their long time."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    for number in range(20_000):
        await store.issue(digest(number), GRANT, Terms(ttl=3600.0, reuse=Reuse.ONCE))
        await store.redeem(digest(number), "events", CLIENT)
        clock.advance(0.1)
    assert len(store) <= KEPT_SECONDS * 10 + SWEPT_BY_A_STEP
    assert sum(sys.getsizeof(part) for part in vars(store).values()) < 200_000


async def test_remembered_tokens_give_way() -> None:
    """At the bound what has ended is forgotten, the oldest first; what is valid never is."""
    clock = Clock()
    store = MemoryStore(clock=clock, max_tokens=3)
    for number in range(3):
        await store.issue(digest(number), GRANT, Terms(ttl=60.0, reuse=Reuse.ONCE))
    for number in (1, 0):
        await store.redeem(digest(number), "events", CLIENT)
    await store.issue(digest(3), GRANT, Terms(ttl=60.0))
    assert await refusal(store, 1) is Refusal.UNKNOWN
    assert await refusal(store, 0) is Refusal.USED
    await store.issue(digest(4), GRANT, Terms(ttl=60.0))
    with pytest.raises(TokenStoreFull):
        await store.issue(digest(5), GRANT, Terms(ttl=60.0))
    assert len(store) == 3
    assert await store.census() == Census(3, 0)


async def test_sweep_forgets_nothing_too_early() -> None:
    """A census lets go what is a minute past its end, and nothing else."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    await store.issue(digest(1), GRANT, Terms(ttl=5.0))
    await store.issue(digest(2), GRANT, Terms(ttl=6.0))
    clock.advance(5 + KEPT_SECONDS - 0.001)
    await store.census()
    assert len(store) == 2
    clock.advance(0.001)
    await store.census()
    assert len(store) == 1
    assert await refusal(store, 2) is Refusal.EXPIRED


async def test_census_lets_others_run() -> None:
    """However many tokens end at once, the census gives the event loop back in between."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    for number in range(3 * SWEPT_AT_ONCE):
        await store.issue(digest(number), GRANT, Terms(ttl=60))
    clock.advance(61)
    census = asyncio.ensure_future(store.census())
    turns = 0
    while not census.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 3
    assert await census == Census(0, 3 * SWEPT_AT_ONCE)
