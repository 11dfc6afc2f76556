"""How often a principal may be issued tokens: each has a limit of its own, as routes have.

Several instances share them like those of routes (`access.rate_sharing`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from tentaculo.access.rate_limits import RateLimit, take_over
from tentaculo.config.settings import PrincipalSettings, RateLimitSettings

_SHARED_NAME = "issue:"  # no route's name has a colon


class IssueRates:
    """The limits of all principals of a snapshot; `shared` has other instances learn what is taken."""

    def __init__(
        self,
        settings: Iterable[PrincipalSettings],
        *,
        shared: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._limits = {principal.name: _limit_of(principal, shared=shared) for principal in settings}

    def __iter__(self) -> Iterator[RateLimit]:
        return iter(self._limits.values())

    def adopt(self, previous: IssueRates) -> None:
        """Go on where principals stand whose rates are as they were: a reload gives nobody new permits."""
        take_over(self._limits, previous._limits)

    def take(self, principal: str) -> int:
        """Take a permit of the principal's and return 0, or return in how many seconds there is one."""
        return self._limits[principal].take(principal, self._clock()).retry_after


def _limit_of(principal: PrincipalSettings, *, shared: bool) -> RateLimit:
    settings = RateLimitSettings(rate=principal.issue_rate)
    return RateLimit(f"{_SHARED_NAME}{principal.name}", settings, shared=shared)
