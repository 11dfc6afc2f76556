"""The gateway's own paths, compiled from settings."""

from __future__ import annotations

import configparser
from dataclasses import replace
from pathlib import Path

import pytest

from tentaculo import __version__
from tentaculo.errors import RouteNotFound
from tentaculo.relay.own_files import FOR_EVER, HOUR, browser_files, file_paths, own_replies
from tests.relay.parts import route_of, settings_of

ROOT = Path(__file__).parents[2]


def test_paths_of_files() -> None:
    """Each file has a path that stays, and one that is its version's."""
    assert file_paths("/own") == {
        "/own/event-source.js": ("event-source.js", HOUR),
        "/own/react.js": ("react.js", HOUR),
        f"/own/{__version__}/event-source.js": ("event-source.js", FOR_EVER),
        f"/own/{__version__}/react.js": ("react.js", FOR_EVER),
    }


def test_files_are_read_once() -> None:
    """What is served is what the package holds, and the same for as long as the gateway runs."""
    folder = ROOT / "tentaculo" / "browser"
    assert browser_files() is browser_files()
    assert browser_files() == {path.name: path.read_bytes() for path in folder.glob("*.js")}


def test_relative_import_holds_at_both_paths() -> None:
    """The hook finds the client beside it."""
    assert b'from "./event-source.js"' in browser_files()["react.js"]


def test_replies() -> None:
    """Health and the files, or health alone."""
    settings = settings_of(route_of())
    replies = own_replies(settings)
    assert all(replies.find(path) for path in ("/health", *file_paths("/_tentaculo")))
    with pytest.raises(RouteNotFound):
        replies.find("/_tentaculo/x")
    off = own_replies(replace(settings, browser_path=None))
    assert off.find("/health")
    assert [off.find(path) for path in file_paths("/_tentaculo")] == [None] * 4


def test_health_beneath_the_prefix() -> None:
    """It may stand among the files."""
    settings = replace(settings_of(route_of()), health_path="/_tentaculo/health")
    assert own_replies(settings).find("/_tentaculo/health")


def test_every_file_is_packed() -> None:
    """What the browser gets is in a built package, whatever its ending."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    patterns = setup["options.package_data"]["tentaculo"].split()
    folder = ROOT / "tentaculo"
    packed = {path for pattern in patterns for path in folder.glob(pattern)}
    assert {path for path in (folder / "browser").rglob("*") if path.is_file()} <= packed
