"""Tests of what the benchmarks of calls share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import pytest

from scripts.benchmarks.big_calls import make_backend
from scripts.benchmarks.features import FeatureMissing
from scripts.benchmarks.form import Form
from scripts.benchmarks.http_peers import make_gateway
from scripts.benchmarks.http_stand import MEBIBYTE, Cost, Stand, inside, standing
from scripts.benchmarks.peers import TOKEN, TOKEN_HEADER, Features, Peer
from scripts.benchmarks.rounds import BenchFailed
from tests.benchmarks.http_runs import make_bare


@pytest.fixture
def stand() -> Iterator[Stand]:
    """Yield a stand with a backend that answers in this project's Python."""
    with standing(Form(sys.executable), print) as made:
        made.start_backend(make_backend(made.place))
        yield made


def call(peer: Peer) -> int:
    """Call a peer once."""
    connection = HTTPConnection("127.0.0.1", peer.port, timeout=10)
    try:
        connection.request("GET", "/x", headers={TOKEN_HEADER: TOKEN})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_gateway_is_measured(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    """It has its features, what it uses is seen, and its calls are found in its log."""
    stand.start("ours", make_gateway(inside(stand.place, "ours")))
    with stand.costing("ours") as cost:
        assert call(stand.peers["ours"]) == 200
    assert cost.cpu_seconds >= 0
    assert cost.resident_bytes > MEBIBYTE
    stand.count("ours", 1)
    assert capsys.readouterr().out == "starting ours\n"


def test_a_backend_can_be_measured(stand: Stand) -> None:
    """By its own name, and without a log."""
    with stand.costing("backend") as cost:
        assert call(stand.peers["backend"]) == 200
    stand.count("backend", 1)
    assert cost.resident_bytes > MEBIBYTE


def test_a_peer_without_what_is_checked(stand: Stand) -> None:
    """It is named."""

    def check(peer: Peer) -> None:
        raise FeatureMissing("it lacks all")

    with pytest.raises(BenchFailed, match="other can't be measured: it lacks all"):
        stand.start("other", make_bare(stand.place), check)


def test_requests_that_were_not_logged(stand: Stand, tmp_path: Path) -> None:
    """A peer that logs less would win by it."""
    log = tmp_path / "log"
    log.write_text("{}\n" * 985)
    features = Features(log=log, metrics_port=1, metrics_path="/", counter="")
    stand.start("bare", replace(make_bare(stand.place), features=features), lambda peer: None)
    stand.count("bare", 990)
    stand.check_logs()
    stand.count("bare", 10)
    with pytest.raises(BenchFailed, match="bare logged 985 of 1000 requests"):
        stand.check_logs()
    log.write_text("{}\n" * 20)


def test_cost() -> None:
    """Memory is shown in MiB."""
    assert Cost(1.0, 3 * MEBIBYTE).memory == 3.0
