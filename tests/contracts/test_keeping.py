"""What every token store promises of leases, revocation, counting and its bounds."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tentaculo.access.store import (
    KEPT_SECONDS,
    Census,
    Lease,
    PrincipalBlocked,
    Refusal,
    Revoked,
    Standing,
    Superseded,
    TokenRefused,
    TokenStore,
    TokenStoreFull,
)
from tentaculo.config.settings import Reuse
from tests.contracts.conftest import Bench
from tests.contracts.words import BROWSER, GRANT, ROUTE, STRANGER, digest, issue, lease, refusal, terms
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually

SEVERAL_WORDS = "a principal of\nseveral words"


async def test_lost_tokens_are_not_taken_over(store: TokenStore) -> None:
    """Renewing a lease that the store knows nothing of, token or opening, ends no stream."""
    token = await issue(store)
    held = await lease(store, token)
    assert list(await store.renew([Lease(digest("lost"), 1), Lease(token, 7), held])) == []
    assert list(await store.renew([])) == []
    await store.release(Lease(digest("lost"), 1))
    await store.release(Lease(token, 7))


async def test_renewing_many(store: TokenStore) -> None:
    """Any number of leases is renewed at a time, and each answer belongs to its lease."""
    tokens = [await issue(store, str(number)) for number in range(1203)]
    first = [await lease(store, token) for token in tokens]
    for token in tokens[::400]:
        await lease(store, token)
    assert list(await store.renew(first)) == first[::400]


async def test_a_late_renewal_opens_again(store: TokenStore, clock: Clock) -> None:
    """A stream that could not be renewed in time keeps its token when it is, also after the grace."""
    token = await issue(store, resume_grace=1.0)
    held = await lease(store, token)
    clock.advance(20)
    assert await store.census() == Census(0, 0)
    assert await refusal(store, token) is Refusal.EXPIRED
    assert list(await store.renew([held])) == []
    assert await store.census() == Census(1, 0)
    await lease(store, token)


async def test_release_twice(store: TokenStore, clock: Clock) -> None:
    """Only the first word that a stream has ended counts."""
    token = await issue(store, resume_grace=5.0)
    held = await lease(store, token)
    await store.release(held)
    clock.advance(4)
    await store.release(held)
    clock.advance(1.001)
    assert await refusal(store, token) is Refusal.EXPIRED


async def test_release_of_a_superseded_stream(store: TokenStore, clock: Clock) -> None:
    """The end of a stream that was taken over says nothing of its successor."""
    token = await issue(store, resume_grace=1.0)
    first = await lease(store, token)
    second = await lease(store, token)
    await store.release(first)
    clock.advance(10)
    assert list(await store.renew([second])) == []


@pytest.mark.parametrize("reuse", list(Reuse))
async def test_revoking_ends_tokens(store: TokenStore, reuse: Reuse) -> None:
    """A principal's tokens of before end, those of others and those of after don't."""
    await issue(store, "before", reuse)
    await store.issue(digest("another's"), replace(GRANT, principal="another"), terms(reuse))
    await store.revoke(GRANT.principal)
    await issue(store, "after", reuse)
    assert await refusal(store, digest("before")) is Refusal.REVOKED
    assert await refusal(store, digest("before"), route="secret events") is Refusal.OTHER_ROUTE
    await store.redeem(digest("after"), ROUTE, BROWSER)
    await store.redeem(digest("another's"), ROUTE, BROWSER)
    await store.revoke(GRANT.principal)
    assert await refusal(store, digest("before")) is Refusal.REVOKED
    assert await refusal(store, digest("after")) is Refusal.REVOKED


async def test_blocked_principal_gets_no_token(store: TokenStore, clock: Clock) -> None:
    """Whoever admitted it: none is kept until the block is over."""
    await store.revoke(GRANT.principal, block=10)
    with pytest.raises(PrincipalBlocked):
        await issue(store, "token")
    await store.issue(digest("another's"), replace(GRANT, principal="another"), terms())
    assert await refusal(store, digest("token")) is Refusal.UNKNOWN
    clock.advance(10)
    await issue(store, "token")
    await store.redeem(digest("token"), ROUTE, BROWSER)


async def test_revoked_comes_before_the_state(store: TokenStore) -> None:
    """A revoked token says so, also where it is used up or another client's."""
    await issue(store, "used", Reuse.ONCE)
    await store.redeem(digest("used"), ROUTE, BROWSER)
    await issue(store, "bound")
    await lease(store, digest("bound"))
    await store.revoke(GRANT.principal)
    assert await refusal(store, digest("used")) is Refusal.REVOKED
    assert await refusal(store, digest("bound"), STRANGER) is Refusal.REVOKED


