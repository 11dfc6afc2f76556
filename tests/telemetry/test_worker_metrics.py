"""Counts of worker processes."""

from __future__ import annotations

from tentaculo.telemetry.metrics import Metrics


def test_workers() -> None:
    """One process is one worker; a supervisor tells how many there are, and how often one was replaced."""
    metrics = Metrics(version="1")
    text = metrics.exposition()[0]
    assert b"\ntentaculo_workers 1.0\n" in text
    assert b"\ntentaculo_worker_restarts_total 0.0\n" in text
    metrics.workers.running(4)
    metrics.workers.restarted()
    text = metrics.exposition()[0]
    assert b"\ntentaculo_workers 4.0\n" in text
    assert b"\ntentaculo_worker_restarts_total 1.0\n" in text
