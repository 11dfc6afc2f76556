"""What the contract's tests say over and over."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tentaculo.access.store import Client, Grant, Lease, Refusal, Terms, TokenRefused, TokenStore
from tentaculo.config.settings import Reuse

ROUTE = "events"
GRANT = Grant(principal="one", fingerprint="f1", routes=(ROUTE, "other events"))
COOKIE, ADDRESS = "c0" * 32, "ad" * 32
BROWSER = Client(binding=None, agent="a1" * 32, address=ADDRESS)
STRANGER = Client(binding=None, agent="a2" * 32, address="ad2" * 32)


def digest(name: str = "token") -> bytes:
    """Return the digest of a made-up token."""
    return hashlib.sha256(name.encode()).digest()


def terms(reuse: Reuse = Reuse.RESUME, **changes: Any) -> Terms:
    """Return terms of a minute, where nothing else is said."""
    given: dict[str, Any] = {"ttl": 60.0, "reuse": reuse} | changes
    return Terms(**given)


async def issue(store: TokenStore, name: str = "token", reuse: Reuse = Reuse.RESUME, **changes: Any) -> bytes:
    """Issue a token and return its digest."""
    await store.issue(digest(name), GRANT, terms(reuse, **changes))
    return digest(name)


async def refusal(store: TokenStore, token: bytes, client: Client = BROWSER, route: str = ROUTE) -> Refusal:
    """Return why a redeem is refused; fails where it is not."""
    with pytest.raises(TokenRefused) as caught:
        await store.redeem(token, route, client)
    return caught.value.reason


async def lease(store: TokenStore, token: bytes, client: Client = BROWSER) -> Lease:
    """Open a stream and return its lease."""
    held = (await store.redeem(token, ROUTE, client)).lease
    assert held is not None
    return held
