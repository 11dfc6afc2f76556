"""The memory and the Redis store give the same answers to the same steps, whatever they are."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tentaculo.access.memory_store import MemoryStore
from tentaculo.access.redis_store import RedisStore
from tentaculo.access.store import (
    Client,
    Grant,
    Lease,
    PrincipalBlocked,
    Redeemed,
    Refusal,
    Terms,
    TokenRefused,
    TokenStore,
)
from tentaculo.config.settings import Reuse
from tests.contracts.words import ADDRESS, BROWSER, COOKIE, GRANT, STRANGER, digest
from tests.fakes.clock import Clock
from tests.fakes.redis_server import RedisServer

TOKENS = st.sampled_from(["a", "b", "c"]).map(digest)
PRINCIPALS = st.sampled_from(["one", "two"])
CLIENTS = st.sampled_from(
    [BROWSER, STRANGER, replace(BROWSER, binding=COOKIE), replace(STRANGER, binding=COOKIE)]
)
LEASES = st.builds(Lease, TOKENS, st.integers(1, 4))
# Few values that meet each other, so that the lines between them are reached.
SECONDS = st.sampled_from([0.0, 1e-6, 1.0, 5.0, 14.999999, 15.0, 20.0, 60.0])
TERMS = st.builds(
    Terms,
    ttl=st.sampled_from([5.0, 20.0, 60.0]),
    reuse=st.sampled_from([Reuse.RESUME, Reuse.RESUME, *Reuse]),
    resume_grace=st.sampled_from([0.0, 5.0, 30.0]),
    resume_max_age=st.sampled_from([20.0, 100.0, 3600.0]),
    max_streams=st.sampled_from([1, 1, 2, 3]),
    binding=st.sampled_from([None, COOKIE]),
    address=st.sampled_from([None, None, ADDRESS]),
)
Step = tuple[object, ...]
STEPS = st.one_of(
    st.tuples(st.just("wait"), SECONDS),
    st.tuples(st.just("issue"), TOKENS, PRINCIPALS, TERMS),
    st.tuples(st.just("redeem"), TOKENS, st.sampled_from([*GRANT.routes, "secret"]), CLIENTS),
    st.tuples(st.just("redeem"), TOKENS, st.just(GRANT.routes[0]), st.just(BROWSER)),
    st.tuples(st.just("renew"), st.lists(LEASES, max_size=3)),
    st.tuples(st.just("release"), LEASES),
    # A block also ends by Redis' own clock, which no test moves: so none is short.
    st.tuples(st.just("revoke"), PRINCIPALS, st.sampled_from([0.0, 15.0, 60.0])),
    st.tuples(st.just("standings")),
    st.tuples(st.just("census")),
)


async def outcome(store: TokenStore, step: Step) -> object:
    """Take a step and return all that it tells; epochs differ, so of those only whether there is one."""
    match step:
        case "issue", bytes() as token, str() as principal, Terms() as terms:
            return await issued(store, token, replace(GRANT, principal=principal), terms)
        case "redeem", bytes() as token, str() as route, Client() as client:
            return await redeemed(store, token, route, client)
        case "renew", list() as leases:
            return list(await store.renew(leases))
        case "release", Lease() as lease:
            await store.release(lease)
        case "revoke", str() as principal, float() as block:
            await store.revoke(principal, block=block)
        case ("standings",):
            found = await store.standings(["one", "two"])
            return {name: (bool(standing.epoch), standing.blocked_for) for name, standing in found.items()}
        case ("census",):
            return await store.census()
    return None


async def issued(store: TokenStore, token: bytes, grant: Grant, terms: Terms) -> str:
    """Issue a token; return whether that was allowed."""
    try:
        await store.issue(token, grant, terms)
    except PrincipalBlocked:
        return "blocked"
    return "kept"


async def redeemed(store: TokenStore, token: bytes, route: str, client: Client) -> Redeemed | Refusal:
    """Return what was redeemed, or why nothing was."""
    try:
        return await store.redeem(token, route, client)
    except TokenRefused as refused:
        return refused.reason


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=30))
async def test_same_steps_same_answers(server: RedisServer, steps: list[Step]) -> None:
    """A sequence of steps is answered alike by both stores."""
    server.command("FLUSHALL")
    clock = Clock()
    memory, redis = MemoryStore(clock=clock), RedisStore(server.url, timeout=5, clock=clock)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(redis.close)
        for step in steps:
            match step:
                case "wait", float() as seconds:
                    clock.advance(seconds)
                case _:
                    assert await outcome(redis, step) == await outcome(memory, step), step
