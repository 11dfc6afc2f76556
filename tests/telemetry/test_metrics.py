"""Metrics by their exposition."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tentaculo.telemetry.metrics import REFUSALS, Metrics


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
    assert route.requests == 3
    assert [sum(tally.slots) for tally in metrics.tallies()] == [3]
    assert value(metrics, "tentaculo_request_duration_seconds_count", route="api") == 3
    assert value(metrics, "tentaculo_request_duration_seconds_sum", route="api") == pytest.approx(0.06)


def test_invented_methods_make_no_series(metrics: Metrics) -> None:
    """A client that invents methods adds neither series nor memory."""
    route = metrics.route("api")
    for number in range(1000):
        route.request_finished(f"METHOD-{number}", 200, None)
    labels = {"route": "api", "method": "other", "status_class": "2xx"}
    route.request_finished("GET", 200, None)
    assert route.requests == 1001
    assert value(metrics, "tentaculo_requests_total", **labels) == 1000
    assert len(re.findall("(?m)^tentaculo_requests_total", metrics.exposition()[0].decode())) == 2


def test_faults_and_refusals(metrics: Metrics) -> None:
    """Faults and refusals are counted by kind; an unknown kind is no label."""
    metrics.upstreams.server("operator", "one:80")
    metrics.upstream_fault("operator", "upstream_timeout")
    metrics.upstream_fault("operator", "/e?token=abc")
    assert {value(metrics, "tentaculo_connections_refused_total", reason=each) for each in REFUSALS} == {0}
    metrics.connection_refused("connections")
    metrics.connection_refused("something else")
    assert (
        value(metrics, "tentaculo_upstream_faults_total", upstream="operator", kind="upstream_timeout") == 1
    )
    assert value(metrics, "tentaculo_upstream_faults_total", upstream="operator", kind="other") == 1
    assert value(metrics, "tentaculo_connections_refused_total", reason="connections") == 1
    assert value(metrics, "tentaculo_connections_refused_total", reason="other") == 1


def test_calls_over_the_rate(metrics: Metrics) -> None:
    """They are counted by route, a limited one shows as zero before; a route asked for twice counts once."""
    kept = [metrics.route("free"), metrics.route("other", rate_limited=True)]
    kept += [metrics.route("api", rate_limited=True) for _ in range(2)]
    for route in kept[2:]:
        route.rate_limited()
    names = ("api", "other", "free")
    counts = [value(metrics, "tentaculo_rate_limited_total", route=name) for name in names]
    assert counts == [2, 0, None]


def test_routes_without_calls(metrics: Metrics) -> None:
    """A route has no series for what it is not made for, before that comes: there may be ten thousand."""
    before = metrics.exposition()[0]
    route = metrics.route("api")
    assert metrics.exposition()[0] == before
    route.streams.stream_opened()
    assert value(metrics, "tentaculo_streams_open", route="api") == 1


def test_route_that_nobody_keeps(metrics: Metrics) -> None:
    """Its series are shown until then; where the name comes back they begin anew."""
    before = metrics.exposition()[0]
    plan, other_plan = metrics.route("api"), metrics.route("api")
    for kept in (plan, other_plan):
        kept.streams.stream_opened()
        kept.streams.stream_ended("route_removed", 1.0)
        kept.streams.stream_ended("no reason of ours", 1.0)
        kept.streams.first_event(0.1)
        kept.request_finished("GET", 200, 0.1)
        kept.rate_limited()
    del plan, kept
    assert value(metrics, "tentaculo_stream_duration_seconds_count", route="api") == 4
    del other_plan
    assert metrics.exposition()[0] == before
    again = metrics.route("api", streams=True)
    assert value(metrics, "tentaculo_streams_open", route="api") == 0
    again.request_finished("GET", 200, 0.1)
    assert value(metrics, "tentaculo_request_duration_seconds_count", route="api") == 1


def test_connections_and_log(metrics: Metrics) -> None:
    """Connections are counted in and out, dropped log lines by number."""
    metrics.connection_opened()
    metrics.connection_opened()
    metrics.connection_closed()
    metrics.log_dropped(3)
    assert value(metrics, "tentaculo_connections_open") == 1
    assert metrics.open_connections == 1
    assert value(metrics, "tentaculo_log_lines_dropped_total") == 3


def test_aborts(metrics: Metrics) -> None:
    """How long upstream connections outlive their clients can be seen, from a millisecond to ten seconds."""
    for seconds in (0.0005, 0.2, 9.0):
        metrics.upstream_aborted(seconds)
    counts = [value(metrics, "upstream_abort_seconds_bucket", le=bound) for bound in ("0.001", "1.0", "10.0")]
    assert counts == [1, 2, 3]
    assert value(metrics, "upstream_abort_seconds_sum") == pytest.approx(9.2005)


def test_cut_exchanges(metrics: Metrics) -> None:
    """What a drain cuts is counted by kind, from the first scrape on; an unknown kind is no label."""
    kinds = ("stream", "call")
    assert [value(metrics, "tentaculo_exchanges_cut_total", kind=kind) for kind in kinds] == [0, 0]
    metrics.exchanges_cut("stream", 3)
    metrics.exchanges_cut("call", 0)
    metrics.exchanges_cut("/e?token=abc", 2)
    counts = [value(metrics, "tentaculo_exchanges_cut_total", kind=kind) for kind in (*kinds, "other")]
    assert counts == [3, 0, 2]


def test_exposition(metrics: Metrics) -> None:
    """The exposition says which version runs, and has no series for when others began."""
    text, content_type = metrics.exposition()
    assert content_type.startswith("text/plain")
    assert value(metrics, "tentaculo_build_info", version="1.2.3") == 1
    assert b"_created" not in text


def test_registries_are_apart(metrics: Metrics) -> None:
    """Two gateways in one process count for themselves, and a route asked for twice counts once."""
    other = Metrics(version="1.2.3")
    kept = [metrics.route("api") for _ in range(2)]
    for route in kept:
        route.request_finished("GET", 200, 0.1)
    labels = {"route": "api", "method": "GET", "status_class": "2xx"}
    assert value(metrics, "tentaculo_requests_total", **labels) == 2
    assert value(other, "tentaculo_requests_total", **labels) is None


def test_reloads(metrics: Metrics) -> None:
    """Both outcomes are there from the start, and whether the last one was bad stands beside them."""
    name = "tentaculo_config_reloads_total"
    assert [value(metrics, name, outcome=outcome) for outcome in ("applied", "rejected")] == [0, 0]
    assert value(metrics, "tentaculo_config_rejected") == 0
    for outcome, rejected in (("rejected", 1), ("rejected", 1), ("applied", 0)):
        metrics.reloaded(outcome)
        assert value(metrics, "tentaculo_config_rejected") == rejected
    metrics.reloaded("anything")
    assert [value(metrics, name, outcome=o) for o in ("applied", "rejected", "other")] == [1, 2, 1]
