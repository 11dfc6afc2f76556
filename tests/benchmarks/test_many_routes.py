"""Tests of route tables of any size."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.benchmarks.many_routes import CALLED_PATH, LATE_PATH, make_routes
from scripts.benchmarks.peers import TOKEN, write_config
from tentaculo.config.loader import load_text
from tentaculo.routing.pattern import Pattern
from tentaculo.routing.table import RouteTable


@pytest.mark.parametrize("count", [10, 1000])
def test_routes(count: int, tmp_path: Path) -> None:
    """The gateway takes them; one in the middle is called, and the last one has what no other takes."""
    values = {
        "PORT": "8001",
        "ADMIN": "8002",
        "BACKEND": "8003",
        "TOKEN": TOKEN,
        "ROUTES": make_routes(count),
    }
    file = write_config(tmp_path, "routes-tentaculo.yaml", values)
    routes = load_text(file.read_text(), source=file).routes
    assert len(routes) == count
    assert {route.methods is None for route in routes} == {True, False}
    table = RouteTable(
        (route.name, Pattern(route.path, route.host, route.methods), number)
        for number, route in enumerate(routes)
    )
    assert table.match("bench", CALLED_PATH, "GET") == count // 2
    assert table.match("bench", LATE_PATH, "GET") == count - 1
    assert table.match("service-4.example", "/api/x", "GET") == 4
