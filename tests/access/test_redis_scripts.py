"""Keys, names and scripts as Redis sees them (what the scripts decide is in tests/contracts)."""

from __future__ import annotations

import hashlib

import pytest
from redis.cluster import key_slot  # type: ignore[attr-defined]

from tentaculo.access import redis_scripts
from tentaculo.access.redis_scripts import (
    EPOCHS,
    PREFIX,
    REDEEMED,
    UNREDEEMED,
    Script,
    block_key,
    channel_name,
    decode_name,
    encode_name,
    token_key,
)

NAMES = ["one", "", "{other}", "a:b", "a\nb c", "\0", "ü", "\udcff"]


def test_a_script_is_known_by_its_digest() -> None:
    """The name of a script is the SHA-1 of its text, as Redis computes it."""
    assert Script("return 1").sha == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
    scripts = [value for value in vars(redis_scripts).values() if isinstance(value, Script)]
    assert len({script.sha for script in scripts}) == 7


def test_all_keys_share_a_slot() -> None:
    """Whatever the names, every key begins with the prefix and lies in the slot of its hash tag."""
    keys = [EPOCHS, UNREDEEMED, REDEEMED, token_key(b"x" * 32), *map(block_key, NAMES)]
    assert all(key.startswith(PREFIX) for key in keys)
    assert {key_slot(key.encode()) for key in keys} == {key_slot(b"tentaculo")}
    assert len(set(keys)) == len(keys)


def test_channels_differ_by_database() -> None:
    """Two databases of one Redis don't hear each other."""
    assert channel_name(0) != channel_name(1)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_survive(name: str) -> None:
    """A name comes back as it was, and does not stand in the key of its block."""
    assert decode_name(encode_name(name)) == name
    assert block_key(name) == f"{PREFIX}block:{hashlib.sha256(encode_name(name)).hexdigest()}"
