"""What is counted about upstreams, as a scraper reads it."""

from __future__ import annotations

import pytest

from tentaculo.telemetry.metrics import Metrics

GAUGES = ("server_up", "server_exchanges", "connections_open")
COUNTERS = ("server_requests_total", "server_faults_total", "ejections_total")


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of their own."""
    return Metrics(version="0")


def values(metrics: Metrics, *names: str, server: str = "one:80") -> list[float | None]:
    """Return the values of a server's series."""
    labels = {"upstream": "backend", "server": server}
    read = metrics.registry.get_sample_value
    return [read(f"tentaculo_upstream_{name}", labels) for name in names]


def retries(metrics: Metrics, outcome: str) -> float | None:
    """Return how many retries had this outcome."""
    labels = {"upstream": "backend", "outcome": outcome}
    return metrics.registry.get_sample_value("tentaculo_upstream_retries_total", labels)


def test_series_of_a_new_server(metrics: Metrics) -> None:
    """It is up, and nothing was counted yet; of a server that nobody has there are none."""
    metrics.upstreams.server("backend", "one:80")
    assert values(metrics, *GAUGES, *COUNTERS) == [1, 0, 0, 0, 0, 0]
    assert values(metrics, *GAUGES, *COUNTERS, server="two:80") == [None] * 6
    assert (retries(metrics, "retried"), retries(metrics, "denied")) == (0, 0)


def test_counts_of_a_server(metrics: Metrics) -> None:
    """Whatever its tally says is shown."""
    tally = metrics.upstreams.server("backend", "one:80")
    tally.up = False
    tally.exchanges = 2
    tally.count_connections(1)
    tally.count_connections(1)
    tally.count_connections(1)
    tally.count_connections(-1)
    tally.requests, tally.faults, tally.ejections = 9, 4, 1
    assert values(metrics, *GAUGES, *COUNTERS) == [0, 2, 2, 9, 4, 1]


def test_tally_is_shared(metrics: Metrics) -> None:
    """Two that ask for the same server count together, and it is shown until both gave it up."""
    one, two = (metrics.upstreams.server("backend", "one:80") for _ in range(2))
    assert one is two
    metrics.upstreams.forget("backend", "one:80")
    assert values(metrics, "server_up") == [1]
    metrics.upstreams.forget("backend", "one:80")
    assert values(metrics, "server_up") == [None]
    assert metrics.upstreams.server("backend", "one:80") is not one


def test_server_with_something_open(metrics: Metrics) -> None:
    """One that is gone is shown until the last exchange there and the last connection have ended."""
    tally = metrics.upstreams.server("backend", "one:80")
    tally.exchanges, tally.connections = 1, 1
    metrics.upstreams.forget("backend", "one:80")
    tally.exchanges = 0
    metrics.forget_unused()
    assert values(metrics, *GAUGES) == [1, 0, 1]
    assert retries(metrics, "retried") == 0
    tally.connections = 0
    metrics.forget_unused()
    assert values(metrics, *GAUGES) == [None] * 3
    assert retries(metrics, "retried") is None


def test_server_that_comes_back(metrics: Metrics) -> None:
    """While something is open there it goes on from its counts."""
    tally = metrics.upstreams.server("backend", "one:80")
    tally.connections = 1
    metrics.upstreams.forget("backend", "one:80")
    assert metrics.upstreams.server("backend", "one:80") is tally
    tally.connections = 0
    metrics.forget_unused()
    assert values(metrics, "server_up") == [1]


def test_upstream_that_is_gone(metrics: Metrics) -> None:
    """Its faults go with it, and what is heard of it later makes no series."""
    metrics.upstreams.server("backend", "one:80")
    metrics.upstream_fault("backend", "upstream_timeout")
    labels = {"upstream": "backend", "kind": "upstream_timeout"}
    read = metrics.registry.get_sample_value
    assert read("tentaculo_upstream_faults_total", labels) == 1
    metrics.upstreams.forget("backend", "one:80")
    metrics.upstream_fault("backend", "upstream_timeout")
    metrics.upstreams.retried("backend")
    assert read("tentaculo_upstream_faults_total", labels) is None
    assert retries(metrics, "retried") is None


def test_retries(metrics: Metrics) -> None:
    """Counted by what came of them, as long as the upstream has a server."""
    for name in ("one:80", "two:80"):
        metrics.upstreams.server("backend", name)
    metrics.upstreams.server("other", "one:80")
    metrics.upstreams.retried("backend")
    metrics.upstreams.retried("backend")
    metrics.upstreams.retry_denied("backend")
    assert (retries(metrics, "retried"), retries(metrics, "denied")) == (2, 1)
    metrics.upstreams.forget("backend", "one:80")
    assert retries(metrics, "retried") == 2
    metrics.upstreams.forget("backend", "two:80")
    assert retries(metrics, "retried") is None
    assert "tentaculo_upstream_retries_total" in metrics.exposition()[0].decode()
