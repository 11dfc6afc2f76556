"""Which token store the configuration asks for, and what else its instances share through that."""

from __future__ import annotations

from tentaculo.access.memory_store import MemoryStore
from tentaculo.access.rate_sharing import RateStore
from tentaculo.access.store import TokenStore
from tentaculo.config.settings import TokenStoreSettings


def make_store(settings: TokenStoreSettings) -> TokenStore:
    """Return the store, not started yet."""
    if settings.url is None:
        return MemoryStore(max_tokens=settings.max_tokens)
    from tentaculo.access.redis_store import RedisStore  # noqa: PLC0415 - 10 MiB that few need

    return RedisStore(settings.url.reveal(), timeout=settings.timeout, max_tokens=settings.max_tokens)


def rate_store(store: TokenStore) -> RateStore | None:
    """Return where instances share their rate limits, None where there is one instance only."""
    if isinstance(store, MemoryStore):
        return None
    from tentaculo.access.redis_store import RedisStore  # noqa: PLC0415 - as above

    return store.rates if isinstance(store, RedisStore) else None
