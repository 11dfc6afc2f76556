"""Who a token proves."""

from __future__ import annotations

import hashlib

import pytest

from tentaculo.access.principals import Principal, Principals, fingerprint
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
    assert Principals([ONE, ANOTHER]).authenticate(token) == Principal(name, fingerprint(digest(token)))


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


def test_limit_of_streams_is_the_principals() -> None:
    """Whichever of its tokens proves it, and by a grant too, a principal brings its own limit along."""
    limited = PrincipalSettings(name="one", digests=ONE.digests, max_streams=3)
    principals = Principals([limited, ANOTHER])
    proved = [principals.authenticate(token) for token in (OLD, NEW, OTHER)]
    proved.append(principals.holder("one", fingerprint(digest(NEW))))
    assert [found and found.max_streams for found in proved] == [3, 3, None, 3]


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


def test_fingerprint_tells_tokens_apart_and_nothing_else() -> None:
    """It is short, the same each time, another for each token, and not the digest that authenticates."""
    marks = [fingerprint(digest(token)) for token in (OLD, NEW, OTHER)]
    assert len(set(marks)) == 3
    assert marks[0] == fingerprint(digest(OLD))
    assert all(len(mark) == 32 and mark not in digest(OLD).hex() for mark in marks)
    assert Principals([ONE]).authenticate(marks[0].encode()) is None


HOLDERS = {
    "first token": ("one", fingerprint(digest(OLD)), True),
    "second token": ("one", fingerprint(digest(NEW)), True),
    "token that is gone": ("one", fingerprint(digest(b"rotated away")), False),
    "another's token": ("one", fingerprint(digest(OTHER)), False),
    "unknown name": ("nobody", fingerprint(digest(OLD)), False),
    "no fingerprint": ("one", "", False),
    "the digest itself": ("one", digest(OLD).hex(), False),
}


@pytest.mark.parametrize(("name", "mark", "held"), HOLDERS.values(), ids=HOLDERS)
def test_holder_of_a_grant(name: str, mark: str, held: bool) -> None:
    """A grant holds while its principal has the token that it was issued for."""
    assert Principals([ONE, ANOTHER]).holder(name, mark) == (Principal(name, mark) if held else None)
