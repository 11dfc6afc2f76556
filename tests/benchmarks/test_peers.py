"""Tests of the peers' configurations."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.benchmarks.form import PROJECT, Form
from scripts.benchmarks.peers import BODY, CONFIGS, REPLY_BYTES, TOKEN, Place, make_obvious, write_config

TEMPLATES = ["backend.conf", "nginx.conf", "envoy.yaml", "tentaculo.yaml"]
VALUES = {"PORT": "8001", "ADMIN": "8002", "BACKEND": "8003", "TOKEN": TOKEN, "LOG": "/x.log", "BODY": BODY}


def test_body() -> None:
    """The reply has the size that the table's title names, and can stand in quotes in nginx's file."""
    assert len(BODY) == REPLY_BYTES
    assert not {"'", "$", "\\"} & set(BODY)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_place_is_filled(name: str, tmp_path: Path) -> None:
    """No mark of the template is left over, and only loopback is named."""
    text = write_config(tmp_path, name, VALUES).read_text()
    assert "@" not in text.replace('"@type"', "")
    assert "0.0.0.0" not in text


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name.endswith(".yaml")])
def test_yaml_is_whole(name: str, tmp_path: Path) -> None:
    """A filled template is YAML with the backend in it."""
    content: dict[str, Any] = yaml.safe_load(write_config(tmp_path, name, VALUES).read_text())
    assert "8003" in str(content["static_resources" if name == "envoy.yaml" else "upstreams"])


def test_the_obvious_proxy(tmp_path: Path) -> None:
    """It comes with the project, so it needs no other program, and has a port of its own."""
    place = Place(tmp_path, 8003, itertools.count(9000), print, Form(sys.executable))
    peer = make_obvious(place)
    assert (peer.name, peer.port, peer.folder, peer.features) == ("obvious", 9000, PROJECT, None)
    assert "--upstream=http://127.0.0.1:8003" in peer.command


@pytest.mark.parametrize("path", sorted(CONFIGS.iterdir()), ids=lambda path: str(path.name))
def test_each_template(path: Path) -> None:
    """It listens on loopback only, and something measures with it."""
    assert "0.0.0.0" not in path.read_text()
    sources = CONFIGS.parent.glob("*.py")
    assert any(f'"{path.name}"' in source.read_text() for source in sources)
