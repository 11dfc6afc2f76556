"""What gateways counted, read and compared."""

from __future__ import annotations

import pytest

from scripts.deploying.figures import Calls, read_calls, since

EXPOSITION = """\
# HELP tentaculo_requests_total Finished exchanges
# TYPE tentaculo_requests_total counter
tentaculo_requests_total{method="GET",route="a",status_class="2xx"} 40.0
tentaculo_requests_total{method="GET",route="a",status_class="5xx"} 2.0
tentaculo_requests_total{method="POST",route="b",status_class="5xx"} 1.0
tentaculo_requests_total{method="POST",route="b",status_class="4xx"} 1.2e+03
tentaculo_request_duration_seconds_count{route="a"} 42.0
"""


def test_reading() -> None:
    """Calls of all routes and methods count."""
    assert read_calls(EXPOSITION) == Calls(1243, 3)


def test_since() -> None:
    """A gateway that is new began with nothing; one that is gone counts no more."""
    before = {"old": Calls(100, 5), "gone": Calls(7, 7)}
    after = {"old": Calls(150, 6), "new": Calls(30, 1)}
    assert since(before, after) == Calls(80, 2)


@pytest.mark.parametrize(
    ("calls", "are_good"),
    [
        pytest.param(Calls(), True, id="none"),
        pytest.param(Calls(10, 2), True, id="few"),
        pytest.param(Calls(10, 3), False, id="many of few"),
        pytest.param(Calls(1000, 10), True, id="one percent"),
        pytest.param(Calls(1000, 11), False, id="more"),
    ],
)
def test_judging(calls: Calls, are_good: bool) -> None:
    """More than one percent is too much, and a few are no sign of anything."""
    assert calls.are_good == are_good


def test_telling() -> None:
    """They are told in a sentence."""
    assert str(Calls(5, 1)) == "1 of 5 calls were answered with a 5xx"
