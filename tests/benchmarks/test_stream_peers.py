"""Tests of the peers of streams and their configurations."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

from scripts.benchmarks.form import PROJECT, Form
from scripts.benchmarks.peers import Place
from scripts.benchmarks.stream_peers import CASES, MAKERS, RELAYED, SHARED, Row, choose_rows
from tentaculo.config.loader import load_text


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return where a run lives."""
    return Place(tmp_path, 8003, itertools.count(9000), print, Form(sys.executable))


@pytest.mark.parametrize(
    ("peers", "cases", "names"),
    [
        (("tentaculo", "nginx"), CASES, ["tentaculo, relayed", "tentaculo, shared", "nginx, relayed"]),
        (("tentaculo",), (RELAYED,), ["tentaculo, relayed"]),
        (("nginx", "tentaculo"), (SHARED,), ["nginx, relayed", "tentaculo, shared"]),
    ],
    ids=["all", "relayed", "shared"],
)
def test_rows(peers: tuple[str, ...], cases: tuple[str, ...], names: list[str]) -> None:
    """Who can't share relays instead, and is measured once."""
    assert [row.name for row in choose_rows(peers, cases)] == names


def test_rows_of_one_that_only_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only relaying is asked for, it is left out."""
    monkeypatch.setitem(MAKERS, "hub", {SHARED: MAKERS["tentaculo"][SHARED]})
    assert choose_rows(["hub"], CASES) == (Row("hub", SHARED),)
    assert choose_rows(["hub"], [RELAYED]) == ()


@pytest.mark.parametrize("case", CASES)
def test_gateway(case: str, place: Place, tmp_path: Path) -> None:
    """Its configuration is one that it takes: nothing is added to the stream and there is room for all."""
    peer = MAKERS["tentaculo"][case](place, 1000)
    assert (peer.port, peer.folder) == (9000, PROJECT)
    config = tmp_path / f"tentaculo-{case}" / "streams-tentaculo.yaml"
    assert str(config) in peer.command
    settings = load_text(config.read_text(), source=config)
    stream = settings.routes[0].stream
    assert stream is not None
    assert (stream.heartbeat, stream.max_age, stream.shared) == (None, None, case == SHARED)
    assert settings.limits.streams >= 1000
    assert settings.limits.connections >= 2000


def test_both_cases_have_a_place_of_their_own(place: Place) -> None:
    """Neither ports nor files are shared."""
    peers = [MAKERS["tentaculo"][case](place, 1) for case in CASES]
    assert len({peer.port for peer in peers}) == len({peer.output for peer in peers}) == 2
