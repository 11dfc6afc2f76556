"""Ephemeral tokens: made here, kept as digests in a store, good for opening streams.

It knows tokens, clients and the streams that hold a token; nothing of HTTP. The life of a token is
not that of its stream: a stream goes on when its token expires, and ends when its principal is
revoked or another opening takes over.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Callable, Iterable
from typing import Protocol

from tentaculo.access.store import (
    Census,
    Client,
    Grant,
    Lease,
    Redeemed,
    Refusal,
    Revoked,
    Superseded,
    Terms,
    TokenRefused,
    TokenStore,
    TokenStoreUnavailable,
)

EndOpening = Callable[[str], None]
_UUID4 = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
).fullmatch


class TokenWatch(Protocol):
    """Told what happens to tokens; see `telemetry.token_metrics`."""

    def token_issued(self) -> None:
        """One was issued."""

    def token_redeemed(self, age: float) -> None:
        """One was redeemed, `age` seconds after it was issued."""

    def token_refused(self, reason: str) -> None:
        """One opened nothing."""

    def counted(self, valid: int, expired: int) -> None:
        """The store was counted."""


def new_token() -> str:
    """Return a random token: the text of a UUID of version 4, 122 random bits."""
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))


def digest(token: bytes) -> bytes:
    """Return what a store knows a token by."""
    return hashlib.sha256(token).digest()


def client_digest(*parts: bytes) -> str:
    """Return what a client is known by: two give the same only for the same parts."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(b"%d:" % len(part))
        hashed.update(part)
    return hashed.hexdigest()


class EphemeralTokens:
    """Issues and redeems tokens.

    Every step raises TokenStoreUnavailable where the store can't answer.
    """

    def __init__(
        self,
        store: TokenStore,
        watch: TokenWatch,
        *,
        make_token: Callable[[], str] = new_token,
    ) -> None:
        self._store = store
        self._watch = watch
        self._on_revoked: Callable[[Revoked], None] = lambda revoked: None
        self._make_token = make_token
        self._open: dict[Lease, EndOpening] = {}

    async def start(self, on_revoked: Callable[[Revoked], None]) -> None:
        """Begin to hear what all instances do; `on_revoked` is told of each revocation."""
        self._on_revoked = on_revoked
        await self._store.start(self._happened)

    async def close(self) -> None:
        """Stop; streams that are open keep nothing alive."""
        self._open.clear()
        await self._store.close()

    async def issue(self, grant: Grant, terms: Terms) -> str:
        """Return a new token.  Raises TokenStoreFull or PrincipalBlocked."""
        token = self._make_token()
        await self._store.issue(digest(token.encode()), grant, terms)
        self._watch.token_issued()
        return token

    async def redeem(self, token: bytes, route: str, client: Client) -> Redeemed:
        """Open a stream of `route`; the opening is to be held, and at its end released.

        Raises TokenRefused. What has not the form of a token is unknown, and the store is not asked.
        """
        try:
            redeemed = await self._redeem(token, route, client)
        except TokenRefused as refused:
            self._watch.token_refused(refused.reason.value)
            raise
        self._watch.token_redeemed(redeemed.age)
        self._supersede(redeemed.superseded)
        return redeemed

    async def _redeem(self, token: bytes, route: str, client: Client) -> Redeemed:
        if _UUID4(token) is None:
            raise TokenRefused(Refusal.UNKNOWN)
        return await self._store.redeem(digest(token), route, client)

    def hold(self, lease: Lease, end: EndOpening) -> None:
        """Renew the lease from now on, and call `end` with an end reason when another opening takes over."""
        self._open[lease] = end

    async def release(self, lease: Lease) -> None:
        """Say that the stream is over; where the store is away its lease runs out by itself."""
        self._open.pop(lease, None)
        try:
            await self._store.release(lease)
        except TokenStoreUnavailable:
            return

    async def renew(self) -> None:
        """Renew the leases of all open streams; to be called every RENEW_SECONDS.

        While the store is away the streams go on.
        """
        leases = list(self._open)
        if leases:
            self._supersede(await self._store.renew(leases))

    async def revoke(self, principal: str, *, block: float = 0.0) -> None:
        """End the principal's streams and tokens on every instance; for `block` seconds refuse its own."""
        await self._store.revoke(principal, block=block)

    async def expire(self) -> Census:
        """Let expired tokens go, and count those that are valid."""
        census = await self._store.census()
        self._watch.counted(census.valid, census.expired)
        return census

    async def is_available(self) -> bool:
        """Whether tokens can be issued and redeemed now."""
        return await self._store.is_available()

    def _happened(self, event: Revoked | Superseded) -> None:
        if isinstance(event, Superseded):
            self._supersede(event.leases)
        else:
            self._on_revoked(event)

    def _supersede(self, leases: Iterable[Lease]) -> None:
        for lease in leases:
            end = self._open.pop(lease, None)
            if end is not None:
                end("superseded")
