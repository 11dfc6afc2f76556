"""What is counted, as domain verbs: callers never see a label.

With its neighbours here the only home of prometheus-client.  Every label value comes from a closed
set or from the configuration; nothing of a request's own text becomes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from tentaculo.telemetry.holds import Hold, Holds
from tentaculo.telemetry.stream_metrics import StreamFamilies, StreamMetrics
from tentaculo.telemetry.tallies import OTHER, Tallies, Tally
from tentaculo.telemetry.token_metrics import TokenMetrics, shown_total
from tentaculo.telemetry.upstream_metrics import UpstreamMetrics
from tentaculo.telemetry.worker_metrics import WorkerMetrics

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
RELOAD_OUTCOMES = frozenset({"applied", "rejected"})
CUT_KINDS = frozenset({"stream", "call"})
ABORT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """All metrics of one gateway, in a registry of their own."""

    def __init__(self, *, version: str) -> None:
        self.registry = own = CollectorRegistry()
        Info("tentaculo_build", "The version that runs", registry=own).info({"version": version})
        self.tokens = TokenMetrics(own)
        self.upstreams = UpstreamMetrics(own)
        self.workers = WorkerMetrics(own)
        self._tallies = Tallies()
        self._tallies.show_in(own)
        self._streams = StreamFamilies(own)
        self._rate_limited = Counter(
            "tentaculo_rate_limited", "Calls refused by their route's rate limit", ["route"], registry=own
        )
        self._routes = Holds(self._forget_route)
        self._refused = Counter(
            "tentaculo_connections_refused", "Connections refused for a limit", ["reason"], registry=own
        )
        for reason in REFUSALS:
            self._refused.labels(reason)
        self._connections = Gauge("tentaculo_connections_open", "Open downstream connections", registry=own)
        self._dropped = Counter(
            "tentaculo_log_lines_dropped", "Log lines that were not written", registry=own
        )
        self._aborts = Histogram(
            "upstream_abort_seconds",
            "Time from a client's leaving to the end of its upstream connection",
            registry=own,
            buckets=ABORT_SECONDS,
        )
        self._cut = Counter(
            "tentaculo_exchanges_cut", "Exchanges that the end of the drain cut", ["kind"], registry=own
        )
        for kind in CUT_KINDS:
            self._cut.labels(kind)
        self._reloads = Counter(
            "tentaculo_config_reloads", "Reloads of the configuration", ["outcome"], registry=own
        )
        for outcome in RELOAD_OUTCOMES:
            self._reloads.labels(outcome)
        self._is_rejected = Gauge(
            "tentaculo_config_rejected",
            "1 while the configuration on disk is not the one in effect",
            registry=own,
        )

    def route(self, name: str, *, streams: bool = False, rate_limited: bool = False) -> RouteMetrics:
        """Return the metrics of a route; the same counts for all who ask, while anyone keeps them.

        Of `streams` and of calls over its rate it shows zeros from now on where it is to have any, else
        nothing until the first: series that stay empty would make each scrape three times as long.
        """
        route = RouteMetrics(self, self._routes.take(name), self._tallies.of(name), name)
        if streams:
            route.streams  # noqa: B018 - makes its series
        if rate_limited:
            self.count_limited(name, 0)
        return route

    def streams_of(self, route: str) -> StreamMetrics:
        """Return the metrics of a route's streams, which are shown from now on."""
        return StreamMetrics(self._streams, route)

    def count_limited(self, route: str, calls: int) -> None:
        """Count calls that a route's rate limit refused."""
        self._rate_limited.labels(route).inc(calls)

    def forget_unused(self) -> None:
        """End the series of routes and servers that nobody keeps any more; from any thread."""
        self._routes.forget_unused()
        self.upstreams.forget_unused()

    def _forget_route(self, name: str) -> None:
        self._tallies.forget(name)
        self._streams.forget(name)
        self._rate_limited.remove(name)

    def upstream_fault(self, upstream: str, kind: str) -> None:
        """Count an exchange that an upstream failed; `kind` is the error's code."""
        self.upstreams.failed(upstream, _closed(kind, FAULT_KINDS))

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

    def upstream_aborted(self, seconds: float) -> None:
        """Count an upstream connection that ended `seconds` after its client had left."""
        self._aborts.observe(seconds)

    def exchanges_cut(self, kind: str, count: int) -> None:
        """Count exchanges that a drain did not wait for; `kind` is stream or call."""
        self._cut.labels(_closed(kind, CUT_KINDS)).inc(count)

    def reloaded(self, outcome: str) -> None:
        """Count a reload; `outcome` is applied or rejected."""
        self._reloads.labels(_closed(outcome, RELOAD_OUTCOMES)).inc()
        self._is_rejected.set(outcome == "rejected")

    @property
    def open_connections(self) -> int:
        """How many downstream connections are open."""
        return int(shown_total(self._connections))

    def tallies(self) -> list[Tally]:
        """Return the finished exchanges of every route, to be read and not changed."""
        return self._tallies.all()

    def exposition(self) -> tuple[bytes, str]:
        """Return all of it in Prometheus' text format, and its content type."""
        self.forget_unused()
        return generate_latest(cast("Collector", _WithoutCreated(self.registry))), CONTENT_TYPE_LATEST


class RouteMetrics:
    """The metrics of one route: of its finished exchanges, of calls over its rate, and of its streams.

    They are shown for as long as any of them is kept.
    """

    __slots__ = ("_hold", "_metrics", "_name", "_streams", "_tally")

    def __init__(self, metrics: Metrics, hold: Hold, tally: Tally, name: str) -> None:
        self._metrics = metrics
        self._hold = hold
        self._tally = tally
        self._name = name
        self._streams: StreamMetrics | None = None

    def request_finished(self, method: str, status: int, seconds: float | None) -> None:
        """Count a finished exchange; `seconds` is None for a stream, whose length says nothing of speed."""
        self._tally.add(method, status, seconds)

    @property
    def requests(self) -> int:
        """How many exchanges have finished."""
        return sum(self._tally.requests.values())

    def rate_limited(self) -> None:
        """Count a call that the route's rate limit refused."""
        self._metrics.count_limited(self._name, 1)

    @property
    def streams(self) -> StreamMetrics:
        """Return the metrics of its streams."""
        if self._streams is None:
            self._streams = self._metrics.streams_of(self._name)
        return self._streams


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
