"""Tallies against prometheus-client's own counter and histogram."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from tentaculo.telemetry.tallies import METHODS, REQUEST_SECONDS, Tallies, Tally

SERIES = ("tentaculo_requests", "tentaculo_request_duration")
FINISHED = (
    ("GET", 200, 0.0),
    ("GET", 204, REQUEST_SECONDS[0]),
    ("GET", 299, REQUEST_SECONDS[0] + 1e-9),
    ("POST", 404, 0.3),
    ("BREW", 999, REQUEST_SECONDS[-1]),
    ("BREW", 700, REQUEST_SECONDS[-1] + 1),
    ("HEAD", 502, None),
)


def shown(registry: CollectorRegistry) -> list[str]:
    """Return the series of finished exchanges, without when each began."""
    lines = generate_latest(registry).decode().splitlines()
    return sorted(line for line in lines if line.startswith(SERIES) and "_created" not in line)


def test_exposition_is_that_of_the_library() -> None:
    """Counted as plain numbers, the series are those that prometheus-client's own classes would show."""
    own, library = CollectorRegistry(), CollectorRegistry()
    tallies = Tallies()
    tallies.show_in(own)
    counter = Counter(SERIES[0], "", ["route", "method", "status_class"], registry=library)
    histogram = Histogram(f"{SERIES[1]}_seconds", "", ["route"], registry=library, buckets=REQUEST_SECONDS)
    for route in ("api", "events"):
        for method, status, seconds in FINISHED:
            tallies.of(route).add(method, status, seconds)
            status_class = f"{status // 100}xx" if status < 600 else "other"
            counter.labels(route, method if method in METHODS else "other", status_class).inc()
            if seconds is not None:
                histogram.labels(route).observe(seconds)
    assert shown(own) == shown(library)
    assert len(shown(own)) > 2 * len(REQUEST_SECONDS)


def test_a_route_keeps_its_tally() -> None:
    """A route that is asked for again goes on from its counts, and shows nothing before the first."""
    tallies = Tallies()
    assert tallies.of("api") is tallies.of("api")
    families = {family.name: family for family in tallies.collect()}
    assert not any(family.samples for family in families.values())


def test_a_route_that_is_forgotten() -> None:
    """It has no series any more, and begins anew; forgetting it twice is fine."""
    tallies = Tallies()
    before = tallies.of("api")
    for _ in range(2):
        tallies.forget("api")
    assert not any(family.samples for family in tallies.collect())
    assert tallies.of("api") is not before


def test_sum_of_all_only_grows() -> None:
    """What forgotten routes have counted is still in it."""
    tallies = Tallies()
    for route in ("a", "b"):
        for seconds in (0.5, None):
            tallies.of(route).add("GET", 200, seconds)
    tallies.forget("a")
    tallies.forget("b")
    tallies.of("a").add("GET", 404, 0.5)
    gone, one = tallies.all()
    assert (gone.requests, gone.slots.count(2), gone.seconds) == ({("GET", 2): 4}, 1, 1.0)
    assert one.requests == {("GET", 4): 1}


@pytest.mark.parametrize("status", [0, 99, 600, 65535])
def test_no_status_makes_a_series_of_its_own(status: int) -> None:
    """Statuses outside the five classes are one series."""
    tallies = Tallies()
    tallies.of("api").add("GET", status, None)
    tallies.of("api").add("GET", 999, None)
    (sample,) = next(iter(tallies.collect())).samples
    assert (sample.labels["status_class"], sample.value) == ("other", 2)


@given(st.floats(min_value=0, max_value=60))
def test_slot(seconds: float) -> None:
    """A call is in the first slot whose bound it does not pass."""
    tally = Tally()
    tally.add("GET", 200, seconds)
    assert tally.slots.index(1) == bisect_left(REQUEST_SECONDS, seconds)


def test_a_method_of_the_clients_own() -> None:
    """However it is called, it is counted with the other ones of that kind, as soon as there are any."""
    tally = Tally()
    for method in ("BREW", "other", "get", "GET", "BREW"):
        tally.add(method, 404 if method == "get" else 200, None)
    assert tally.requests == {("other", 2): 3, ("other", 4): 1, ("GET", 2): 1}


def test_all() -> None:
    """The tallies can be read one by one, while others come to be."""
    tallies = Tallies()
    for route in ("a", "b", "a"):
        tallies.of(route).add("GET", 200, 0.1)
    assert [sum(tally.slots) for tally in tallies.all()] == [2, 1]
    for tally in tallies.all():
        tallies.of("c").add("GET", 200, tally.seconds)
