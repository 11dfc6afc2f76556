"""What is counted about streams, as a scraper reads it."""

from __future__ import annotations

import pytest

from tentaculo.telemetry.metrics import Metrics, RouteMetrics
from tentaculo.telemetry.stream_metrics import END_REASONS


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of their own."""
    return Metrics(version="0")


@pytest.fixture
def route(metrics: Metrics) -> RouteMetrics:
    """The metrics of one route, beside another's."""
    metrics.route("other", streams=True)
    return metrics.route("events", streams=True)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return the value of a series of the route's."""
    return metrics.registry.get_sample_value(f"tentaculo_{name}", {"route": "events"} | labels)


def test_streams(metrics: Metrics, route: RouteMetrics) -> None:
    """Streams are counted in and out, by end reason, and leave the durations of calls alone."""
    route.streams.stream_opened()
    route.streams.stream_opened()
    assert value(metrics, "streams_open") == 2
    route.streams.stream_ended("client_gone", 12.0)
    route.streams.stream_ended("of no known kind", 1.0)
    route.request_finished("GET", 200, None)
    assert value(metrics, "streams_open") == 0
    assert value(metrics, "streams_ended_total", reason="client_gone") == 1
    assert value(metrics, "streams_ended_total", reason="other") == 1
    assert value(metrics, "stream_duration_seconds_sum") == 13
    assert value(metrics, "request_duration_seconds_count") == 0


def test_end_reasons_are_there_from_the_first_scrape_on(metrics: Metrics, route: RouteMetrics) -> None:
    """A reason that no stream has ended for yet shows as zero, or an alert could not see it rise."""
    assert {value(metrics, "streams_ended_total", reason=each) for each in END_REASONS} == {0}
    assert value(metrics, "streams_ended_total", reason="other") is None
    route.streams.stream_ended("slow_client", 1.0)
    assert {value(metrics, "streams_ended_total", reason=each) for each in END_REASONS} == {0, 1}


def test_events_and_bytes(metrics: Metrics, route: RouteMetrics) -> None:
    """What streams carry is taken in as it grew; a call that brings nothing changes nothing."""
    for events, size in ((3, 200), (0, 0), (2, 100)):
        route.streams.events_relayed(events, size)
    assert value(metrics, "stream_events_total") == 5
    assert value(metrics, "stream_bytes_total") == 300


def test_first_event(metrics: Metrics, route: RouteMetrics) -> None:
    """How long clients wait for their first event can be seen, up to a minute."""
    for seconds in (0.004, 0.3, 50.0):
        route.streams.first_event(seconds)
    counts = [
        value(metrics, "stream_first_event_seconds_bucket", le=bound) for bound in ("0.005", "0.5", "60.0")
    ]
    assert counts == [1, 2, 3]
    assert value(metrics, "stream_first_event_seconds_sum") == pytest.approx(50.304)


def test_replayed_and_lost(metrics: Metrics, route: RouteMetrics) -> None:
    """Events that were missed are counted one by one where they could be replayed, by client where not."""
    route.streams.events_replayed(7)
    route.streams.events_replayed(1)
    route.streams.resync_sent()
    assert value(metrics, "stream_events_replayed_total") == 8
    assert value(metrics, "stream_resyncs_total") == 1


def test_shared_streams(metrics: Metrics, route: RouteMetrics) -> None:
    """Shared streams and their clients are counted in and out, each for itself."""
    route.streams.shared_stream_opened()
    route.streams.shared_stream_opened()
    for _ in range(5):
        route.streams.shared_client_joined()
    route.streams.shared_stream_closed()
    route.streams.shared_client_left()
    assert value(metrics, "shared_streams_open") == 1
    assert value(metrics, "shared_stream_clients") == 4


def test_routes_are_apart(metrics: Metrics, route: RouteMetrics) -> None:
    """A route that is asked for again goes on from its counts, and none counts for another."""
    route.streams.shared_stream_opened()
    metrics.route("events").streams.shared_stream_closed()
    metrics.route("other").streams.shared_stream_opened()
    metrics.route("other").streams.events_relayed(1, 10)
    assert value(metrics, "shared_streams_open") == 0
    assert value(metrics, "shared_streams_open", route="other") == 1
    assert value(metrics, "stream_events_total") == 0
