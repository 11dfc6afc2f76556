"""Who a token proves."""

from __future__ import annotations

import hashlib

import pytest

from tentaculo.access.principals import Principal, Principals
from tentaculo.config.settings import PrincipalSettings

OLD, NEW, OTHER = b"old-token-of-one", b"new-token-of-one", b"token-of-another"


def digest(token: bytes) -> bytes:
    """Digest a token as the configuration does."""
    return hashlib.sha256(token).digest()


ONE = PrincipalSettings(name="one", digests=(digest(OLD), digest(NEW)))
ANOTHER = PrincipalSettings(name="another", digests=(digest(OTHER),))


@pytest.mark.parametrize(
    ("token", "name"),
    [(OLD, "one"), (NEW, "one"), (OTHER, "another")],
    ids=["first while rotating", "second while rotating", "another principal"],
)
def test_token_proves_its_principal(token: bytes, name: str) -> None:
    """Each configured token, both of a rotating principal included, proves its principal."""
    assert Principals([ONE, ANOTHER]).authenticate(token) == Principal(name)


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"old-token-of-on",
        b"old-token-of-one ",
        b" old-token-of-one",
        b"Old-token-of-one",
        b"old-token-of-one\0",
        b"t\xc3\xb6ken-\xff\xfe",
        digest(OLD),
        digest(OLD).hex().encode(),
        b"x" * 100_000,
    ],
    ids=[
        "empty",
        "shorter",
        "space after",
        "space before",
        "case",
        "NUL",
        "no text",
        "digest",
        "hex",
        "huge",
    ],
)
def test_anything_else_proves_nobody(token: bytes) -> None:
    """A look-up is by the exact bytes, and nothing is an error."""
    assert Principals([ONE, ANOTHER]).authenticate(token) is None


def test_nobody_is_known_without_principals() -> None:
    """No configured principal means that no token is good."""
    assert Principals([]).authenticate(OLD) is None


def test_token_is_not_kept() -> None:
    """What is looked up leaves no trace in the object."""
    principals = Principals([ONE])
    principals.authenticate(OLD)
    principals.authenticate(b"a wrong secret token")
    kept = repr(principals._by_digest).encode()
    assert OLD not in kept
    assert b"a wrong secret token" not in kept
