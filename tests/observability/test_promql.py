"""The reader of expressions finds what they name, and what nobody exports."""

from __future__ import annotations

import pytest

from tests.observability.promql import Matcher, Selector, Series, faults, groupings, selectors

EXPORTED = (
    Series("calls_total", {"route": "api", "code": "200"}),
    Series("calls_total", {"route": "web", "code": "500"}),
    Series("seconds_bucket", {"le": "0.1"}),
    Series("job:calls:rate5m", {"code": None}),
)


def test_everything_that_is_read() -> None:
    """Names and conditions are found between functions, groupings, ranges, numbers and words."""
    text = """
      histogram_quantile(0.95, sum by (job, le) (rate(seconds_bucket{a=~"x|}y", b!="1"}[5m])))
        / on (job) job:calls:rate5m or 1e3 * calls_total offset 5m > bool 2
    """
    matchers = (Matcher("a", "=~", "x|}y"), Matcher("b", "!=", "1"))
    assert selectors(text) == [
        Selector("seconds_bucket", matchers),
        Selector("job:calls:rate5m", ()),
        Selector("calls_total", ()),
    ]
    assert groupings(text) == {"job", "le"}


@pytest.mark.parametrize(
    "expression",
    [
        'sum by (job, route) (rate(calls_total{job="a", code=~"2.."}[5m]))',
        'calls_total{route="api", code="200"}',
        'calls_total{route=~"$route", code!="404"}',
        'job:calls:rate5m{code="418", job=~"$job"} > 1',
        "histogram_quantile(0.9, sum by (le) (rate(seconds_bucket[$__rate_interval])))",
    ],
)
def test_what_is_exported(expression: str) -> None:
    """Names, labels and values that are there are no fault, nor is what a variable or Prometheus fills in."""
    assert list(faults(expression, EXPORTED)) == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("rate(call_total[5m])", "there is no metric call_total"),
        ('calls_total{path="/"}', "calls_total has no label path"),
        ('calls_total{route="api", code="500"}', "calls_total has no series with these labels"),
        ('calls_total{code!~"..."}', "calls_total has no series with these labels"),
        ("sum by (server) (calls_total)", "no metric of it has the label server"),
    ],
    ids=["name", "label", "labels together", "pattern", "grouping"],
)
def test_what_is_not(expression: str, fault: str) -> None:
    """Whatever can read nothing is told."""
    (told,) = faults(expression, EXPORTED)
    assert told.startswith(fault)
