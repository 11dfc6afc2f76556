"""The token store of one process.

It starts no task: every step lets some of what is past go, and a census all of it.
Times are whole microseconds, as in Redis, so that both stores draw the same lines.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence

from tentaculo.access.store import (
    KEPT_SECONDS,
    LEASE_SECONDS,
    Census,
    Client,
    Grant,
    Lease,
    Listener,
    PrincipalBlocked,
    Redeemed,
    Refusal,
    Revoked,
    Standing,
    StoreEvent,
    Superseded,
    Terms,
    TokenRefused,
    TokenStoreFull,
    micros,
)
from tentaculo.config.settings import Reuse

KEPT = micros(KEPT_SECONDS)
LEASE = micros(LEASE_SECONDS)
# A step lets at most so many go, so that none pays for a whole idle hour; it leaves two at most itself.
SWEPT_BY_A_STEP = 50
SWEPT_AT_ONCE = 1000
# Below this nothing is gained by making containers anew.
SMALL = 1024


class _Token:
    """One token; `ends` is when it opens nothing more, `planned` when it is looked at next."""

    __slots__ = (
        "agent", "digest", "ends", "epoch", "generation", "grant", "issued", "last_end", "leases", "planned",
        "redeemed", "terms", "valid",
    )  # fmt: skip

    def __init__(self, digest: bytes, grant: Grant, terms: Terms, *, issued: int, epoch: int) -> None:
        self.digest = digest
        self.grant = grant
        self.terms = terms
        self.issued = issued
        self.epoch = epoch
        self.ends = self.planned = issued + micros(terms.unredeemed_life)
        self.valid = True
        self.redeemed = False
        self.agent: str | None = None  # None once redeemed: the cookie binds
        self.generation = 0
        self.leases: dict[int, int] = {}  # end of each opening's lease, by its number
        self.last_end = 0

    def has_cookie(self, client: Client) -> bool:
        return self.terms.binding is not None and self.terms.binding == client.binding

    def is_bound_to(self, client: Client) -> bool:
        return self.has_cookie(client) if self.agent is None else self.agent == client.agent

    def end_of_resuming(self) -> int:
        quiet = max(self.last_end, *self.leases.values(), 0)
        terms = self.terms
        return min(self.issued + micros(terms.resume_max_age), quiet + micros(terms.resume_grace) + 1)

    def room(self, now: int) -> tuple[int, ...]:
        """Return the openings that one more takes over; raises TokenRefused."""
        if self.terms.max_streams <= 1:
            return tuple(self.leases)
        if len(self.leases) < self.terms.max_streams:
            return ()
        end, generation = min((end, generation) for generation, end in self.leases.items())
        if end > now:
            raise TokenRefused(Refusal.TOO_MANY)
        return (generation,)


class MemoryStore:
    """Tokens in this process; `clock` in seconds. Never raises TokenStoreUnavailable.

    Holds `max_tokens` at most: what has ended is remembered while there is room.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, max_tokens: int = 1_000_000) -> None:
        self._clock = clock
        self._max_tokens = max_tokens
        self._tokens: dict[bytes, _Token] = {}
        self._most = 0  # tokens at a time since the dictionary was made
        self._due: list[tuple[int, bytes]] = []  # a heap, of what is valid; stale where `planned` differs
        self._ended: deque[tuple[int, bytes]] = deque()  # when to forget; stale where it ended again since
        self._valid = 0
        self._expired = 0
        self._epochs: dict[str, int] = {}
        self._blocks: dict[str, int] = {}
        self._listener: Listener | None = None

    def __len__(self) -> int:
        """Return how many tokens are held, those that have ended included."""
        return len(self._tokens)

    async def start(self, listener: Listener) -> None:
        """Begin to tell `listener`, which is called within the step."""
        self._listener = listener

    async def close(self) -> None:
        """Stop telling."""
        self._listener = None

    async def issue(self, digest: bytes, grant: Grant, terms: Terms) -> None:
        """Keep a new token.  Raises TokenStoreFull or PrincipalBlocked."""
        now = self._step()
        if self._blocks.get(grant.principal, 0) > now:
            raise PrincipalBlocked
        if len(self._tokens) >= self._max_tokens:
            self._make_room(now)
        self._drop(digest)
        epoch = self._epochs.get(grant.principal, 0)
        token = self._tokens[digest] = _Token(digest, grant, terms, issued=now, epoch=epoch)
        self._most = max(self._most, len(self._tokens))
        self._valid += 1
        heapq.heappush(self._due, (token.ends, digest))

    async def redeem(self, digest: bytes, route: str, client: Client) -> Redeemed:
        """Open a stream of `route`.  Raises TokenRefused, and then nothing has changed."""
        now = self._step()
        token = self._find(digest, now)
        if token is None:
            raise TokenRefused(Refusal.UNKNOWN)
        self._check(token, route, client)
        if token.terms.reuse is Reuse.RESUME:
            return self._open(token, client, now)
        if token.redeemed and token.terms.reuse is Reuse.ONCE:
            raise TokenRefused(Refusal.USED)
        if now >= token.ends:
            raise TokenRefused(Refusal.EXPIRED)
        token.redeemed = True
        if token.terms.reuse is Reuse.ONCE:
            self._plan(token, now, now)
        return Redeemed(grant=token.grant, age=(now - token.issued) / 1e6)

    async def renew(self, leases: Sequence[Lease]) -> Collection[Lease]:
        """Renew the leases of open streams; return those that were taken over.

        A stream whose lease had run out is open again, unless its place was taken meanwhile.
        """
        now = self._step()
        taken = []
        for lease in leases:
            token = self._find(lease.digest, now)
            if token is None:
                continue
            if lease.generation in token.leases:
                token.leases[lease.generation] = now + LEASE
                self._plan(token, token.end_of_resuming(), now)
            elif lease.generation <= token.generation:
                taken.append(lease)
        return taken

    async def release(self, lease: Lease) -> None:
        """Say that a stream has ended; from now its grace runs."""
        now = self._step()
        token = self._find(lease.digest, now)
        if token is not None and token.leases.pop(lease.generation, None) is not None:
            token.last_end = now
            self._plan(token, token.end_of_resuming(), now)

    async def revoke(self, principal: str, *, block: float = 0.0) -> None:
        """End the principal's tokens; refuse its own for `block` seconds, or for as long as it already is."""
        now = self._step()
        self._epochs[principal] = self._epochs.get(principal, 0) + 1
        self._blocks[principal] = max(self._blocks.get(principal, 0), now + micros(block))
        self._tell(Revoked(principal, self._standing(principal, now)))

    async def standings(self, principals: Collection[str]) -> Mapping[str, Standing]:
        """Return how principals stand now, in one step."""
        now = self._step()
        return {principal: self._standing(principal, now) for principal in principals}

    async def census(self) -> Census:
        """Let expired tokens go, and count; other work goes on between, however many they are.

        Valid is what could be redeemed before its end, a revoked token too until that comes. Expired is what
        ended without a redeem.
        """
        now = micros(self._clock())
        while self._has_past(now):
            self._let_go(now, SWEPT_AT_ONCE)
            await asyncio.sleep(0)
        expired, self._expired = self._expired, 0
        return Census(self._valid, expired)

    async def is_available(self) -> bool:
        """Whether the store answers: always."""
        return True

    def _step(self) -> int:
        now = micros(self._clock())
        self._let_go(now, SWEPT_BY_A_STEP)
        return now

    def _find(self, digest: bytes, now: int) -> _Token | None:
        token = self._tokens.get(digest)
        return None if token is None or now >= token.ends + KEPT else token

    def _check(self, token: _Token, route: str, client: Client) -> None:
        grant, address = token.grant, token.terms.address
        if route not in grant.routes:
            raise TokenRefused(Refusal.OTHER_ROUTE)
        if token.epoch != self._epochs.get(grant.principal, 0):
            raise TokenRefused(Refusal.REVOKED)
        if address is not None and address != client.address:
            raise TokenRefused(Refusal.REUSED)

    def _open(self, token: _Token, client: Client, now: int) -> Redeemed:
        if token.redeemed and not token.is_bound_to(client):
            raise TokenRefused(Refusal.REUSED)
        if now >= token.ends:
            raise TokenRefused(Refusal.EXPIRED)
        superseded = tuple(Lease(token.digest, generation) for generation in token.room(now))
        for taken in superseded:
            del token.leases[taken.generation]
        if not token.redeemed:
            token.redeemed = True
            token.agent = None if token.has_cookie(client) else client.agent
        token.generation += 1
        token.leases[token.generation] = now + LEASE
        self._plan(token, token.end_of_resuming(), now)
        if superseded:
            self._tell(Superseded(superseded))
        lease = Lease(token.digest, token.generation)
        return Redeemed(grant=token.grant, age=(now - token.issued) / 1e6, lease=lease, superseded=superseded)

    def _standing(self, principal: str, now: int) -> Standing:
        blocked_for = max(self._blocks.get(principal, 0) - now, 0) / 1e6
        return Standing(self._epochs.get(principal, 0), blocked_for)

    def _tell(self, event: StoreEvent) -> None:
        if self._listener is not None:
            self._listener(event)

    def _plan(self, token: _Token, ends: int, now: int) -> None:
        """Let a token end at another time, be that now, or later again although it had ended."""
        token.ends = ends
        if ends <= now:
            self._end(token)
        elif not token.valid or ends < token.planned:
            self._valid += not token.valid
            token.valid = True
            token.planned = ends
            heapq.heappush(self._due, (ends, token.digest))

    def _end(self, token: _Token) -> None:
        self._ended.append((token.ends + KEPT, token.digest))
        if token.valid:
            token.valid = False
            self._valid -= 1
            self._expired += not token.redeemed

    def _drop(self, digest: bytes) -> None:
        token = self._tokens.pop(digest, None)
        if token is not None:
            self._valid -= token.valid

    def _has_past(self, now: int) -> bool:
        return any(queue and queue[0][0] <= now for queue in (self._due, self._ended))

    def _let_go(self, now: int, most: int) -> None:
        due, ended = self._due, self._ended
        while due and due[0][0] <= now and most:
            most -= 1
            self._look_at(*heapq.heappop(due), now)
        while ended and ended[0][0] <= now and most:
            most -= 1
            self._forget(*ended.popleft())
        self._tidy()

    def _look_at(self, planned: int, digest: bytes, now: int) -> None:
        token = self._tokens.get(digest)
        if token is None or not token.valid or token.planned != planned:
            return
        if token.ends <= now:
            self._end(token)
        else:
            token.planned = token.ends
            heapq.heappush(self._due, (token.ends, digest))

    def _forget(self, at: int, digest: bytes) -> None:
        token = self._tokens.get(digest)
        if token is not None and not token.valid and token.ends + KEPT == at:
            self._drop(digest)

    def _make_room(self, now: int) -> None:
        while len(self._tokens) >= self._max_tokens:
            if self._ended:
                self._forget(*self._ended.popleft())
            elif self._has_past(now):
                self._let_go(now, SWEPT_AT_ONCE)
            else:
                raise TokenStoreFull

    def _tidy(self) -> None:
        """Shrink what would not by itself: dictionaries never do, and a heap keeps what is stale."""
        if not self._tokens or (self._most > SMALL and len(self._tokens) * 4 < self._most):
            self._tokens = dict(self._tokens)
            self._most = len(self._tokens)
        if len(self._due) > 2 * len(self._tokens) + SMALL:
            self._due = [(token.planned, token.digest) for token in self._tokens.values() if token.valid]
            heapq.heapify(self._due)
