"""What sanitizing a request line may cost, counted in calls."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from tentaculo.wire.sanitize import mask_values
from tests.wire.test_sanitize import HOSTILE, SANITIZER, SECRETS

REQUEST_LINE = 8190
DEAR = (*HOSTILE, "%2574oken=%2574&", "%74oken=%2574&", "%25token=&", "session=%41&", "%252541a", "\xdf")
AFFORDABLE = 12_000  # calls


def calls(sanitize: Callable[[str], str], text: str) -> int:
    """Count the calls of a run: what it costs, whatever else the machine does."""
    counted = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        sanitize(text)
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("prefix", ["", "/e?", "//u:"])
@pytest.mark.parametrize("unit", DEAR, ids=ascii)
def test_request_line_is_affordable(unit: str, prefix: str) -> None:
    """A request line of the usual limit holds up the event loop for a few milliseconds at most."""
    text = prefix + (unit * (REQUEST_LINE // len(unit) + 1))[: REQUEST_LINE - len(prefix)]
    assert calls(SANITIZER.url, text) < AFFORDABLE
    assert calls(lambda text: mask_values(text, SECRETS[:8]), text) < AFFORDABLE


@pytest.mark.parametrize("size", [100, 4000, 8190])
def test_many_secrets_are_affordable(size: int) -> None:
    """The time does not grow with the number of secrets in a request."""
    text = "/zz?" + ("%74oken=%2574&" * 600)[:size]
    assert calls(lambda text: mask_values(text, SECRETS), text) < AFFORDABLE
    assert mask_values(text, SECRETS) == "/zz?***"
