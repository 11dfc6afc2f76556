"""Every series that the gateway's code can export: its own registry, with each thing counted once."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tentaculo.telemetry import metrics, stream_metrics, token_metrics
from tentaculo.telemetry.metrics import Metrics
from tests.observability.files import recorded
from tests.observability.promql import Series, groupings


def exported() -> list[Series]:
    """Return the series of a gateway that saw everything, as a scraper reads them."""
    counted = Metrics(version="0")
    route = counted.route("api", streams=True, rate_limited=True)
    for status in (200, 404, 502):
        route.request_finished("GET", status, 0.1)
    for reason in stream_metrics.END_REASONS:
        route.streams.stream_opened()
        route.streams.stream_ended(reason, 1)
    _count_upstreams(counted)
    _count_tokens(counted.tokens)
    families = text_string_to_metric_families(counted.exposition()[0].decode())
    return [Series(sample.name, sample.labels) for family in families for sample in family.samples]


def readable() -> list[Series]:
    """Return what rules and panels may read: what is exported, what rules record, and Prometheus' own."""
    records = (Series(rule["record"], dict.fromkeys(groupings(rule["expr"]) - {"le"})) for rule in recorded())
    own = Series("up", {}), Series("ALERTS", {"alertname": None, "alertstate": None, "severity": None})
    return [*exported(), *records, *own]


def _count_upstreams(counted: Metrics) -> None:
    counted.upstreams.server("operator", "operator:8011")
    for kind in metrics.FAULT_KINDS:
        counted.upstream_fault("operator", kind)


def _count_tokens(tokens: token_metrics.TokenMetrics) -> None:
    for step in token_metrics.STEPS:
        tokens.store_answered(step, 0.001)
