"""Where the services of one process listen; that they find each other is seen in the flow."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.vx11.stack import build_services, read_addresses
from tentaculo.config.settings import Address


def test_the_ports_are_those_of_the_system() -> None:
    """Without a word they are 8001 to 8003 on loopback, to be started in this order."""
    assert list(read_addresses({"MADRE_ADDRESS": ""}).items()) == [
        ("madre", Address("127.0.0.1", 8001)),
        ("switch", Address("127.0.0.1", 8002)),
        ("hermes", Address("127.0.0.1", 8003)),
    ]


def test_each_can_be_changed() -> None:
    """A variable names another address, of version 6 too."""
    changed = read_addresses({"SWITCH_ADDRESS": "127.0.0.2:9", "HERMES_ADDRESS": "[::1]:8003"})
    assert changed["switch"] == Address("127.0.0.2", 9)
    assert changed["hermes"] == Address("::1", 8003)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("8001", "MADRE_ADDRESS must be an address with a port", id="no-host"),
        pytest.param("h:70000", "MADRE_ADDRESS must end in a port between 0 and 65535", id="port"),
        pytest.param("127.0.0.1:0", "MADRE_ADDRESS must name a port", id="any-port"),
    ],
)
def test_a_bad_address_is_one_sentence(text: str, sentence: str) -> None:
    """It names the variable."""
    with pytest.raises(ValueError, match=f"^{sentence}.*\\.$"):
        read_addresses({"MADRE_ADDRESS": text})


def test_every_service_is_there(tmp_path: Path) -> None:
    """The five that the gateway stands before."""
    addresses = {**read_addresses({}), "operator": Address("127.0.0.1", 8011)}
    services = build_services("principal-of-the-test", addresses, {"HERMES_DB": str(tmp_path / "x.db")})
    assert set(services) == {"madre", "switch", "hermes", "operator", "frontend"}
