"""The store that the configuration asks for."""

from __future__ import annotations

import pytest

from tentaculo.access.memory_store import MemoryStore
from tentaculo.access.redis_store import RedisStore
from tentaculo.access.store import Grant, Terms, TokenStoreFull
from tentaculo.access.stores import make_store, rate_store
from tentaculo.config.settings import Secret, TokenStoreSettings


async def test_memory_is_the_default() -> None:
    """It holds as many tokens as it is told."""
    store = make_store(TokenStoreSettings(max_tokens=1))
    assert isinstance(store, MemoryStore)
    grant = Grant(principal="p", fingerprint="f", routes=())
    await store.issue(b"1", grant, Terms(ttl=60.0))
    with pytest.raises(TokenStoreFull):
        await store.issue(b"2", grant, Terms(ttl=60.0))


async def test_url_is_a_redis() -> None:
    """It is made without being asked whether it is there."""
    store = make_store(TokenStoreSettings(url=Secret("redis://127.0.0.1:1/0"), timeout=0.1))
    assert isinstance(store, RedisStore)
    await store.close()


async def test_shared_rates() -> None:
    """Limits of one instance are its own; those of several are where their tokens are."""
    assert rate_store(make_store(TokenStoreSettings())) is None
    store = make_store(TokenStoreSettings(url=Secret("redis://127.0.0.1:1/0"), timeout=0.1))
    assert isinstance(store, RedisStore)
    assert rate_store(store) is store.rates
    await store.close()
