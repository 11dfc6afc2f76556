"""Ephemeral tokens of the operator backend, kept in memory.

It holds digests and expiries only: no token in the clear, and nothing of the principal that it was issued to.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable


class TokenStoreUnavailable(Exception):
    """The store can neither issue nor redeem at the moment."""


class EphemeralTokens:
    """Issue tokens that open streams for `lifetime` seconds, at most `limit` of them at a time."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        new_token: Callable[[], str] = lambda: str(uuid.uuid4()),
        lifetime: float = 60.0,
        limit: int = 10_000,
    ) -> None:
        self.lifetime = lifetime
        self._clock = clock
        self._new_token = new_token
        self._limit = limit
        self._expiries: dict[bytes, float] = {}

    def issue(self) -> str:
        """Return a new token; raise TokenStoreUnavailable when `limit` of them are valid."""
        self.expire()
        if len(self._expiries) >= self._limit:
            raise TokenStoreUnavailable
        token = self._new_token()
        self._expiries[_digest(token)] = self._clock() + self.lifetime
        return token

    def redeem(self, token: str) -> bool:
        """Whether the token was issued here and has not expired; it may be redeemed again until then."""
        expiry = self._expiries.get(_digest(token))
        return expiry is not None and self._clock() < expiry

    def expire(self) -> None:
        """Forget what has expired, read or not; called by time."""
        now = self._clock()
        # Every token lives equally long, so the dict's order is the order of expiry.
        while self._expiries and next(iter(self._expiries.values())) <= now:
            del self._expiries[next(iter(self._expiries))]

    def __len__(self) -> int:
        return len(self._expiries)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
