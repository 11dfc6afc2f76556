"""What is counted about worker processes; with one process alone it is the only worker."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class WorkerMetrics:
    """How many workers there are, and how often one ended that was not told to."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._running = Gauge(
            "tentaculo_workers", "Worker processes that serve; 1 without --workers", registry=own
        )
        self._running.set(1)
        self._restarts = Counter(
            "tentaculo_worker_restarts", "Worker processes that were started in place of others", registry=own
        )

    def running(self, count: int) -> None:
        """Note how many serve."""
        self._running.set(count)

    def restarted(self) -> None:
        """Count one that was started in place of another."""
        self._restarts.inc()
