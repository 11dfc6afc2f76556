"""Rules of iptables: which there are for a published port and for a service.

That they lead where they should is seen on a stack.
"""

from __future__ import annotations

import pytest

from scripts.deploying.redirects import HOST, Redirect, to_port, to_service

LOCAL = ("-m", "addrtype", "--dst-type", "LOCAL")


@pytest.mark.parametrize(
    ("host", "chains", "matches", "family"),
    [
        pytest.param("127.0.0.1", ["OUTPUT"], ("-d", "127.0.0.1"), 4, id="loopback"),
        pytest.param("192.0.2.7", ["OUTPUT", "PREROUTING"], ("-d", "192.0.2.7"), 4, id="an address"),
        pytest.param("0.0.0.0", ["OUTPUT", "PREROUTING"], LOCAL, 4, id="all"),
        pytest.param("::", ["OUTPUT", "PREROUTING"], LOCAL, 6, id="all of IPv6"),
        pytest.param("::1", ["OUTPUT"], ("-d", "::1"), 6, id="loopback of IPv6"),
    ],
)
def test_published(host: str, chains: list[str], matches: tuple[str, ...], family: int) -> None:
    """Only what goes to the published address is led elsewhere, from this machine and from others."""
    rules = to_port((host, 8000), 49001)
    assert [rule.chain for rule in rules] == chains
    for rule in rules:
        assert rule.matches == (*matches, "--dport", "8000")
        assert rule.target == ("REDIRECT", "--to-ports", "49001")
        assert (rule.namespace, rule.family) == (HOST, family)


def test_service() -> None:
    """In a gateway's own network a service's port means another address, and its own listeners stay."""
    matches = ("!", "-d", "127.0.0.0/8", "--dport", "8011")
    assert to_service(42, 8011, "192.0.2.9") == Redirect(
        42, "OUTPUT", matches, ("DNAT", "--to-destination", "192.0.2.9")
    )
