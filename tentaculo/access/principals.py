"""Who a principal token proves: a look-up by SHA-256 digest, the token itself is never kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from tentaculo.config.settings import PrincipalSettings


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone who may call."""

    name: str


class Principals:
    """All principals of a snapshot, found by the digest of a token.

    The look-up compares digests, so its time tells nothing of how much of a token is right.
    """

    __slots__ = ("_by_digest",)

    def __init__(self, settings: Iterable[PrincipalSettings]) -> None:
        self._by_digest = {
            digest: Principal(principal.name) for principal in settings for digest in principal.digests
        }

    def authenticate(self, token: bytes) -> Principal | None:
        """Return who the token's bytes prove, None for nobody."""
        return self._by_digest.get(hashlib.sha256(token).digest())
