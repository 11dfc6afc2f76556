"""What is counted about upstreams and their servers, as plain numbers, shown to Prometheus when it asks.

Exchanges are counted once per call and from the event loop alone, as in `tallies`; callers never see
a label.  The names of upstreams and servers come from the configuration, and are shown while it has them
or anything still goes on there.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
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

    @property
    def is_used(self) -> bool:
        """Whether anyone keeps it, or has something open there."""
        return bool(self.users or self.exchanges or self.connections)


class UpstreamTally:
    """The counts of an upstream as a whole: exchanges tried again by outcome, and faults by kind."""

    __slots__ = ("faults", "retries", "servers")

    def __init__(self) -> None:
        self.servers = 0
        self.retries = {RETRIED: 0, DENIED: 0}  # so that none yet can be told from not counted
        self.faults: dict[str, int] = {}


class UpstreamMetrics:
    """The tallies of all servers, and the retries; prometheus-client's `Collector` by shape."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._servers: dict[tuple[str, str], ServerTally] = {}
        self._upstreams: dict[str, UpstreamTally] = {}
        self._given_up: set[tuple[str, str]] = set()  # but still in use, when it was looked at last
        self._lock = Lock()  # servers are made in other threads
        own.register(cast("Collector", self))

    def server(self, upstream: str, server: str) -> ServerTally:
        """Return the tally of a server, to be kept until it is forgotten; the same one to all who ask."""
        names = (upstream, server)
        with self._lock:
            tally = self._servers.get(names)
            if tally is None:
                tally = self._servers[names] = ServerTally()
                self._upstreams.setdefault(upstream, UpstreamTally()).servers += 1
            tally.users += 1
            self._given_up.discard(names)
        return tally

    def forget(self, upstream: str, server: str) -> None:
        """Give up the tally of a server; it is shown until the last who kept it has, and nothing is open."""
        names = (upstream, server)
        with self._lock:
            tally = self._servers[names]
            tally.users -= 1
            if not tally.is_used:
                self._drop(names)
            elif not tally.users:
                self._given_up.add(names)

    def forget_unused(self) -> None:
        """End the series of servers that were given up, where nothing is open any more."""
        with self._lock:
            for names in [names for names in self._given_up if not self._servers[names].is_used]:
                self._given_up.discard(names)
                self._drop(names)

    def _drop(self, names: tuple[str, str]) -> None:
        del self._servers[names]
        tally = self._upstreams[names[0]]
        tally.servers -= 1
        if not tally.servers:
            del self._upstreams[names[0]]

    def failed(self, upstream: str, kind: str) -> None:
        """Count an exchange that an upstream failed; of one that is gone nothing is counted any more."""
        tally = self._upstreams.get(upstream)
        if tally is not None:
            tally.faults[kind] = tally.faults.get(kind, 0) + 1

    def retried(self, upstream: str) -> None:
        """Count an exchange that another server is asked for."""
        self._count_retry(upstream, RETRIED)

    def retry_denied(self, upstream: str) -> None:
        """Count an exchange that was not tried again for the budget alone."""
        self._count_retry(upstream, DENIED)

    def _count_retry(self, upstream: str, outcome: str) -> None:
        tally = self._upstreams.get(upstream)
        if tally is not None:
            tally.retries[outcome] += 1

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
        yield from (*gauges.values(), *counters.values(), *self._of_upstreams())

    def _of_upstreams(self) -> Iterator[Metric]:
        retries = _counter(
            "retries", "Exchanges for another server, by what came of it", ["upstream", "outcome"]
        )
        faults = _counter("faults", "Exchanges that an upstream failed", ["upstream", "kind"])
        for name, tally in list(self._upstreams.items()):
            for outcome, count in list(tally.retries.items()):
                retries.add_metric([name, outcome], count)
            for kind, count in list(tally.faults.items()):
                faults.add_metric([name, kind], count)
        yield from (retries, faults)


def _gauge(name: str, about: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tentaculo_upstream_{name}", about, labels=labels)


def _counter(name: str, about: str, labels: list[str]) -> CounterMetricFamily:
    return CounterMetricFamily(f"tentaculo_upstream_{name}", about, labels=labels)
