"""What a token store keeps and answers: the contract of the memory and the Redis store.

A store never sees a token, only its SHA-256; times are seconds of the store's own clock, so that
instances whose clocks differ agree. It knows nothing of HTTP, routes' settings or principals' tokens.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tentaculo.config.settings import Reuse

LEASE_SECONDS = 15.0  # how long a stream counts as open without being renewed
RENEW_SECONDS = 5.0
KEPT_SECONDS = 60.0  # how long an ended token is remembered, so that the log can say what was wrong with it


def micros(seconds: float) -> int:
    """Return whole microseconds, in which both stores count."""
    return round(seconds * 1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Whom a token stands for and what it opens.

    `fingerprint` tells which of the principal's tokens proved it, without being good for anything else.
    """

    principal: str
    fingerprint: str
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long and for whom a token is good; seconds, and digests as hex text.

    `binding` is that of the cookie which the issuing call set; `address` that of the only client
    address that may redeem, None for any. Up to `max_streams` are open at a time; with one, a new
    opening takes over.
    """

    ttl: float
    reuse: Reuse = Reuse.RESUME
    resume_grace: float = 30.0
    resume_max_age: float = 3600.0
    max_streams: int = 1
    binding: str | None = None
    address: str | None = None

    @property
    def unredeemed_life(self) -> float:
        """How long after its issue a token can be redeemed for the first time."""
        return min(self.ttl, self.resume_max_age) if self.reuse is Reuse.RESUME else self.ttl


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who redeems, as digests in hex: its binding cookie, address with User-Agent, and address alone."""

    binding: str | None
    agent: str
    address: str


class Lease(NamedTuple):
    """An open stream's hold on its token: SHA-256 of the token, and the number of the opening."""

    digest: bytes
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """A redeemed token: `age` is the time since it was issued; no lease unless its reuse is `resume`.

    `superseded` are openings that end because this one took over.
    """

    grant: Grant
    age: float
    lease: Lease | None = None
    superseded: tuple[Lease, ...] = ()


class Refusal(enum.StrEnum):
    """Why a token opens nothing; the words of log and metric."""

    UNKNOWN = "token_unknown"
    EXPIRED = "token_expired"
    USED = "token_used"  # its one redeem is spent
    REUSED = "token_reused"  # it is bound to another client
    REVOKED = "token_revoked"
    OTHER_ROUTE = "token_for_other_route"
    TOO_MANY = "too_many_streams"  # the only one that is not answered like an unknown token


class TokenRefused(Exception):
    """The token opens nothing, for a reason that only the log is told."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


class TokenStoreUnavailable(Exception):
    """The store does not answer, or not in time."""


class TokenStoreFull(Exception):
    """As many tokens are valid as the store may hold; none of them is given up for a new one."""


class PrincipalBlocked(Exception):
    """The principal was revoked and may ask for no token yet."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A principal's: `epoch` grows with each revocation; for how many seconds its own token is refused."""

    epoch: int
    blocked_for: float


@dataclass(frozen=True, slots=True)
class Revoked:
    """Told to every instance: streams and tokens of a principal end."""

    principal: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Superseded:
    """Told to every instance: these openings were taken over by a newer one."""

    leases: tuple[Lease, ...]


StoreEvent = Revoked | Superseded
Listener = Callable[[StoreEvent], None]


@dataclass(frozen=True, slots=True)
class Census:
    """How many tokens can still open a stream now, and how many expired since the census before."""

    valid: int
    expired: int


class TokenStore(Protocol):
    """Keeps ephemeral tokens; every step is atomic, whatever other instances do.

    Each raises TokenStoreUnavailable, within its own short time limit, where the store can't answer.
    """

    async def start(self, listener: Listener) -> None:
        """Begin to work and to tell `listener`; never waits for the store, which may be away."""

    async def close(self) -> None:
        """Stop; what is stored stays."""

    async def issue(self, digest: bytes, grant: Grant, terms: Terms) -> None:
        """Keep a new token.  Raises TokenStoreFull, or PrincipalBlocked after a `revoke` that blocks."""

    async def redeem(self, digest: bytes, route: str, client: Client) -> Redeemed:
        """Open a stream of `route`.  Raises TokenRefused, and then nothing has changed.

        `once`: good for one redeem before it expires. `ttl`: for any number before that. `resume`:
        the first redeem, before it expires, binds it to the client by the binding cookie if the one
        that was issued comes along, else by `agent`; the same client may open again while a stream
        is open or within `resume_grace` of the last one's end, never `resume_max_age` after issue.
        Each opening has a lease of LEASE_SECONDS. With `max_streams` of one it takes over from the
        opening before; with more, one too many is refused.
        """

    async def renew(self, leases: Sequence[Lease]) -> Collection[Lease]:
        """Renew the leases of open streams; return those that were taken over.

        A token that the store has lost is none of them: its stream goes on.
        """

    async def release(self, lease: Lease) -> None:
        """Say that a stream has ended; from now its grace runs."""

    async def revoke(self, principal: str, *, block: float = 0.0) -> None:
        """End the principal's tokens; refuse its own for `block` seconds; tell every instance."""

    async def standings(self, principals: Collection[str]) -> Mapping[str, Standing]:
        """Return how principals stand now, in one step."""

    async def census(self) -> Census:
        """Let expired tokens go, and count; costs no scan."""

    async def is_available(self) -> bool:
        """Whether the store answers; never raises."""
