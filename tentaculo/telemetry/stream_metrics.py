"""What is counted about streams: how many, how they end, and what they carry; callers never see a label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tentaculo.telemetry.tallies import OTHER

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
STREAM_SECONDS = (1, 10, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
FIRST_EVENT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class StreamFamilies:
    """The metrics of streams, each with a route label."""

    def __init__(self, own: CollectorRegistry) -> None:
        self.open = _gauge("tentaculo_streams_open", "Open streams", own)
        self.ended = Counter("tentaculo_streams_ended", "Ended streams", ["route", "reason"], registry=own)
        self.duration = _histogram(
            "tentaculo_stream_duration_seconds", "How long streams were open", STREAM_SECONDS, own
        )
        self.first_event = _histogram(
            "tentaculo_stream_first_event_seconds",
            "Time from a stream's request to its first event",
            FIRST_EVENT_SECONDS,
            own,
        )
        self.events = _counter("tentaculo_stream_events", "Events that were relayed to clients", own)
        self.bytes = _counter("tentaculo_stream_bytes", "Bytes of streams that were relayed to clients", own)
        self.replayed = _counter(
            "tentaculo_stream_events_replayed", "Events that returning clients had missed and got", own
        )
        self.resyncs = _counter(
            "tentaculo_stream_resyncs", "Clients that were told that events were lost", own
        )
        self.shared = _gauge("tentaculo_shared_streams_open", "Open shared streams", own)
        self.shared_clients = _gauge("tentaculo_shared_stream_clients", "Clients of shared streams", own)

    def forget(self, route: str) -> None:
        """Give up what was counted of a route."""
        for reason in (*END_REASONS, OTHER):
            self.ended.remove(route, reason)
        for family in (self.open, self.duration, self.first_event, self.events, self.bytes):
            family.remove(route)
        for family in (self.replayed, self.resyncs, self.shared, self.shared_clients):
            family.remove(route)


class StreamMetrics:
    """The metrics of one route's streams, bound once so that counting costs no look-up of labels."""

    __slots__ = (
        "_bytes",
        "_duration",
        "_ended",
        "_events",
        "_first_event",
        "_open",
        "_replayed",
        "_resyncs",
        "_route",
        "_shared",
        "_shared_clients",
    )

    def __init__(self, families: StreamFamilies, route: str) -> None:
        self._route = route
        self._open = families.open.labels(route)
        self._ended = families.ended
        self._duration = families.duration.labels(route)
        self._first_event = families.first_event.labels(route)
        self._events = families.events.labels(route)
        self._bytes = families.bytes.labels(route)
        self._replayed = families.replayed.labels(route)
        self._resyncs = families.resyncs.labels(route)
        self._shared = families.shared.labels(route)
        self._shared_clients = families.shared_clients.labels(route)
        for reason in END_REASONS:  # so that none yet can be told from not counted
            families.ended.labels(route, reason)

    def stream_opened(self) -> None:
        """Count a stream in."""
        self._open.inc()

    def stream_ended(self, reason: str, seconds: float) -> None:
        """Count a stream out, for its end reason."""
        self._open.dec()
        self._ended.labels(self._route, reason if reason in END_REASONS else OTHER).inc()
        self._duration.observe(seconds)

    def first_event(self, seconds: float) -> None:
        """Count a stream's first event, `seconds` after its request."""
        self._first_event.observe(seconds)

    def events_relayed(self, events: int, size: int) -> None:
        """Count events that went to clients since the last call, and their bytes."""
        self._events.inc(events)
        self._bytes.inc(size)

    def events_replayed(self, count: int) -> None:
        """Count events that a returning client had missed and got."""
        self._replayed.inc(count)

    def resync_sent(self) -> None:
        """Count a client that was told that events were lost."""
        self._resyncs.inc()

    def shared_stream_opened(self) -> None:
        """Count a shared stream in."""
        self._shared.inc()

    def shared_stream_closed(self) -> None:
        """Count a shared stream out."""
        self._shared.dec()

    def shared_client_joined(self) -> None:
        """Count a shared stream's client in."""
        self._shared_clients.inc()

    def shared_client_left(self) -> None:
        """Count a shared stream's client out."""
        self._shared_clients.dec()


def _counter(name: str, about: str, own: CollectorRegistry) -> Counter:
    return Counter(name, about, ["route"], registry=own)


def _gauge(name: str, about: str, own: CollectorRegistry) -> Gauge:
    return Gauge(name, about, ["route"], registry=own)


def _histogram(name: str, about: str, buckets: tuple[float, ...], own: CollectorRegistry) -> Histogram:
    return Histogram(name, about, ["route"], registry=own, buckets=buckets)
