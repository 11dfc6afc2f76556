"""Listeners, credential headers."""

from __future__ import annotations

import pytest

from tests.config.files import config, problems_of

SAME = "admin: must be another address than that of listen"
IDENTITY = "must be another header than identity_header"


@pytest.mark.parametrize(
    ("top", "problems"),
    [
        ("listen: 127.0.0.1:1\nadmin: 127.0.0.1:1\n", [SAME]),
        ("listen: 127.0.0.1:1\nadmin: {address: '127.0.0.1:1'}\n", [SAME]),
        ("listen: 0.0.0.0:1\nadmin: 127.0.0.1:1\n", [SAME]),
        ("listen: '[::1]:1'\nadmin: '[::]:1'\n", [SAME]),
        ("listen: 127.0.0.1:9100\n", [SAME]),
        ("admin: 127.0.0.1:8000\n", [SAME]),
        ("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n", []),
        ("listen: 127.0.0.1:1\nadmin: 127.0.0.2:1\n", []),
        ("listen: 127.0.0.1:1\nadmin: 127.0.0.1:2\n", []),
    ],
    ids=["same", "long", "every", "every-6", "default-admin", "default-listen", "system", "hosts", "ports"],
)
def test_listeners_have_their_own_addresses(top: str, problems: list[str]) -> None:
    """Both can't listen on one address, unless the system chooses the ports."""
    assert problems_of(config(top=top)) == problems


@pytest.mark.parametrize("top", ["listen: x\nadmin: 0.0.0.0:8000\n", "listen: 0.0.0.0:9100\nadmin: x\n"])
def test_unclear_address_is_not_compared(top: str) -> None:
    """A default does not stand in for an address that can't be read."""
    assert SAME not in problems_of(config(top=top))


@pytest.mark.parametrize(
    ("top", "route", "problems"),
    [
        ("credential_headers: [X-A]\nidentity_header: x-a\n", "", [f"credential_headers[0]: {IDENTITY}"]),
        ("credential_headers: [X-A, X-Tentaculo-Principal]\n", "", [f"credential_headers[1]: {IDENTITY}"]),
        (
            "identity_header: X-VX11-token\n",
            "",
            ["identity_header: must be another header than the credential header"],
        ),
        (
            "",
            ", credential_headers: [x-tentaculo-principal]",
            [f"routes[0].credential_headers[0]: {IDENTITY}"],
        ),
        (
            "",
            ", credential_headers: [X-A, x-A]",
            ["routes[0].credential_headers[1]: this header is in the list already"],
        ),
        ("identity_header: X-Who\n", ", credential_headers: [X-Tentaculo-Principal]", []),
    ],
    ids=["both", "default-identity", "default-credential", "route", "repeated", "other"],
)
def test_identity_is_no_credential(top: str, route: str, problems: list[str]) -> None:
    """The header that tells who was proved can't be one that proves it."""
    text = config(f"{{name: a, path: /a, upstream: backend{route}}}", top=top)
    assert problems_of(text) == problems


def test_unclear_identity_is_not_compared() -> None:
    """The default does not stand in for an identity header that can't be read."""
    found = problems_of(config(top="identity_header: a b\ncredential_headers: [X-Tentaculo-Principal]\n"))
    assert len(found) == 1
