"""Tests of the gateway by any template, and of nginx's configuration for big bodies."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

from scripts.benchmarks.form import PROJECT, Form
from scripts.benchmarks.http_peers import GATEWAY_CONFIG, make_gateway
from scripts.benchmarks.peers import TOKEN, Place, write_config
from tentaculo.config.loader import load_text


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return where a run lives."""
    return Place(tmp_path, 8003, itertools.count(9000), print, Form(sys.executable))


def test_gateway(place: Place) -> None:
    """Its configuration is one that it takes, and nothing else is in the folder that it watches."""
    peer = make_gateway(place)
    folder = place.folder / GATEWAY_CONFIG
    (file,) = folder.iterdir()
    assert str(file) in peer.command
    assert load_text(file.read_text(), source=file).listen.port == peer.port == 9000
    assert peer.folder == PROJECT
    assert peer.features is not None
    assert peer.features.log == peer.output
    assert folder not in peer.output.parents


def test_gateway_by_another_template(place: Place) -> None:
    """The places of the template that only it has are filled too."""
    make_gateway(place, "routes-tentaculo.yaml", ROUTES="  - {name: a, path: /a, upstream: backend}")
    file = place.folder / GATEWAY_CONFIG / "routes-tentaculo.yaml"
    assert [route.path for route in load_text(file.read_text(), source=file).routes] == ["/a"]


def test_nginx_for_big_bodies(tmp_path: Path) -> None:
    """No mark of the template is left over, and no body is put into a file."""
    values = {"PORT": "8001", "ADMIN": "8002", "BACKEND": "8003", "TOKEN": TOKEN, "LOG": "/x.log"}
    text = write_config(tmp_path, "big-nginx.conf", values).read_text()
    assert "@" not in text
    assert {"proxy_max_temp_file_size 0;", "proxy_request_buffering off;"} <= set(
        map(str.strip, text.splitlines())
    )
