"""What a gateway tells of its upstreams and its token store, read."""

from __future__ import annotations

import json

import pytest

from scripts.deploying.upstreams import held_back


def upstreams(address: str, state: str) -> str:
    """A list of one that is good and one that is in a state."""
    good = {"address": "http://madre:8001", "state": "up"}
    listed = [
        {"name": "bus", "servers": [good]},
        {"name": "it", "servers": [{"address": address, "state": state}]},
    ]
    return json.dumps({"upstreams": listed})


@pytest.mark.parametrize(
    ("address", "state", "held"),
    [
        pytest.param("http://operator-backend:8011", "up", {}, id="up"),
        pytest.param("http://operator-backend:8011", "slow_start", {}, id="coming back"),
        pytest.param("http://operator-backend:8011", "half_open", {"it": "half_open"}, id="on trial"),
        pytest.param("http://operator-backend:8011", "ejected", {"it": "ejected"}, id="ejected"),
        pytest.param("http://hermes:8003", "down", {"it": "down"}, id="found down by a check"),
        pytest.param("http://192.0.2.7:80", "down", {}, id="no service of the stack"),
    ],
)
def test_upstreams(address: str, state: str, held: dict[str, str]) -> None:
    """Those count that are of the stack, and get no call or only one on trial."""
    assert held_back(upstreams(address, state), "") == held


@pytest.mark.parametrize(
    ("line", "held"),
    [
        ("tentaculo_token_store_up 1.0", {}),
        ("tentaculo_token_store_up 0.0", {"the token store": "down"}),
        ('tentaculo_token_store_up{pid="7"} 0.0', {"the token store": "down"}),
    ],
)
def test_store(line: str, held: dict[str, str]) -> None:
    """Tokens can't be issued without their store."""
    assert held_back("", f"# TYPE tentaculo_token_store_up gauge\n{line}\nother 0.0\n") == held


@pytest.mark.parametrize("listed", ["", "[]", "{}", '{"upstreams": [{}]}', "not found"])
def test_nonsense(listed: str) -> None:
    """What no gateway would say holds nothing back."""
    assert held_back(listed, "") == {}
