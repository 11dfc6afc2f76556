"""Ephemeral tokens: issue, redeem, expire."""

from __future__ import annotations

import hashlib
import uuid

import pytest

from examples.vx11.tokens import EphemeralTokens, TokenStoreUnavailable
from tests.fakes.clock import Clock


def test_an_issued_token_is_a_random_uuid() -> None:
    """A token is UUID4 text, another one each time."""
    tokens = EphemeralTokens()
    first, second = tokens.issue(), tokens.issue()
    assert uuid.UUID(first).version == 4
    assert first != second


def test_only_what_was_issued_is_redeemed() -> None:
    """A made-up token opens nothing, not even one with bytes that are no text."""
    tokens = EphemeralTokens()
    tokens.issue()
    assert not tokens.redeem(str(uuid.uuid4()))
    assert not tokens.redeem("")
    assert not tokens.redeem("\udcff")


def test_a_token_is_good_until_its_last_moment_only() -> None:
    """It may be redeemed again within its lifetime, and not at the end of it."""
    clock = Clock()
    tokens = EphemeralTokens(clock=clock, lifetime=60)
    token = tokens.issue()
    clock.advance(59.9)
    assert tokens.redeem(token)
    assert tokens.redeem(token)
    clock.advance(0.1)
    assert not tokens.redeem(token)


def test_expired_tokens_leave_by_time_without_being_read() -> None:
    """Expiring removes what has expired and keeps what has not."""
    clock = Clock()
    tokens = EphemeralTokens(clock=clock, lifetime=60)
    tokens.issue()
    clock.advance(30)
    younger = tokens.issue()
    clock.advance(30)
    tokens.expire()
    assert len(tokens) == 1
    assert tokens.redeem(younger)


def test_a_full_store_says_so_until_tokens_expire() -> None:
    """Past its limit the store raises instead of handing out a token, and recovers by time."""
    clock = Clock()
    tokens = EphemeralTokens(clock=clock, lifetime=60, limit=2)
    tokens.issue()
    tokens.issue()
    with pytest.raises(TokenStoreUnavailable):
        tokens.issue()
    clock.advance(60)
    assert tokens.redeem(tokens.issue())


def test_the_store_keeps_a_digest_and_not_the_token() -> None:
    """Nothing in the store's state holds the token's text."""
    tokens = EphemeralTokens(new_token=lambda: "planted-token-text")
    tokens.issue()
    state = repr(vars(tokens))
    assert "planted-token-text" not in state
    assert repr(hashlib.sha256(b"planted-token-text").digest()) in state
