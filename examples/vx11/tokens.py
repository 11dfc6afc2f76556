"""The operator's ephemeral tokens in delegated mode: the gateway's own class, for this backend's one stream.

A token opens it any number of times until it expires, whoever comes with it: behind a gateway all clients
have one address. It knows no HTTP.
"""

from __future__ import annotations

from tentaculo.access.ephemeral_tokens import EphemeralTokens, client_digest
from tentaculo.access.store import (
    Client,
    Grant,
    Terms,
    TokenRefused,
    TokenStore,
    TokenStoreFull,
    TokenStoreUnavailable,
)
from tentaculo.config.settings import Reuse

MOST_TOKENS = 10_000

_ROUTE = "operator-events"
_ANYONE = Client(binding=None, agent=client_digest(), address=client_digest())
# There is one principal, with one token for as long as the process runs.
_GRANT = Grant(principal="operator", fingerprint="", routes=(_ROUTE,))


class _Unwatched:
    """Takes no notice of what happens to tokens: the gateway's metrics are not the backend's."""

    def token_issued(self) -> None: ...
    def token_redeemed(self, age: float) -> None: ...
    def token_refused(self, reason: str) -> None: ...
    def counted(self, valid: int, expired: int) -> None: ...


class StreamTokens:
    """Tokens for the operator's stream.  Every step raises TokenStoreUnavailable where the store fails it."""

    def __init__(self, store: TokenStore) -> None:
        self._tokens = EphemeralTokens(store, _Unwatched())

    async def issue(self, lifetime: float) -> str:
        """Return a new token that is good for `lifetime` seconds."""
        try:
            return await self._tokens.issue(_GRANT, Terms(ttl=lifetime, reuse=Reuse.TTL))
        except TokenStoreFull:
            raise TokenStoreUnavailable from None

    async def redeem(self, token: str) -> bool:
        """Whether the token was issued here and has not expired."""
        try:
            await self._tokens.redeem(token.encode("utf-8", "surrogateescape"), _ROUTE, _ANYONE)
        except TokenRefused:
            return False
        return True

    async def expire(self) -> int:
        """Let expired tokens go, read or not, and return how many are valid; to be called by time."""
        return (await self._tokens.expire()).valid
