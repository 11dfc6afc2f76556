"""Metrics by their exposition."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tentaculo.telemetry.metrics import Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return the value of a series as a scraper reads it."""
    text = metrics.exposition()[0].decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


@pytest.fixture
def metrics() -> Metrics:
    """Return metrics of their own."""
    return Metrics(version="1.2.3")


REQUESTS = {
    "ordinary": ("GET", 200, "GET", "2xx"),
    "client gone": ("POST", 499, "POST", "4xx"),
    "unknown method": ("PROPFIND", 404, "other", "4xx"),
    "no status class": ("GET", 999, "GET", "other"),
}


@pytest.mark.parametrize(("method", "status", "label", "status_class"), REQUESTS.values(), ids=REQUESTS)
def test_requests(metrics: Metrics, method: str, status: int, label: str, status_class: str) -> None:
    """Exchanges are counted by route, method and class of status, each from a closed set."""
    route = metrics.route("api")
    for _ in range(3):
        route.request_finished(method, status, 0.02)
    labels = {"route": "api", "method": label, "status_class": status_class}
    assert value(metrics, "tentaculo_requests_total", **labels) == 3
    assert value(metrics, "tentaculo_request_duration_seconds_count", route="api") == 3
    assert value(metrics, "tentaculo_request_duration_seconds_sum", route="api") == pytest.approx(0.06)


def test_invented_methods_make_no_series(metrics: Metrics) -> None:
    """A client that invents methods adds neither series nor memory."""
    route = metrics.route("api")
    for number in range(1000):
        route.request_finished(f"METHOD-{number}", 200, None)
    labels = {"route": "api", "method": "other", "status_class": "2xx"}
    assert value(metrics, "tentaculo_requests_total", **labels) == 1000
    assert len(re.findall("(?m)^tentaculo_requests_total", metrics.exposition()[0].decode())) == 1


def test_streams(metrics: Metrics) -> None:
    """Streams are counted in and out, by end reason, and leave the durations of calls alone."""
    route = metrics.route("events")
    route.stream_opened()
    route.stream_opened()
    assert value(metrics, "tentaculo_streams_open", route="events") == 2
    route.stream_ended("client_gone", 12.0)
    route.stream_ended("of no known kind", 1.0)
    route.request_finished("GET", 200, None)
    assert value(metrics, "tentaculo_streams_open", route="events") == 0
    assert value(metrics, "tentaculo_streams_ended_total", route="events", reason="client_gone") == 1
    assert value(metrics, "tentaculo_streams_ended_total", route="events", reason="other") == 1
    assert value(metrics, "tentaculo_stream_duration_seconds_sum", route="events") == 13
    assert value(metrics, "tentaculo_request_duration_seconds_count", route="events") == 0


def test_faults_and_refusals(metrics: Metrics) -> None:
    """Faults and refusals are counted by kind; an unknown kind is no label."""
    metrics.upstream_fault("operator", "upstream_timeout")
    metrics.upstream_fault("operator", "/e?token=abc")
    metrics.connection_refused("connections")
    metrics.connection_refused("something else")
    assert (
        value(metrics, "tentaculo_upstream_faults_total", upstream="operator", kind="upstream_timeout") == 1
    )
    assert value(metrics, "tentaculo_upstream_faults_total", upstream="operator", kind="other") == 1
    assert value(metrics, "tentaculo_connections_refused_total", reason="connections") == 1
    assert value(metrics, "tentaculo_connections_refused_total", reason="other") == 1


def test_connections_and_log(metrics: Metrics) -> None:
    """Connections are counted in and out, dropped log lines by number."""
    metrics.connection_opened()
    metrics.connection_opened()
    metrics.connection_closed()
    metrics.log_dropped(3)
    assert value(metrics, "tentaculo_connections_open") == 1
    assert value(metrics, "tentaculo_log_lines_dropped_total") == 3


def test_exposition(metrics: Metrics) -> None:
    """The exposition says which version runs, and has no series for when others began."""
    text, content_type = metrics.exposition()
    assert content_type.startswith("text/plain")
    assert value(metrics, "tentaculo_build_info", version="1.2.3") == 1
    assert b"_created" not in text


def test_registries_are_apart(metrics: Metrics) -> None:
    """Two gateways in one process count for themselves, and a route asked for twice counts once."""
    other = Metrics(version="1.2.3")
    metrics.route("api").request_finished("GET", 200, 0.1)
    metrics.route("api").request_finished("GET", 200, 0.1)
    labels = {"route": "api", "method": "GET", "status_class": "2xx"}
    assert value(metrics, "tentaculo_requests_total", **labels) == 2
    assert value(other, "tentaculo_requests_total", **labels) is None