async def test_standings(store: TokenStore, clock: Clock) -> None:
    """An epoch grows with each revocation; a block runs out, and no shorter one ends it before."""
    assert await store.standings(["one", "two"]) == {"one": Standing(0, 0), "two": Standing(0, 0)}
    await store.revoke("one", block=100)
    first = (await store.standings(["one"]))["one"]
    assert first.epoch > 0
    assert first.blocked_for == 100
    clock.advance(40)
    await store.revoke("one")
    await store.revoke("one", block=10)
    standings = await store.standings(["two", "one"])
    assert standings["one"].epoch > first.epoch
    assert standings["one"].blocked_for == 60
    assert standings["two"] == Standing(0, 0)
    clock.advance(60)
    assert (await store.standings(["one"]))["one"].blocked_for == 0
    assert await store.standings([]) == {}


async def test_events_reach_every_instance(bench: Bench, store: TokenStore) -> None:
    """Revocations and taken-over openings are told to each instance, the one that did it included."""
    await bench.open_another()
    instances = 2 if bench.shared else 1
    await bench.told(instances)
    token = await issue(store)
    first = await lease(store, token)
    await lease(store, token)
    await store.revoke(SEVERAL_WORDS, block=30)
    epoch = (await store.standings([SEVERAL_WORDS]))[SEVERAL_WORDS].epoch
    await eventually(lambda: len(bench.events) == 2 * instances)
    assert bench.events.count(Superseded((first,))) == instances
    assert bench.events.count(Revoked(SEVERAL_WORDS, Standing(epoch, 30))) == instances


async def test_a_closed_store_tells_nothing(bench: Bench, store: TokenStore) -> None:
    """After close an instance hears no more."""
    await bench.told(1)
    working = await bench.open_another()
    await bench.told(2)
    await store.close()
    await bench.told(1)
    await working.revoke("one")
    await eventually(lambda: len(bench.events) == bench.shared)


async def test_census(store: TokenStore, clock: Clock) -> None:
    """Valid is what can still open a stream; expired what ended unredeemed, told once."""
    assert await store.census() == Census(0, 0)
    once, resumed = await issue(store, "once", Reuse.ONCE), await issue(store, "resumed", resume_grace=50.0)
    await issue(store, "ttl", Reuse.TTL)
    await issue(store, "never redeemed", ttl=5.0)
    assert await store.census() == Census(4, 0)
    await store.redeem(once, ROUTE, BROWSER)
    await store.redeem(digest("ttl"), ROUTE, BROWSER)
    await store.release(await lease(store, resumed))
    assert await store.census() == Census(3, 0)
    clock.advance(5)
    assert await store.census() == Census(2, 1)
    assert await store.census() == Census(2, 0)
    clock.advance(56)
    assert await store.census() == Census(0, 0)


async def test_expired_tokens_that_others_came_across_are_counted(store: TokenStore, clock: Clock) -> None:
    """What expired before the next issue is in the next census all the same."""
    await issue(store, "first", ttl=1.0)
    clock.advance(2)
    await issue(store, "second")
    assert await store.census() == Census(1, 1)


async def test_full(bench: Bench) -> None:
    """No valid token gives way to a new one; one that is used up or expired does."""
    store = await bench.open(max_tokens=2)
    used, first = await issue(store, "used", Reuse.ONCE), await issue(store, "first")
    with pytest.raises(TokenStoreFull):
        await issue(store, "one too many")
    await store.redeem(used, ROUTE, BROWSER)
    await issue(store, "second")
    assert await refusal(store, digest("one too many")) is Refusal.UNKNOWN
    with pytest.raises(TokenStoreFull):
        await issue(store, "one too many")
    await store.redeem(first, ROUTE, BROWSER)
    await store.redeem(digest("second"), ROUTE, BROWSER)
    bench.clock.advance(15 + 31)
    await issue(store, "third")
    await issue(store, "fourth")
    await store.redeem(digest("third"), ROUTE, BROWSER)


async def test_one_of_many_redeems(bench: Bench, store: TokenStore) -> None:
    """Of 200 redeems of one `once` token at a time, by several instances, exactly one opens a stream."""
    token = await issue(store, reuse=Reuse.ONCE)
    instances = [store, *[await bench.open_another() for _ in range(4)]]
    outcomes = await asyncio.gather(
        *(instance.redeem(token, ROUTE, BROWSER) for instance in instances * 40), return_exceptions=True
    )
    refused = [outcome.reason for outcome in outcomes if isinstance(outcome, TokenRefused)]
    assert refused == [Refusal.USED] * 199


async def test_available(store: TokenStore) -> None:
    """A store that works says so."""
    assert await store.is_available()


async def test_issued_anew(store: TokenStore, clock: Clock) -> None:
    """A digest that is issued once more begins anew."""
    token = await issue(store, reuse=Reuse.ONCE)
    await store.redeem(token, ROUTE, BROWSER)
    clock.advance(1)
    await issue(store, max_streams=2)
    assert await store.census() == Census(1, 0)
    assert (await store.redeem(token, ROUTE, BROWSER)).age == 0
    clock.advance(KEPT_SECONDS)
    assert await refusal(store, token) is Refusal.EXPIRED
    assert await store.census() == Census(0, 0)
