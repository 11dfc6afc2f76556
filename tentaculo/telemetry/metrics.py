"""What is counted, as domain verbs: callers never see a label.

With `tallies` the only home of prometheus-client.  Every label value comes from a closed set or from the
configuration; nothing of a request's own text becomes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from tentaculo.telemetry.tallies import OTHER, Tallies, Tally
from tentaculo.telemetry.token_metrics import TokenMetrics

END_REASONS = frozenset(
    {
        "upstream_closed",
        "upstream_error",
        "client_gone",
        "slow_client",
        "superseded",
        "deadline",
        "draining",
        "revoked",
        "route_removed",
    }
)
FAULT_KINDS = frozenset(
    {
        "upstream_unreachable",
        "upstream_timeout",
        "upstream_protocol_error",
        "upstream_redirect",
        "not_an_event_stream",
    }
)
REFUSALS = frozenset({"connections", "connections_per_client"})
STREAM_SECONDS = (1, 10, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)


class Metrics:
    """All metrics of one gateway, in a registry of their own."""

    def __init__(self, *, version: str) -> None:
        self.registry = own = CollectorRegistry()
        Info("tentaculo_build", "The version that runs", registry=own).info({"version": version})
        self.tokens = TokenMetrics(own)
        self._tallies = Tallies()
        self._tallies.show_in(own)
        self._routes = _RouteFamilies(own)
        self._faults = Counter(
            "tentaculo_upstream_faults",
            "Exchanges that an upstream failed",
            ["upstream", "kind"],
            registry=own,
        )
        self._refused = Counter(
            "tentaculo_connections_refused", "Connections refused for a limit", ["reason"], registry=own
        )
        self._connections = Gauge("tentaculo_connections_open", "Open downstream connections", registry=own)
        self._dropped = Counter(
            "tentaculo_log_lines_dropped", "Log lines that were not written", registry=own
        )

    def route(self, name: str) -> RouteMetrics:
        """Return the metrics of a route; the same counts each time it is asked for."""
        return RouteMetrics(self._routes, self._tallies.of(name), name)

    def upstream_fault(self, upstream: str, kind: str) -> None:
        """Count an exchange that an upstream failed; `kind` is the error's code."""
        self._faults.labels(upstream, _closed(kind, FAULT_KINDS)).inc()

    def connection_refused(self, reason: str) -> None:
        """Count a connection that a limit refused; `reason` is the limit's name."""
        self._refused.labels(_closed(reason, REFUSALS)).inc()

    def connection_opened(self) -> None:
        """Count a downstream connection in."""
        self._connections.inc()

    def connection_closed(self) -> None:
        """Count a downstream connection out."""
        self._connections.dec()

    def log_dropped(self, count: int) -> None:
        """Count log lines that were not written; from any thread."""
        self._dropped.inc(count)

    def exposition(self) -> tuple[bytes, str]:
        """Return all of it in Prometheus' text format, and its content type."""
        return generate_latest(cast("Collector", _WithoutCreated(self.registry))), CONTENT_TYPE_LATEST


class RouteMetrics:
    """The metrics of one route, bound once so that counting costs no look-up of labels."""

    __slots__ = ("_families", "_open", "_route", "_stream_duration", "_tally")

    def __init__(self, families: _RouteFamilies, tally: Tally, route: str) -> None:
        self._families = families
        self._tally = tally
        self._route = route
        self._open = families.streams_open.labels(route)
        self._stream_duration = families.stream_duration.labels(route)

    def request_finished(self, method: str, status: int, seconds: float | None) -> None:
        """Count a finished exchange; `seconds` is None for a stream, whose length says nothing of speed."""
        self._tally.add(method, status, seconds)

    def stream_opened(self) -> None:
        """Count a stream in."""
        self._open.inc()

    def stream_ended(self, reason: str, seconds: float) -> None:
        """Count a stream out, for its end reason."""
        self._open.dec()
        self._families.streams_ended.labels(self._route, _closed(reason, END_REASONS)).inc()
        self._stream_duration.observe(seconds)


class _RouteFamilies:
    """The metrics that have a route label."""

    def __init__(self, own: CollectorRegistry) -> None:
        self.streams_open = Gauge("tentaculo_streams_open", "Open streams", ["route"], registry=own)
        self.streams_ended = Counter(
            "tentaculo_streams_ended", "Ended streams", ["route", "reason"], registry=own
        )
        self.stream_duration = Histogram(
            "tentaculo_stream_duration_seconds",
            "How long streams were open",
            ["route"],
            registry=own,
            buckets=STREAM_SECONDS,
        )


class _WithoutCreated:
    """Leaves out when each series began, which would double the number of series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]
            yield metric


def _closed(value: str, known: frozenset[str]) -> str:
    return value if value in known else OTHER
