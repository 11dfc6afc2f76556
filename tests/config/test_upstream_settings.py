"""The frozen settings of upstreams."""

from __future__ import annotations

from tentaculo.config import settings, upstream_settings
from tentaculo.config.settings import Server, UpstreamSettings


def test_first_server_stands_for_all() -> None:
    """Where one server is asked for, it is the first."""
    one, two = Server("http", "one", 80), Server("http", "two", 80, weight=2)
    assert UpstreamSettings(name="u", servers=(one, two)).server is one


def test_all_settings_come_from_one_place() -> None:
    """Whoever needs settings need not know where those of upstreams stand."""
    own = {
        name: value
        for name, value in vars(upstream_settings).items()
        if getattr(value, "__module__", "") == upstream_settings.__name__
    }
    assert own
    assert {name: getattr(settings, name) for name in own} == own
