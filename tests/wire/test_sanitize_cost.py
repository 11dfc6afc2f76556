"""What sanitizing a request line may cost, counted in calls."""

from __future__ import annotations

import pytest

from tentaculo.wire.sanitize import mask_values
from tests.fakes.cost import calls_made
from tests.wire.test_sanitize import HOSTILE, SANITIZER, SECRETS

REQUEST_LINE = 8190
DEAR = (*HOSTILE, "%2574oken=%2574&", "%74oken=%2574&", "%25token=&", "session=%41&", "%252541a", "\xdf")
AFFORDABLE = 12_000  # calls


@pytest.mark.parametrize("prefix", ["", "/e?", "//u:"])
@pytest.mark.parametrize("unit", DEAR, ids=ascii)
def test_request_line_is_affordable(unit: str, prefix: str) -> None:
    """A request line of the usual limit holds up the event loop for a few milliseconds at most."""
    text = prefix + (unit * (REQUEST_LINE // len(unit) + 1))[: REQUEST_LINE - len(prefix)]
    assert calls_made(lambda: SANITIZER.url(text)) < AFFORDABLE
    assert calls_made(lambda: mask_values(text, SECRETS[:8])) < AFFORDABLE


@pytest.mark.parametrize("size", [100, 4000, 8190])
def test_many_secrets_are_affordable(size: int) -> None:
    """The time does not grow with the number of secrets in a request."""
    text = "/zz?" + ("%74oken=%2574&" * 600)[:size]
    assert calls_made(lambda: mask_values(text, SECRETS)) < AFFORDABLE
    assert mask_values(text, SECRETS) == "/zz?***"
