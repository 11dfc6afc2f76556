"""Tests of the peers' configurations."""

from __future__ import annotations

import itertools
import platform
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.benchmarks.form import PROJECT, Form
from scripts.benchmarks.peers import BODY, CONFIGS, PEERS, REPLY_BYTES, TOKEN, Place, write_config

VALUES = {
    "PORT": "8001",
    "ADMIN": "8002",
    "BACKEND": "8003",
    "TOKEN": TOKEN,
    "LOG": "/x.log",
    "BODY": BODY,
    "STREAM": "{}",
    "STREAMS": "9",
    "CONNECTIONS": "20",
}
TEMPLATES = [
    "backend.conf",
    "nginx.conf",
    "envoy.yaml",
    "tentaculo.yaml",
    "streams-nginx.conf",
    "streams-tentaculo.yaml",
]


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


@pytest.mark.parametrize("name", ["tentaculo", "obvious"])
def test_own_peers(name: str, tmp_path: Path) -> None:
    """Peers that come with the project need no other program and have a port of their own."""
    place = Place(tmp_path, 8003, itertools.count(9000), print, Form(sys.executable))
    peer = PEERS[name](place)
    assert peer.name == name
    assert peer.port == 9000
    assert "8003" in " ".join(peer.command) + "".join(path.read_text() for path in tmp_path.iterdir())


@pytest.mark.parametrize(("file", "form"), [("exchange.py", "pure"), ("exchange.so", "compiled")])
def test_gateway_of_another_folder(file: str, form: str, tmp_path: Path) -> None:
    """The gateway runs in the form's folder and its version says what is found there; the rest stays here."""
    package = tmp_path / "tree" / "tentaculo" / "relay"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "exchange.py").write_text(f"__file__ = {file!r}\n")
    place = Place(tmp_path, 8003, itertools.count(9000), print, Form(sys.executable, tmp_path / "tree"))
    gateway, obvious = PEERS["tentaculo"](place), PEERS["obvious"](place)
    assert (gateway.folder, obvious.folder) == (tmp_path / "tree", PROJECT)
    assert gateway.version == f"this tree, {form}, Python {platform.python_version()}"


def test_each_template_is_there() -> None:
    """The folder holds the templates and the load's script, and nothing that is not used."""
    assert {path.name for path in CONFIGS.iterdir()} == {*TEMPLATES, "wrk.lua"}
