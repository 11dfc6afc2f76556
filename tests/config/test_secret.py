"""A text that must not be shown."""

from __future__ import annotations

import copy
import pickle

import pytest

from tentaculo.config.secret import Secret


def test_secret_is_not_shown() -> None:
    """A secret never shows where it is printed, alone or inside something else."""
    secret = Secret("hunter2")
    shown = f"{secret} {secret!r} {[secret]} {secret!s}"
    assert "hunter2" not in shown
    assert secret.reveal() == "hunter2"


@pytest.mark.parametrize(
    "spread", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"]
)
def test_secret_is_not_spread(spread: object) -> None:
    """A secret can't be copied or serialised by accident."""
    assert callable(spread)
    with pytest.raises(TypeError, match="not serialised"):
        spread(Secret("hunter2"))


def test_secrets_are_compared_by_value() -> None:
    """Equal secrets are equal, so that settings can be compared."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
