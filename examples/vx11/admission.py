"""Who may do what at the operator: the principal token issues ephemeral ones, and either opens the stream.

It reads requests and raises what refuses them; it sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from examples.vx11.principal import PrincipalToken
from examples.vx11.problems import Refused
from examples.vx11.tokens import StreamTokens
from tentaculo.access.store import TokenStoreUnavailable

CREDENTIAL_HEADER = "X-VX11-Token"
PARAMETER = "token"


class Admission:
    """Checks credentials; every step raises Refused where it lets nobody through."""

    def __init__(self, principal: PrincipalToken, tokens: StreamTokens) -> None:
        self._principal = principal
        self._tokens = tokens

    async def issue(self, request: web.Request, lifetime: float) -> str:
        """Return a new token, good for `lifetime` seconds, to the principal."""
        presented = request.headers.getall(CREDENTIAL_HEADER, [])
        if not self._principal.is_proved_by(_only(presented)):
            raise _unauthorized()
        try:
            return await self._tokens.issue(lifetime)
        except TokenStoreUnavailable:
            raise _store_unavailable() from None

    async def admit(self, request: web.Request) -> None:
        """Let one who may open the stream pass."""
        headers = request.headers.getall(CREDENTIAL_HEADER, [])
        parameters = request.query.getall(PARAMETER, [])
        presented = _only([*headers, *parameters])
        proved = self._principal.is_proved_by(presented) if headers else await self._redeem(presented)
        if not proved:
            raise _unauthorized()

    async def count_tokens(self) -> int | None:
        """Let expired tokens go; return how many are valid, None where the store can't tell."""
        try:
            return await self._tokens.expire()
        except TokenStoreUnavailable:
            return None

    async def _redeem(self, token: str) -> bool:
        try:
            return await self._tokens.redeem(token)
        except TokenStoreUnavailable:
            raise _store_unavailable() from None


def _only(presented: Sequence[str]) -> str:
    if not presented:
        raise _unauthorized()
    if len(presented) > 1:
        raise Refused(400, "ambiguous_credential", "Exactly one credential may be presented")
    return presented[0]


def _unauthorized() -> Refused:
    return Refused(401, "unauthorized", "A valid credential is required")


def _store_unavailable() -> Refused:
    return Refused(503, "token_store_unavailable", "The token store does not answer", retry_after=1)
