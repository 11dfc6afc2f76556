"""A token store as seen from outside: how long each step takes, which ones fail, and so whether it is up."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from tentaculo.access.store import (
    Census,
    Client,
    Grant,
    Lease,
    Listener,
    Redeemed,
    Standing,
    Terms,
    TokenStore,
    TokenStoreUnavailable,
)

T = TypeVar("T")


class StoreWatch(Protocol):
    """Told of each step; see `telemetry.token_metrics`."""

    def store_answered(self, step: str, seconds: float) -> None:
        """The store took so long for a step."""

    def store_worked(self) -> None:
        """The store did what it was asked."""

    def store_failed(self, step: str) -> None:
        """The store failed a step."""


class MeasuredStore:
    """Passes every step on to `store`, and tells `watch`."""

    def __init__(
        self, store: TokenStore, watch: StoreWatch, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._watch = watch
        self._clock = clock

    async def start(self, listener: Listener) -> None:
        await self._store.start(listener)

    async def close(self) -> None:
        await self._store.close()

    async def issue(self, digest: bytes, grant: Grant, terms: Terms) -> None:
        await self._step("issue", self._store.issue(digest, grant, terms))

    async def redeem(self, digest: bytes, route: str, client: Client) -> Redeemed:
        return await self._step("redeem", self._store.redeem(digest, route, client))

    async def renew(self, leases: Sequence[Lease]) -> Collection[Lease]:
        return await self._step("renew", self._store.renew(leases))

    async def release(self, lease: Lease) -> None:
        await self._step("release", self._store.release(lease))

    async def revoke(self, principal: str, *, block: float = 0.0) -> None:
        await self._step("revoke", self._store.revoke(principal, block=block))

    async def standings(self, principals: Collection[str]) -> Mapping[str, Standing]:
        return await self._step("standings", self._store.standings(principals))

    async def census(self) -> Census:
        return await self._step("census", self._store.census())

    async def is_available(self) -> bool:
        return await self._store.is_available()

    async def _step(self, step: str, doing: Awaitable[T]) -> T:
        began = self._clock()
        try:
            done = await doing
        except TokenStoreUnavailable:
            self._watch.store_failed(step)
            raise
        finally:
            self._watch.store_answered(step, self._clock() - began)
        self._watch.store_worked()
        return done
