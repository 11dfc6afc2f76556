"""Tests of peers with TLS."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.benchmarks import tls_peers
from scripts.benchmarks.form import Form
from scripts.benchmarks.http_peers import GATEWAY_CONFIG
from scripts.benchmarks.peers import CONFIGS, Place
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.tls_peers import LISTENERS, make_certificate, make_secured
from tentaculo.config.loader import load_text


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return where a run lives."""
    return Place(tmp_path, 8003, itertools.count(9000), print, Form(sys.executable))


def test_gateway(place: Place) -> None:
    """It takes the certificate, and all else is as without TLS."""
    certificate = make_certificate(place.folder, print)
    peer = make_secured("tentaculo", place, certificate)
    file = place.folder / GATEWAY_CONFIG / "tentaculo.yaml"
    settings = load_text(file.read_text(), source=file)
    assert [one.certificate for one in settings.tls] == [certificate.certificate]
    assert settings.listen.port == peer.port
    assert [route.path for route in settings.routes] == ["/*"]


def test_certificate(tmp_path: Path) -> None:
    """Its key is on P-256, and one file holds both."""
    made = make_certificate(tmp_path, print)
    assert made.both.read_text() == made.certificate.read_text() + made.key.read_text()
    assert len(made.key.read_text().splitlines()) == 5  # longer ones are of other kinds


def test_no_certificate(tmp_path: Path) -> None:
    """Where openssl can't make one, its words are there."""
    with pytest.raises(BenchFailed, match=r"openssl made no certificate: .*missing"):
        make_certificate(tmp_path / "missing", print)


@pytest.mark.parametrize("name", LISTENERS)
def test_every_configuration_has_the_one_listener(name: str) -> None:
    """What TLS is added to stands in the template once."""
    listener = LISTENERS[name]
    assert (CONFIGS / Path(listener.file).name).read_text().count(listener.plain) == 1


def test_a_configuration_without_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs in the clear under the name of TLS."""
    other = replace(LISTENERS["tentaculo"], plain="listen: nowhere")
    monkeypatch.setattr(tls_peers, "LISTENERS", {"tentaculo": other})
    with pytest.raises(BenchFailed, match=r"tentaculo\.yaml has not the one listener"):
        make_secured("tentaculo", place, make_certificate(place.folder, print))
