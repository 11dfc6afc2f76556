"""What is done for tokens and principals from time to time, whether or not anyone calls.

So the store is asked now and then in any case, and that it is away is known before anyone needs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.access.standings import Standings
from tentaculo.access.store import RENEW_SECONDS, Revoked, Standing, TokenStore, TokenStoreUnavailable


class Upkeep:
    """Renews leases, lets expired tokens go, and asks how principals stand, in case a message was lost.

    `end_streams` is called with the name of a principal that was revoked.
    """

    def __init__(
        self,
        tokens: EphemeralTokens,
        store: TokenStore,
        standings: Standings,
        *,
        principals: Callable[[], Collection[str]],
        end_streams: Callable[[str], None],
    ) -> None:
        self._tokens = tokens
        self._store = store
        self._standings = standings
        self._principals = principals
        self._end_streams = end_streams

    async def run(self) -> None:
        """Look after everything every RENEW_SECONDS, for ever."""
        while True:
            try:
                await self.look()
            except Exception as fault:  # whatever it is, open streams still need their leases
                _report(fault)
            await asyncio.sleep(RENEW_SECONDS)

    async def look(self) -> None:
        """Look after everything once; what the store can't do now is left for the next time."""
        for step in (self._tokens.renew, self._recheck, self._tokens.expire):
            try:
                await step()
            except TokenStoreUnavailable:
                return

    def heard(self, revoked: Revoked) -> None:
        """Take in a message from the store: a revocation, whatever was known before."""
        self._standings.note(revoked.principal, revoked.standing)
        self._end_streams(revoked.principal)

    async def _recheck(self) -> None:
        found = await self._store.standings(self._principals())
        for name, standing in found.items():
            self._note(name, standing)

    def _note(self, name: str, standing: Standing) -> None:
        if self._standings.note(name, standing):
            self._end_streams(name)


def _report(fault: Exception) -> None:
    context = {"message": "the upkeep of tokens failed", "exception": fault}
    asyncio.get_running_loop().call_exception_handler(context)
