"""Lists of several workers as one; calls are in tests/functional/test_workers_together.py."""

from __future__ import annotations

from typing import Any

from tentaculo.workers.lists import merged


def server(address: str = "http://a", **changes: Any) -> dict[str, Any]:
    """Return a server as a worker describes it."""
    described = {
        "address": address,
        "resolved": ["10.0.0.1"],
        "state": "up",
        "connections": 1,
        "exchanges": 2,
        "faults_in_a_row": 0,
        "last_fault": None,
    }
    return {**described, **changes}


def upstream(*servers: dict[str, Any], name: str = "backend") -> dict[str, Any]:
    """Return an upstream as a worker describes it."""
    return {
        "name": name,
        "balance": "round_robin",
        "exchanges": 1,
        "connections": 2,
        "servers": list(servers),
    }


def test_routes() -> None:
    """Each is there once, in the order of the file, with the sums of what all have."""
    lists = [
        [{"name": "a", "path": "/a", "requests": 1}, {"name": "b", "path": "/b", "requests": 2}],
        [{"name": "a", "path": "/a", "requests": 4}, {"name": "new", "path": "/n", "requests": 0}],
    ]
    assert merged(lists, ("requests",)) == [
        {"name": "a", "path": "/a", "requests": 5},
        {"name": "b", "path": "/b", "requests": 2},
        {"name": "new", "path": "/n", "requests": 0},
    ]


def test_upstreams() -> None:
    """A server is as bad as any worker finds it, with the newest fault and all its addresses."""
    early, late = ({"reason": reason, "seconds_ago": ago} for reason, ago in (("early", 9.0), ("late", 1.0)))
    down = server(state="ejected", faults_in_a_row=5, last_fault=early, resolved=["10.0.0.2"])
    (found,) = merged(
        [[upstream(server(last_fault=late))], [upstream(down, server("http://b"))]],
        ("exchanges", "connections"),
        servers=True,
    )
    assert (found["exchanges"], found["connections"]) == (2, 4)
    first, second = found["servers"]
    assert first == {
        **down,
        "resolved": ["10.0.0.1", "10.0.0.2"],
        "connections": 2,
        "exchanges": 4,
        "last_fault": late,
    }
    assert second == server("http://b")


def test_nobody() -> None:
    """Without workers there is nothing."""
    assert merged([], ("requests",)) == []
