"""Tests of the benchmark of new connections."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from scripts.benchmarks.big_calls import make_backend
from scripts.benchmarks.features import FeatureMissing
from scripts.benchmarks.form import Form
from scripts.benchmarks.handshake_load import HandshakePlan, run_load
from scripts.benchmarks.http_stand import CREDENTIAL, Stand, inside, standing
from scripts.benchmarks.new_calls import WAYS, check_answers, goals, instance, row
from scripts.benchmarks.tls_peers import make_certificate, make_secured

PLAIN, NEW_TLS, KEPT_TLS = WAYS


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """Yield a gateway with TLS before a backend."""
    with standing(Form(sys.executable), print) as made:
        made.start_backend(make_backend(made.place))
        certificate = make_certificate(made.place.folder, print)
        made.start("ours", make_secured("tentaculo", inside(made.place, "ours"), certificate), check_answers)
        yield made


def test_a_gateway_is_called_with_new_handshakes(stand: Stand) -> None:
    """Real gateway, backend and clients."""
    port = stand.peers["ours"].port
    load = run_load(
        HandshakePlan(port=port, clients=2, seconds=0.2, credential=CREDENTIAL), stand.place.form.python
    )
    assert load.calls >= 2
    stand.count("ours", load.calls)


def test_a_peer_that_checks_no_token(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not measured."""
    monkeypatch.setattr("scripts.benchmarks.new_calls.REFUSALS", (403,))
    with pytest.raises(FeatureMissing, match="it answered 401 with"):
        check_answers(stand.peers["ours"])


def test_both_ways_with_tls_are_one_instance() -> None:
    """And another than the one without."""
    assert instance("nginx", NEW_TLS) == instance("nginx", KEPT_TLS) != instance("nginx", PLAIN) == "nginx"


def test_goals_are_only_shown() -> None:
    """Each way has one for each other peer, without a bound."""
    made = list(goals(["nginx", "tentaculo"]))
    assert [goal.against for goal in made] == [row("nginx", way) for way in WAYS]
    assert {(goal.at_least, goal.at_most) for goal in made} == {(None, None)}
    assert list(goals(["nginx", "envoy"])) == []
