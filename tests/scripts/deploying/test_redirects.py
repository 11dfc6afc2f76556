"""Rules of iptables: which there are for a published port and for a service.

That they lead where they should is seen on a stack.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.deploying.redirects import HOST, Redirect, Redirects, to_port, to_service

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


@pytest.mark.parametrize(
    ("line", "are_used"),
    [
        pytest.param('--comment "vx11-deployment one published" -c 3 180 -j REDIRECT', True, id="used"),
        pytest.param('--comment "vx11-deployment one published" -c 0 0 -j REDIRECT', False, id="not used"),
        pytest.param('--comment "vx11-deployment two published" -c 3 180 -j REDIRECT', False, id="another's"),
        pytest.param("-c 3 180 -j DOCKER", False, id="no rule of a deployment"),
    ],
)
def test_used(line: str, are_used: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules' own counts tell whether a connection was led elsewhere."""
    for name in ("iptables", "ip6tables"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '-A OUTPUT -p tcp -m comment {line}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert Redirects("one").are_used("published") == are_used


def test_service() -> None:
    """In a gateway's own network a service's port means another address, and its own listeners stay."""
    matches = ("!", "-d", "127.0.0.0/8", "--dport", "8011")
    assert to_service(42, 8011, "192.0.2.9") == Redirect(
        42, "OUTPUT", matches, ("DNAT", "--to-destination", "192.0.2.9")
    )
