"""Which principals were revoked or are blocked, as far as this instance has heard.

Kept across reloads; told by the token store's messages, and asked for from time to time in case one
was lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tentaculo.access.store import Standing


class Standings:
    """What is known of principals by name; nothing means that all is well."""

    __slots__ = ("_blocked", "_clock", "_epochs")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._epochs: dict[str, int] = {}
        self._blocked: dict[str, float] = {}

    def is_blocked(self, principal: str) -> bool:
        """Whether the principal's own token is refused for now."""
        if not self._blocked:
            return False
        until = self._blocked.get(principal)
        return until is not None and self._clock() < until

    def note(self, principal: str, standing: Standing) -> bool:
        """Take in how a principal stands; return whether it was revoked since the note before.

        The first note counts as one where there has ever been any: streams may have opened before it,
        while the store was away. A smaller number says nothing: it comes late, or from a store that has
        lost everything; a block that such a one knows nothing of goes on.
        """
        before = self._epochs.get(principal, 0)
        self._epochs[principal] = max(before, standing.epoch)
        until = self._clock() + standing.blocked_for
        if standing.blocked_for > 0 and until > self._blocked.get(principal, 0.0):
            self._blocked[principal] = until
        return standing.epoch > before
