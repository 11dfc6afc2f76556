"""What is counted about the servers of upstreams, as plain numbers, shown to Prometheus when it asks.

Exchanges are counted once per call and from the event loop alone, as in `tallies`; callers never see
a label.  The names of upstreams and servers come from the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

RETRIED = "retried"
DENIED = "denied"


class ServerTally:
    """The counts of one server; `users` is how many keep it.

    `exchanges` and `connections` are those open now, `requests`, `faults` and `ejections` all there were.
    """

    __slots__ = ("connections", "ejections", "exchanges", "faults", "requests", "up", "users")

    def __init__(self) -> None:
        self.users = 0
        self.up = True
        self.exchanges = 0
        self.connections = 0
        self.requests = 0
        self.faults = 0
        self.ejections = 0

    def count_connections(self, change: int) -> None:
        """Count connections in or out."""
        self.connections += change


class UpstreamMetrics:
    """The tallies of all servers, and the retries; prometheus-client's `Collector` by shape."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._servers: dict[tuple[str, str], ServerTally] = {}
        self._retries: dict[tuple[str, str], int] = {}
        own.register(cast("Collector", self))

    def server(self, upstream: str, server: str) -> ServerTally:
        """Return the tally of a server, to be kept until it is forgotten; the same one to all who ask."""
        for outcome in (RETRIED, DENIED):  # so that none yet can be told from not counted
            self._retries.setdefault((upstream, outcome), 0)
        tally = self._servers.setdefault((upstream, server), ServerTally())
        tally.users += 1
        return tally

    def forget(self, upstream: str, server: str) -> None:
        """Give up the tally of a server; it is shown until the last who kept it has."""
        tally = self._servers[upstream, server]
        tally.users -= 1
        if not tally.users:
            del self._servers[upstream, server]
            if not any(name == upstream for name, _ in self._servers):
                self._forget_retries(upstream)

    def _forget_retries(self, upstream: str) -> None:
        for outcome in (RETRIED, DENIED):
            self._retries.pop((upstream, outcome), None)

    def retried(self, upstream: str) -> None:
        """Count an exchange that another server is asked for."""
        self._count_retry(upstream, RETRIED)

    def retry_denied(self, upstream: str) -> None:
        """Count an exchange that was not tried again for the budget alone."""
        self._count_retry(upstream, DENIED)

    def _count_retry(self, upstream: str, outcome: str) -> None:
        self._retries[upstream, outcome] = self._retries.get((upstream, outcome), 0) + 1

    def collect(self) -> Iterator[Metric]:
        """Yield the families as prometheus-client's own would look."""
        labels = ["upstream", "server"]
        gauges = {
            "up": _gauge("server_up", "Whether a server gets calls", labels),
            "exchanges": _gauge("server_exchanges", "Exchanges that a server has in hand", labels),
            "connections": _gauge("connections_open", "Open connections to a server", labels),
        }
        counters = {
            "requests": _counter("server_requests", "Exchanges that a server was asked for", labels),
            "faults": _counter("server_faults", "Exchanges that a server failed", labels),
            "ejections": _counter("ejections", "How often a server was held back for its faults", labels),
        }
        for names, tally in list(self._servers.items()):
            for name, family in (gauges | counters).items():
                family.add_metric(list(names), float(getattr(tally, name)))
        retries = _counter(
            "retries", "Exchanges for another server, by what came of it", ["upstream", "outcome"]
        )
        for pair, count in list(self._retries.items()):
            retries.add_metric(list(pair), count)
        yield from (*gauges.values(), *counters.values(), retries)


def _gauge(name: str, about: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tentaculo_upstream_{name}", about, labels=labels)


def _counter(name: str, about: str, labels: list[str]) -> CounterMetricFamily:
    return CounterMetricFamily(f"tentaculo_upstream_{name}", about, labels=labels)
