"""The token store of several instances: Redis or Valkey, alone, behind sentinels or as a cluster.

Each step is one script and one round trip; the driver is behind `redis_calls` and `redis_events`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from tentaculo.access.redis_calls import Argument, RedisCalls
from tentaculo.access.redis_client import make_client
from tentaculo.access.redis_events import EventReader
from tentaculo.access.redis_rates import RedisRates
from tentaculo.access.redis_scripts import (
    CENSUS,
    EPOCHS,
    ISSUE,
    REDEEM,
    REDEEMED,
    RELEASE,
    RENEW,
    REVOKE,
    STANDINGS,
    UNREDEEMED,
    Script,
    block_key,
    channel_name,
    decode_name,
    encode_name,
    token_key,
)
from tentaculo.access.redis_url import read_url
from tentaculo.access.store import (
    Census,
    Client,
    Grant,
    Lease,
    Listener,
    PrincipalBlocked,
    Redeemed,
    Refusal,
    Standing,
    Terms,
    TokenRefused,
    TokenStoreFull,
    TokenStoreUnavailable,
    micros,
)

# A script of more would keep Redis from everyone else for milliseconds.
LEASES_AT_ONCE = 500


class RedisStore:
    """Tokens in the Redis of `url`; each step is answered, or given up, within `timeout` seconds.

    At most `max_tokens` are valid at a time, whichever instance issued them. `rates` are the rate limits that
    instances share by the same connections. `clock` is for tests, which move
    it: without one the time is Redis' own, so that instances agree on it. Raises ValueError for a bad URL.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 0.3,
        max_tokens: int = 1_000_000,
        clock: Callable[[], float] | None = None,
    ) -> None:
        target = read_url(url)
        client = make_client(target, timeout=timeout)
        self._channel = channel_name(target.database)
        self._calls = RedisCalls(client, timeout=timeout)
        self.rates = RedisRates(RedisCalls(client, timeout=timeout), clock=clock)
        self._events = EventReader(client, self._channel, timeout=timeout)
        self._max_tokens = max_tokens
        self._clock = clock
        self._expired = 0

    async def start(self, listener: Listener) -> None:
        """Begin to tell `listener`; never waits for Redis, which may be away."""
        self._events.start(listener)

    async def close(self) -> None:
        """Stop, and close every connection; what is stored stays."""
        await self._events.stop()
        await self._calls.close()

    async def issue(self, digest: bytes, grant: Grant, terms: Terms) -> None:
        """Keep a new token.  Raises TokenStoreFull or PrincipalBlocked."""
        keys = (token_key(digest), UNREDEEMED, REDEEMED, EPOCHS, block_key(grant.principal))
        principal, ends = encode_name(grant.principal), micros(terms.unredeemed_life)
        fields = _fields(grant, terms)
        kept, expired = await self._run(
            ISSUE, keys, (self._max_tokens, digest.hex(), principal, ends, *fields)
        )
        self._expired += expired
        if kept < 0:
            raise PrincipalBlocked
        if not kept:
            raise TokenStoreFull

    async def redeem(self, digest: bytes, route: str, client: Client) -> Redeemed:
        """Open a stream of `route`.  Raises TokenRefused, and then nothing has changed."""
        keys = (token_key(digest), UNREDEEMED, REDEEMED, EPOCHS)
        binding = "" if client.binding is None else f"={client.binding}"
        place = (digest.hex(), self._channel, encode_name(route))
        answer = await self._run(REDEEM, keys, (*place, binding, client.agent, client.address))
        if answer[0]:
            raise TokenRefused(Refusal(answer[0].decode()))
        return _redeemed(digest, answer)

    async def renew(self, leases: Sequence[Lease]) -> Collection[Lease]:
        """Renew the leases of open streams; return those that were taken over.

        A stream whose lease had run out is open again, unless its place was taken meanwhile.
        """
        taken: list[Lease] = []
        for start in range(0, len(leases), LEASES_AT_ONCE):
            part = leases[start : start + LEASES_AT_ONCE]
            keys = (REDEEMED, *(token_key(lease.digest) for lease in part))
            numbers = await self._run(RENEW, keys, tuple(_flat(part)))
            taken.extend(part[number] for number in numbers)
        return taken

    async def release(self, lease: Lease) -> None:
        """Say that a stream has ended; from now its grace runs."""
        await self._run(RELEASE, (token_key(lease.digest), REDEEMED), tuple(_flat([lease])))

    async def revoke(self, principal: str, *, block: float = 0.0) -> None:
        """End the principal's tokens; refuse its own for `block` seconds, or for as long as it already is."""
        arguments = (encode_name(principal), micros(block), self._channel)
        await self._run(REVOKE, (EPOCHS, block_key(principal)), arguments)

    async def standings(self, principals: Collection[str]) -> Mapping[str, Standing]:
        """Return how principals stand now, in one step."""
        names = tuple(principals)
        keys = (EPOCHS, *map(block_key, names))
        answer = iter(await self._run(STANDINGS, keys, tuple(map(encode_name, names))))
        return {name: Standing(int(next(answer)), int(next(answer)) / 1e6) for name in names}

    async def census(self) -> Census:
        """Let expired tokens go, and count.

        Valid is what could be redeemed before its end, a revoked token too until that comes. Expired is what
        ended without a redeem, counted by the instance that came across it.
        """
        valid, expired = await self._run(CENSUS, (UNREDEEMED, REDEEMED), ())
        expired, self._expired = expired + self._expired, 0
        return Census(valid, expired)

    async def is_available(self) -> bool:
        """Whether the store answers; never raises."""
        try:
            await self.standings(())
        except TokenStoreUnavailable:
            return False
        return True

    async def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        now = "" if self._clock is None else str(micros(self._clock()))
        own = script is not ISSUE and script is not REDEEM
        return await self._calls.run(script, keys, (now, *arguments), own=own)


def _fields(grant: Grant, terms: Terms) -> Iterator[Argument]:
    yield from ("f", encode_name(grant.fingerprint), "n", len(grant.routes))
    for number, route in enumerate(grant.routes, 1):
        yield from (f"r{number}", encode_name(route))
    yield from ("u", terms.reuse.value, "M", terms.max_streams)
    yield from ("G", micros(terms.resume_grace), "A", micros(terms.resume_max_age))
    if terms.binding is not None:
        yield from ("B", terms.binding)
    if terms.address is not None:
        yield from ("D", terms.address)


def _flat(leases: Sequence[Lease]) -> Iterator[Argument]:
    for lease in leases:
        yield from (lease.digest.hex(), lease.generation)


def _redeemed(digest: bytes, answer: Sequence[Any]) -> Redeemed:
    _, age, generation, taken, principal, fingerprint, routes = answer
    return Redeemed(
        grant=Grant(
            principal=decode_name(principal),
            fingerprint=decode_name(fingerprint),
            routes=tuple(map(decode_name, routes)),
        ),
        age=age / 1e6,
        lease=Lease(digest, generation) if generation else None,
        superseded=tuple(Lease(digest, number) for number in taken),
    )
