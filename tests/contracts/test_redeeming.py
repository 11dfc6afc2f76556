"""What every token store promises of redeeming."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tentaculo.access.store import KEPT_SECONDS, Grant, Lease, Redeemed, Refusal, TokenStore
from tentaculo.config.settings import Reuse
from tests.contracts.words import (
    ADDRESS,
    BROWSER,
    COOKIE,
    GRANT,
    ROUTE,
    STRANGER,
    digest,
    issue,
    lease,
    refusal,
    terms,
)
from tests.fakes.clock import Clock

EVERY_REUSE = pytest.mark.parametrize("reuse", list(Reuse))


@EVERY_REUSE
async def test_first_redeem_returns_what_was_issued(store: TokenStore, clock: Clock, reuse: Reuse) -> None:
    """A redeem tells the grant and the seconds since issue; only a resumable token has a lease."""
    token = await issue(store, reuse=reuse)
    clock.advance(2.5)
    expected = Lease(token, 1) if reuse is Reuse.RESUME else None
    assert await store.redeem(token, ROUTE, BROWSER) == Redeemed(grant=GRANT, age=2.5, lease=expected)


async def test_unknown(store: TokenStore) -> None:
    """What was never issued is unknown."""
    assert await refusal(store, digest("never issued")) is Refusal.UNKNOWN


@EVERY_REUSE
async def test_other_route(store: TokenStore, reuse: Reuse) -> None:
    """A route that was not granted is refused, and the token stays good for those that were."""
    token = await issue(store, reuse=reuse)
    assert await refusal(store, token, route="secret events") is Refusal.OTHER_ROUTE
    await store.redeem(token, "other events", BROWSER)


@EVERY_REUSE
async def test_unredeemed_token_expires(store: TokenStore, clock: Clock, reuse: Reuse) -> None:
    """A token that nobody redeemed expires at its time to live, and is forgotten a minute later."""
    in_time, too_late = await issue(store, "in time", reuse), await issue(store, "too late", reuse)
    clock.advance(59.999)
    await store.redeem(in_time, ROUTE, BROWSER)
    clock.advance(0.001)
    assert await refusal(store, too_late) is Refusal.EXPIRED
    clock.advance(KEPT_SECONDS - 0.001)
    assert await refusal(store, too_late) is Refusal.EXPIRED
    clock.advance(0.001)
    assert await refusal(store, too_late) is Refusal.UNKNOWN


@EVERY_REUSE
async def test_bound_address(store: TokenStore, reuse: Reuse) -> None:
    """In every mode only the address of the terms may redeem, and a refused one has changed nothing."""
    token = await issue(store, reuse=reuse, address=ADDRESS)
    assert await refusal(store, token, STRANGER) is Refusal.REUSED
    await store.redeem(token, ROUTE, BROWSER)


async def test_once(store: TokenStore, clock: Clock) -> None:
    """After its one redeem a token is used for any client, and forgotten a minute later."""
    token = await issue(store, reuse=Reuse.ONCE)
    await store.redeem(token, ROUTE, BROWSER)
    assert await refusal(store, token, BROWSER) is Refusal.USED
    clock.advance(KEPT_SECONDS - 0.001)
    assert await refusal(store, token, STRANGER) is Refusal.USED
    clock.advance(0.001)
    assert await refusal(store, token) is Refusal.UNKNOWN


async def test_ttl(store: TokenStore, clock: Clock) -> None:
    """Any client opens any number of streams before the time to live is over, none after."""
    token = await issue(store, reuse=Reuse.TTL)
    for client in (BROWSER, STRANGER, BROWSER):
        await store.redeem(token, ROUTE, client)
    clock.advance(59.999)
    await store.redeem(token, ROUTE, STRANGER)
    clock.advance(0.001)
    assert await refusal(store, token) is Refusal.EXPIRED


@pytest.mark.parametrize(
    ("issued_with", "first", "same", "other"),
    [
        (None, None, {}, {"agent": "b" * 64}),
        (None, None, {"binding": COOKIE}, {"agent": "b" * 64, "binding": COOKIE}),
        (COOKIE, None, {}, {"agent": "b" * 64, "binding": COOKIE}),
        (COOKIE, "d" * 64, {"binding": None}, {"agent": "b" * 64}),
        (COOKIE, COOKIE, {"agent": "b" * 64}, {"binding": None}),
        (COOKIE, COOKIE, {"address": "b" * 64}, {"binding": "d" * 64}),
    ],
    ids=[
        "by agent",
        "a cookie that was not issued",
        "the cookie came too late",
        "another cookie",
        "by cookie",
        "by cookie, another cookie later",
    ],
)
async def test_first_redeem_binds(
    store: TokenStore,
    issued_with: str | None,
    first: str | None,
    same: dict[str, str | None],
    other: dict[str, str | None],
) -> None:
    """The first redeem binds for good: by the issued cookie if it comes along, else by the agent."""
    token = await issue(store, binding=issued_with)
    client = replace(BROWSER, binding=first)
    await store.redeem(token, ROUTE, client)
    assert await refusal(store, token, replace(client, **other)) is Refusal.REUSED  # type: ignore[arg-type]
    await store.redeem(token, ROUTE, replace(client, **same))  # type: ignore[arg-type]


async def test_bound_token_outlives_its_ttl(store: TokenStore, clock: Clock) -> None:
    """What the time to live ends is the first redeem only."""
    token = await issue(store, ttl=1.0, resume_grace=30.0)
    await lease(store, token)
    clock.advance(20)
    await lease(store, token)


async def test_grace(store: TokenStore, clock: Clock) -> None:
    """A token may be opened again until `resume_grace` after its stream ended, that moment included."""
    token = await issue(store, resume_grace=5.0)
    await store.release(await lease(store, token))
    clock.advance(5)
    await store.release(await lease(store, token))
    clock.advance(5.001)
    assert await refusal(store, token) is Refusal.EXPIRED
    assert await refusal(store, token, STRANGER) is Refusal.REUSED


async def test_grace_runs_from_the_end_of_the_lease(store: TokenStore, clock: Clock) -> None:
    """A stream whose instance died counts as ended when its lease runs out."""
    token = await issue(store, resume_grace=5.0)
    await lease(store, token)
    clock.advance(15 + 5)
    await lease(store, token)
    clock.advance(15 + 5.001)
    assert await refusal(store, token) is Refusal.EXPIRED


async def test_an_open_stream_keeps_its_token(store: TokenStore, clock: Clock) -> None:
    """While leases are renewed a token stays good, however long after issue and grace."""
    token = await issue(store, resume_grace=1.0)
    held = await lease(store, token)
    for _ in range(20):
        clock.advance(10)
        assert list(await store.renew([held])) == []
    assert (await lease(store, token)).generation == 2


async def test_the_other_streams_keep_the_token(store: TokenStore, clock: Clock) -> None:
    """Of several streams the last one's end begins the grace."""
    token = await issue(store, resume_grace=1.0, max_streams=3)
    first, second = await lease(store, token), await lease(store, token)
    await store.release(first)
    clock.advance(10)
    await store.renew([second])
    clock.advance(10)
    await store.release(second)
    clock.advance(1)
    await lease(store, token)


