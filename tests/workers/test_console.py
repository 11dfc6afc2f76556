"""The figures of several workers as one's; the stream is in tests/functional/test_workers_together.py."""

from __future__ import annotations

from typing import Any

from tentaculo.workers.console import merged_figures


def figures(calls: float, p50: float | None, **changes: Any) -> dict[str, Any]:
    """Return the figures of a worker."""
    made = {
        "at": 1.0,
        "calls_per_second": calls,
        "errors_per_second": 1.0,
        "refused_per_second": 0.5,
        "error_rate": None,
        "latency_ms": {"p50": p50},
        "tokens": {"issued_per_second": 1.0, "refused_per_second": 0.0, "valid": 5, "refused": {"used": 1}},
        "open_streams": 2,
        "connections": 3,
        "ready": True,
        "draining": False,
        "version": "1",
        "uptime_seconds": 9.0,
    }
    return {**made, **changes}


def test_sums_and_means() -> None:
    """Rates are added up, latencies count as the calls do, and tokens are the store's."""
    merged = merged_figures([figures(30.0, 1.0, ready=False), figures(10.0, 5.0, at=2.0, uptime_seconds=1.0)])
    assert merged == {
        **figures(40.0, 2.0),
        "at": 2.0,
        "errors_per_second": 2.0,
        "refused_per_second": 1.0,
        "error_rate": 0.05,
        "tokens": {"issued_per_second": 2.0, "refused_per_second": 0.0, "valid": 5, "refused": {"used": 2}},
        "open_streams": 4,
        "connections": 6,
    }


def test_without_calls() -> None:
    """There is no rate of errors, and no latency."""
    merged = merged_figures([figures(0.0, None), figures(0.0, None)])
    assert (merged["error_rate"], merged["latency_ms"]) == (None, {"p50": None})
    assert merged_figures([figures(0.0, None), figures(0.0, 4.0)])["latency_ms"] == {"p50": 4.0}
