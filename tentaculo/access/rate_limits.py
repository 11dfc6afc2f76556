"""How often routes may be called: buckets of permits that fill up again with time, one for each caller.

A bucket is one number, the time at which it will be full again; a call moves it on by the time that a
permit takes to come back. Nothing waits here: what other instances' calls have taken is learned
meanwhile (`access.rate_sharing`).
"""

from __future__ import annotations

import math
import socket
from collections.abc import Iterable, Iterator, Mapping

from tentaculo.config.settings import RateLimitSettings, RatePer, RouteSettings

# As many buckets as this are remembered, and the ones before them until as many new ones have come: of
# more callers at a time, those that have not called for longest are forgotten before their bucket is full.
GENERATION = 50_000
SHORTEST = 1.0  # seconds for which one generation lasts
# What instances have taken beyond a bucket keeps it empty for longer, but never for more than so many times
# the time that it fills in: a clock of Redis' that was set back locks nobody out for longer.
MOST_FILLINGS = 16
_FORGOTTEN_AT_ONCE = 2

_EVERYONE = ""
# IPv4 inside of IPv6 (RFC 4291 section 2.5.5.2, RFC 6052 section 2.1): each address is a client of its own.
_EMBEDDED = (bytes(10) + b"\xff\xff", b"\x00\x64\xff\x9b" + bytes(8))

Fields = tuple[tuple[str, str], ...]


class Verdict:
    """Whether a call is allowed, how many more are at once, and after how many seconds all of them are.

    `retry_after` is when a refused one would be allowed, in whole seconds, and zero for one that is.
    """

    __slots__ = ("_policy", "allowed", "remaining", "reset", "retry_after")

    def __init__(self, policy: str, remaining: int, reset: int, retry_after: int) -> None:
        self._policy = policy
        self.allowed = retry_after == 0
        self.remaining = remaining
        self.reset = reset
        self.retry_after = retry_after

    def fields(self) -> Fields:
        """Return the response fields that tell the client (draft-ietf-httpapi-ratelimit-headers-11)."""
        limit = f'"default";r={self.remaining};t={self.reset}'
        return ("RateLimit-Policy", self._policy), ("RateLimit", limit)


class RateLimit:
    """The limit of one route with the buckets of its callers; `shared` has others learn what is taken.

    Buckets of callers that went away are forgotten a few at a time, each once it is full again.
    """

    __slots__ = (
        "_filling",
        "_generation_ends",
        "_gone",
        "_interval",
        "_lasts",
        "_new",
        "_old",
        "_per_principal",
        "_per_route",
        "_policy",
        "_slack",
        "_taken",
        "route",
        "settings",
        "shared",
    )

    def __init__(self, route: str, settings: RateLimitSettings, *, shared: bool = False) -> None:
        self.route = route
        self.settings = settings
        self.shared = shared
        self._per_route = settings.per is RatePer.ROUTE
        self._per_principal = settings.per is RatePer.PRINCIPAL
        rate = settings.rate
        self._interval = 1.0 / rate.rate
        self._slack = min(self._interval / 100, 1e-6)  # for rounding
        self._filling = rate.burst / rate.rate
        self._lasts = max(SHORTEST, self._filling * (2 * MOST_FILLINGS if shared else 1))
        self._policy = f'"default";q={rate.burst};w={math.ceil(self._filling - self._slack)}'
        self._generation_ends = 0.0
        self._new: dict[str, float] = {}
        self._old: dict[str, float] = {}
        self._gone: dict[str, float] = {}
        self._taken: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many buckets are remembered."""
        return len(self._new) + len(self._old) + len(self._gone)

    @property
    def interval(self) -> float:
        """Seconds in which a permit comes back."""
        return self._interval

    @property
    def filling(self) -> float:
        """Seconds in which an empty bucket fills."""
        return self._filling

    def key(self, principal: str | None, client: str) -> str:
        """Return who a call counts for; `client` is an IP address."""
        if self._per_route:
            return _EVERYONE
        if self._per_principal and principal is not None:
            return principal
        return client_key(client)

    def take(self, key: str, now: float) -> Verdict:
        """Take a permit of the key's where there is one; a refusal costs nothing."""
        if self._gone:
            self._forget()
        elif now >= self._generation_ends or len(self._new) >= GENERATION:
            self._begin_generation(now)
        owed = max(self._full_at(key) - now, 0.0) + self._interval
        wait = owed - self._filling - self._slack
        if wait > 0:
            seconds = math.ceil(wait)
            return Verdict(self._policy, 0, seconds, seconds)
        self._new[key] = now + owed
        if self.shared:
            self._note(key)
        remaining = int((self._filling - owed + self._slack) / self._interval)
        return Verdict(self._policy, remaining, math.ceil(owed - self._slack), 0)

    def taken(self) -> dict[str, int]:
        """Return how many permits of each key were taken since this was last asked."""
        if not self._taken:
            return {}
        taken, self._taken = self._taken, {}
        return taken

    def learn(self, key: str, full_at: float) -> None:
        """Take in when a key's bucket will be full, by what all instances took up to the last `taken`."""
        full_at += self._taken.get(key, 0) * self._interval
        if full_at > self._full_at(key):
            self._new[key] = full_at

    def _full_at(self, key: str) -> float:
        full_at = self._new.get(key)
        return self._old.get(key, 0.0) if full_at is None else full_at

    def _note(self, key: str) -> None:
        # Where nobody asks, what is not told is no reason to grow.
        if len(self._taken) < GENERATION:
            self._taken[key] = self._taken.get(key, 0) + 1

    def _begin_generation(self, now: float) -> None:
        self._gone, self._old, self._new = self._old, self._new, {}
        self._generation_ends = now + self._lasts

    def _forget(self) -> None:
        for _ in range(min(_FORGOTTEN_AT_ONCE, len(self._gone))):
            self._gone.popitem()


class RateLimits:
    """The limits of all routes of a snapshot, by route name."""

    def __init__(self, routes: Iterable[RouteSettings], *, shared: bool = False) -> None:
        self._limits = {
            route.name: RateLimit(route.name, route.rate_limit, shared=shared)
            for route in routes
            if route.rate_limit is not None
        }

    def __iter__(self) -> Iterator[RateLimit]:
        return iter(self._limits.values())

    def of(self, route: str) -> RateLimit | None:
        """Return the limit of a route, None where there is none."""
        return self._limits.get(route)

    def adopt(self, previous: RateLimits) -> None:
        """Go on with the buckets of limits that are as they were; before anyone holds a limit of these."""
        take_over(self._limits, previous._limits)


def take_over(limits: dict[str, RateLimit], previous: Mapping[str, RateLimit]) -> None:
    """Put those of `previous` into `limits` that are as they were, each under its name."""
    for name, limit in limits.items():
        before = previous.get(name)
        if before is not None and before.settings == limit.settings and before.shared == limit.shared:
            limits[name] = before


def client_key(address: str) -> str:
    """Return what a client is told from others by: its IPv4 address, or the first half of its IPv6 address.

    Whoever has an IPv6 address has a whole network of 64 bits to take others from (RFC 7421).
    """
    if ":" not in address:
        return address
    try:
        packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    except (OSError, ValueError):
        return address
    if packed[:12] in _EMBEDDED:
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return packed[:8].hex()