@pytest.mark.parametrize("max_age", [100.0, 30.0], ids=["while resuming", "before the first redeem"])
async def test_resume_max_age(store: TokenStore, clock: Clock, max_age: float) -> None:
    """Nothing opens `resume_max_age` after issue, not even while a stream is open."""
    token = await issue(store, resume_max_age=max_age)
    if max_age > 60:
        clock.advance(50)
        held = await lease(store, token)
        clock.advance(max_age - 50 - 0.001)
        await store.renew([held])
        await lease(store, token)
        clock.advance(0.001)
    else:
        clock.advance(max_age)
    assert await refusal(store, token) is Refusal.EXPIRED


async def test_a_new_opening_takes_over(store: TokenStore) -> None:
    """With one stream at a time a new opening supersedes the one before."""
    token = await issue(store)
    first = await lease(store, token)
    again = await store.redeem(token, ROUTE, BROWSER)
    assert again.superseded == (first,)
    assert again.lease == Lease(token, first.generation + 1)
    assert list(await store.renew([first, again.lease])) == [first]


async def test_nothing_to_take_over_after_release(store: TokenStore) -> None:
    """A stream that ended is not superseded."""
    token = await issue(store)
    await store.release(await lease(store, token))
    assert (await store.redeem(token, ROUTE, BROWSER)).superseded == ()


async def test_too_many_streams(store: TokenStore) -> None:
    """With several streams at a time one more is refused, until one of them ends."""
    token = await issue(store, max_streams=2)
    first, second = await lease(store, token), await lease(store, token)
    assert await refusal(store, token) is Refusal.TOO_MANY
    assert await refusal(store, token, STRANGER) is Refusal.REUSED
    await store.release(first)
    again = await store.redeem(token, ROUTE, BROWSER)
    assert again.superseded == ()
    assert list(await store.renew([second])) == []


async def test_a_lapsed_lease_makes_room(store: TokenStore, clock: Clock) -> None:
    """The place of a stream whose lease ran out is taken, and whoever renews it later is told."""
    token = await issue(store, max_streams=2)
    first, second = await lease(store, token), await lease(store, token)
    clock.advance(10)
    await store.renew([second])
    clock.advance(5)
    assert (await store.redeem(token, ROUTE, BROWSER)).superseded == (first,)
    assert list(await store.renew([first, second])) == [first]


@EVERY_REUSE
async def test_a_refused_redeem_changes_nothing(store: TokenStore, clock: Clock, reuse: Reuse) -> None:
    """Refused redeems neither bind, use up, count as opening nor move any end."""
    token = await issue(store, reuse=reuse, address=ADDRESS)
    for _ in range(3):
        await refusal(store, token, STRANGER)
        await refusal(store, token, route="secret events")
    clock.advance(59.999)
    assert (await store.redeem(token, ROUTE, BROWSER)).lease in (None, Lease(token, 1))


@pytest.mark.parametrize(
    "name",
    ["a:b", "{other}", "a b\nc", "ü\N{SNAKE}", "\0", "", "\udcff", "one superseded", '"],["'],
    ids=repr,
)
async def test_names_may_hold_anything(store: TokenStore, name: str) -> None:
    """Names come back as they were, and no two are mistaken for each other."""
    routes = (name, f"{name}x", "")
    grant = Grant(principal=name, fingerprint=name, routes=routes)
    await store.issue(digest("one"), grant, terms())
    await store.issue(digest("two"), replace(grant, principal=f"{name}:"), terms())
    await store.revoke(f"{name}:", block=50)
    assert (await store.redeem(digest("one"), name, BROWSER)).grant == grant
    assert await refusal(store, digest("two"), route=name) is Refusal.REVOKED
    assert await refusal(store, digest("one"), route=f"{name}y") is Refusal.OTHER_ROUTE
    standings = await store.standings([name, f"{name}:"])
    assert [standing.blocked_for for standing in standings.values()] == [0, 50]
