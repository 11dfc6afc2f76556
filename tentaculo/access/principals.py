"""Who a principal token proves: a look-up by SHA-256 digest, the token itself is never kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from tentaculo.config.settings import PrincipalSettings

_EMPTY = hashlib.sha256()  # a copy of it takes half the time of a new one


def fingerprint(principal_digest: bytes) -> str:
    """Return what tells a principal's token from its next one; made from its SHA-256, good for nothing."""
    return hashlib.sha256(b"tentaculo fingerprint\0" + principal_digest).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone who may call; `fingerprint` tells which of its tokens has proved it.

    `max_streams` is how many streams it may have open over all routes, None for no limit.
    """

    name: str
    fingerprint: str = ""
    max_streams: int | None = None


class Principals:
    """All principals of a snapshot, found by the digest of a token.

    The look-up compares digests, so its time tells nothing of how much of a token is right.
    """

    __slots__ = ("_by_digest", "_by_fingerprint")

    def __init__(self, settings: Iterable[PrincipalSettings]) -> None:
        self._by_digest = {
            digest: Principal(principal.name, fingerprint(digest), principal.max_streams)
            for principal in settings
            for digest in principal.digests
        }
        self._by_fingerprint = {found.fingerprint: found for found in self._by_digest.values()}

    def authenticate(self, token: bytes) -> Principal | None:
        """Return who the token's bytes prove, None for nobody."""
        digest = _EMPTY.copy()
        digest.update(token)
        return self._by_digest.get(digest.digest())

    def holder(self, name: str, fingerprint: str) -> Principal | None:
        """Return the principal that a grant names, None if it is gone or its token was rotated."""
        found = self._by_fingerprint.get(fingerprint)
        return found if found is not None and found.name == name else None
