"""A memory store that a test can take away, break, or have answer late."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from tentaculo.access.memory_store import MemoryStore
from tentaculo.access.store import (
    Census,
    Client,
    Grant,
    Lease,
    Redeemed,
    Standing,
    StoreEvent,
    Terms,
    TokenStoreUnavailable,
)
from tests.fakes.clock import Clock


class FaultyStore(MemoryStore):
    """Answers while it is not `away`; `fault` is raised by each step; a redeem waits for `delivers`.

    With `loses_messages` it does not tell its listener; `taken` counts the steps by name.
    """

    def __init__(self, clock: Clock, *, max_tokens: int = 1000) -> None:
        super().__init__(clock=clock, max_tokens=max_tokens)
        self.away = False
        self.fault: BaseException | None = None
        self.loses_messages = False
        self.redeemed = asyncio.Event()
        self.delivers = asyncio.Event()
        self.delivers.set()
        self.taken: list[str] = []

    def _answer(self, step: str) -> None:
        self.taken.append(step)
        if self.away:
            raise TokenStoreUnavailable
        if self.fault is not None:
            raise self.fault

    def _tell(self, event: StoreEvent) -> None:
        if not self.loses_messages:
            super()._tell(event)

    async def issue(self, digest: bytes, grant: Grant, terms: Terms) -> None:
        self._answer("issue")
        await super().issue(digest, grant, terms)

    async def redeem(self, digest: bytes, route: str, client: Client) -> Redeemed:
        self._answer("redeem")
        redeemed = await super().redeem(digest, route, client)
        self.redeemed.set()
        await self.delivers.wait()
        return redeemed

    async def renew(self, leases: Sequence[Lease]) -> Collection[Lease]:
        self._answer("renew")
        return await super().renew(leases)

    async def release(self, lease: Lease) -> None:
        self._answer("release")
        await super().release(lease)

    async def revoke(self, principal: str, *, block: float = 0.0) -> None:
        self._answer("revoke")
        await super().revoke(principal, block=block)

    async def standings(self, principals: Collection[str]) -> Mapping[str, Standing]:
        self._answer("standings")
        return await super().standings(principals)

    async def census(self) -> Census:
        self._answer("census")
        return await super().census()

    async def is_available(self) -> bool:
        return not self.away
