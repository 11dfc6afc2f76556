"""What is counted, as domain verbs over prometheus-client."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RouteMetrics:
    def __init__(self, metrics: Metrics, route: str) -> None:
        self._metrics = metrics
        self._route = route
        self._requests: dict[tuple[str, int], Counter] = {}
        self._duration = metrics._duration.labels(route)
        self._open = metrics._open.labels(route)

    def request_finished(self, method: str, status: int, seconds: float | None) -> None:
        key = (method, status // 100)
        counter = self._requests.get(key)
        if counter is None:
            name = method if method in METHODS else "other"
            counter = self._requests[key] = self._metrics._requests.labels(self._route, name, f"{key[1]}xx")
        counter.inc()
        if seconds is not None:
            self._duration.observe(seconds)

    def stream_opened(self) -> None:
        self._open.inc()

    def stream_ended(self, reason: str, seconds: float) -> None:
        self._open.dec()
        self._metrics._ended.labels(self._route, reason).inc()


class Metrics:
    def __init__(self, *, version: str) -> None:
        self.registry = r = CollectorRegistry()
        self._requests = Counter("tentaculo_requests", "Requests", ["route", "method", "status_class"], registry=r)
        self._duration = Histogram("tentaculo_request_duration_seconds", "Time", ["route"], registry=r)
        self._open = Gauge("tentaculo_streams_open", "Open", ["route"], registry=r)
        self._ended = Counter("tentaculo_streams_ended", "Ended", ["route", "reason"], registry=r)
        self._faults = Counter("tentaculo_upstream_faults", "Faults", ["upstream", "kind"], registry=r)
        self._refused = Counter("tentaculo_connections_refused", "Refused", ["reason"], registry=r)
        self._connections = Gauge("tentaculo_connections_open", "Open", registry=r)

    def route(self, name: str) -> RouteMetrics:
        return RouteMetrics(self, name)

    def upstream_fault(self, upstream: str, kind: str) -> None:
        self._faults.labels(upstream, kind).inc()

    def connection_refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def connection_opened(self) -> None:
        self._connections.inc()

    def connection_closed(self) -> None:
        self._connections.dec()

    def exposition(self) -> tuple[bytes, str]:
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
