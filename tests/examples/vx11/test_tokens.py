"""The operator's ephemeral tokens over the gateway's class: issue, redeem, expire."""

from __future__ import annotations

import gc
import hashlib
import uuid

import pytest

from examples.vx11.tokens import StreamTokens
from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.access.memory_store import MemoryStore
from tentaculo.access.store import TokenStoreUnavailable
from tests.fakes.clock import Clock


@pytest.fixture
def clock() -> Clock:
    """The store's clock."""
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    """A store for two tokens."""
    return MemoryStore(clock=clock, max_tokens=2)


@pytest.fixture
def tokens(store: MemoryStore) -> StreamTokens:
    """Tokens over that store."""
    return StreamTokens(store)


def test_the_class_is_the_gateways_own(tokens: StreamTokens) -> None:
    """Delegated mode checks tokens with the code that gateway mode checks them with."""
    assert [type(part) for part in vars(tokens).values()] == [EphemeralTokens]


async def test_an_issued_token_is_a_random_uuid(tokens: StreamTokens) -> None:
    """A token is UUID4 text, another one each time."""
    first, second = await tokens.issue(60), await tokens.issue(60)
    assert uuid.UUID(first).version == 4
    assert first != second


async def test_only_what_was_issued_is_redeemed(tokens: StreamTokens) -> None:
    """A made-up token opens nothing, not even one with bytes that are no text."""
    await tokens.issue(60)
    assert not await tokens.redeem(str(uuid.uuid4()))
    assert not await tokens.redeem("")
    assert not await tokens.redeem("\udcff")


async def test_a_token_is_good_until_its_last_moment_only(tokens: StreamTokens, clock: Clock) -> None:
    """It may be redeemed again within its lifetime, and not at the end of it."""
    token = await tokens.issue(60)
    clock.advance(59.9)
    assert await tokens.redeem(token)
    assert await tokens.redeem(token)
    clock.advance(0.1)
    assert not await tokens.redeem(token)


async def test_expired_tokens_leave_by_time_without_being_read(tokens: StreamTokens, clock: Clock) -> None:
    """Expiring removes what has expired and keeps what has not."""
    await tokens.issue(60)
    clock.advance(30)
    younger = await tokens.issue(60)
    clock.advance(30)
    assert await tokens.expire() == 1
    assert await tokens.redeem(younger)


async def test_a_full_store_says_so_until_tokens_expire(tokens: StreamTokens, clock: Clock) -> None:
    """Past its limit the store raises instead of handing out a token, and recovers by time."""
    await tokens.issue(60)
    await tokens.issue(60)
    with pytest.raises(TokenStoreUnavailable):
        await tokens.issue(60)
    clock.advance(60)
    assert await tokens.redeem(await tokens.issue(60))


async def test_the_store_keeps_a_digest_and_not_the_token(tokens: StreamTokens, store: MemoryStore) -> None:
    """Nothing that the store refers to is the token, or holds its text."""
    token = (await tokens.issue(60)).encode()
    texts = [one.encode() if isinstance(one, str) else one for one in _texts_of(store)]
    assert hashlib.sha256(token).digest() in texts
    assert not [text for text in texts if token in text]


def _texts_of(whole: object) -> list[str | bytes]:
    waiting, seen = [whole], set[int]()
    texts: list[str | bytes] = []
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        texts += [one] if isinstance(one, str | bytes) else []
        waiting += gc.get_referents(one)
    return texts
