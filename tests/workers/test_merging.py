"""Metrics of several workers as one text."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tentaculo.telemetry.metrics import Metrics
from tentaculo.workers.merging import OWN, Exposition, merge, parse

OWN_TEXT = Metrics(version="1.0").exposition()[0]


def metrics(
    calls: int, *, route: str = "api", up: bool = True, valid: int = 0, seconds: float = 0.002
) -> bytes:
    """Return what a worker shows that has answered so many calls."""
    made = Metrics(version="1.0")
    counted = made.route(route, streams=True)
    for _ in range(calls):
        counted.request_finished("GET", 200, seconds)
    counted.streams.stream_opened()
    made.upstreams.server("backend", "10.0.0.1:80").up = up
    made.tokens.store_worked()
    made.tokens.counted(valid, calls)
    made.reloaded("applied")
    return made.exposition()[0]


def values(text: bytes) -> dict[str, float]:
    """Return the values as a scraper reads them, by name and labels."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


CALLS = "tentaculo_requests_total{method=GET,route=api,status_class=2xx}"
EXPECTED = {
    CALLS: 5,
    "tentaculo_request_duration_seconds_bucket{le=0.0025,route=api}": 5,
    "tentaculo_request_duration_seconds_bucket{le=0.001,route=api}": 0,
    "tentaculo_request_duration_seconds_count{route=api}": 5,
    "tentaculo_request_duration_seconds_sum{route=api}": 0.01,
    "tentaculo_streams_open{route=api}": 2,
    "tentaculo_upstream_server_up{server=10.0.0.1:80,upstream=backend}": 0,
    "tentaculo_token_store_up{}": 1,
    "ephemeral_tokens_valid{}": 7,
    "ephemeral_tokens_expired_total{}": 5,
    "tentaculo_build_info{version=1.0}": 1,
    "tentaculo_config_reloads_total{outcome=applied}": 0,
    "tentaculo_workers{}": 1,
}


@pytest.mark.parametrize(("series", "value"), EXPECTED.items(), ids=EXPECTED)
def test_two_workers(series: str, value: float) -> None:
    """Sums, but for what all see alike, or what the supervisor alone knows."""
    text = merge(Exposition(), [metrics(2, valid=7), metrics(3, up=False, valid=6)], [], OWN_TEXT)
    assert values(text)[series] == pytest.approx(value)


def test_one_worker_is_shown_as_it_is() -> None:
    """Nothing is lost or changed of one alone, but what is the supervisor's."""
    text = metrics(3)
    own = {name for name in values(text) if name.partition("{")[0].encode() in OWN}
    merged = values(merge(Exposition(), [text], [], OWN_TEXT))
    assert {name: value for name, value in merged.items() if name not in own} == {
        name: value for name, value in values(text).items() if name not in own
    }


def test_worker_that_ended() -> None:
    """Its counts stay, what it had open does not."""
    past = Exposition()
    past.add(metrics(4))
    found = values(merge(past, [metrics(2)], [], OWN_TEXT))
    assert (found[CALLS], found["tentaculo_streams_open{route=api}"]) == (6, 1)
    past.add(metrics(1))
    assert values(merge(past, [], [], OWN_TEXT))[CALLS] == 5


def test_worker_that_did_not_answer() -> None:
    """What it had counted is shown, since no counter may go back."""
    found = values(merge(Exposition(), [metrics(2)], [metrics(3)], OWN_TEXT))
    assert (found[CALLS], found["tentaculo_streams_open{route=api}"]) == (5, 1)


def test_copy_is_another_one() -> None:
    """What is added to one is not in the other."""
    past = Exposition()
    past.add(metrics(1))
    copied = past.copy()
    past.add(metrics(1))
    assert values(copied.text())[CALLS] == 1


def test_forgotten_routes() -> None:
    """What is no more in the configuration is not shown for those that ended either."""
    past = Exposition()
    past.add(metrics(1))
    past.add(metrics(2, route="old"))
    past.forget(b"route", ["old"])
    past.forget(b"upstream", ["backend"])
    past.forget(b"route", [])
    text = past.text()
    assert b'"old"' not in text
    assert b"backend" not in text
    assert values(text)[CALLS] == 1


SPECIAL = b'# HELP m About.\n# TYPE m gauge\nm{a="x y"} +Inf\nm{a="b"} NaN\nm -Inf\n'


def test_unusual_values() -> None:
    """They are written as Prometheus reads them."""
    assert parse(SPECIAL).text() == SPECIAL
    assert parse(b"# HELP n About.\nn 1.0\n").families[b"n"].kind == b"untyped"
