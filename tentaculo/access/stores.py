"""Which token store the configuration asks for."""

from __future__ import annotations

from tentaculo.access.memory_store import MemoryStore
from tentaculo.access.store import TokenStore
from tentaculo.config.settings import TokenStoreSettings


def make_store(settings: TokenStoreSettings) -> TokenStore:
    """Return the store, not started yet."""
    if settings.url is None:
        return MemoryStore(max_tokens=settings.max_tokens)
    from tentaculo.access.redis_store import RedisStore  # noqa: PLC0415 - 10 MiB that few need

    return RedisStore(settings.url.reveal(), timeout=settings.timeout, max_tokens=settings.max_tokens)
