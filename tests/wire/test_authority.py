"""The Host syntax."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.errors import BadRequest
from tentaculo.wire.authority import check_host, split_authority

TAKEN = {
    "name": ("example.org", "example.org"),
    "upper case": ("Example.ORG", "example.org"),
    "port": ("example.org:8000", "example.org"),
    "smallest port": ("example.org:1", "example.org"),
    "largest port": ("example.org:65535", "example.org"),
    "port with zeros": ("example.org:00080", "example.org"),
    "trailing dot": ("example.org.", "example.org"),
    "trailing dot and port": ("example.org.:80", "example.org"),
    "one label": ("localhost", "localhost"),
    "underscore, hyphen, tilde": ("a_b-c~d", "a_b-c~d"),
    "IPv4": ("127.0.0.1:80", "127.0.0.1"),
    "IPv6": ("[::1]", "[::1]"),
    "IPv6 with port": ("[2001:DB8::1]:443", "[2001:db8::1]"),
    "IPv6 in its long spelling": ("[0:0:0:0:0:0:0:1]", "[::1]"),
    "IPv6 with an IPv4 tail": ("[::ffff:10.0.0.1]", "[::ffff:a00:1]"),
    "longest name": ("a." * 127 + "a", "a." * 127 + "a"),
}

REFUSED = {
    "empty": "",
    "port alone": ":80",
    "dot alone": ".",
    "leading dot": ".example.org",
    "empty label": "example..org",
    "two trailing dots": "example.org..",
    "nul": "lo\0cal",
    "list": "example.org, evil.example",
    "list without space": "example.org,evil.example",
    "leading space": " example.org",
    "line break at the end": "example.org\n",
    "userinfo": "user@example.org",
    "percent": "example%2eorg",
    "slash": "example.org/x",
    "backslash": "example.org\\x",
    "wildcard": "*.example.org",
    "not ASCII": "ex\N{LATIN SMALL LETTER A WITH DIAERESIS}mple.org",
    "byte beyond ASCII": "ex\udce4mple.org",
    "dot of another script": "example\N{IDEOGRAPHIC FULL STOP}org",
    "empty port": "example.org:",
    "port 0": "example.org:0",
    "port too large": "example.org:65536",
    "port of five nines": "example.org:99999",
    "port of six digits": "example.org:000080",
    "negative port": "example.org:-1",
    "signed port": "example.org:+80",
    "port in other digits": "example.org:\N{ARABIC-INDIC DIGIT EIGHT}0",
    "two ports": "example.org:80:80",
    "IPv6 without brackets": "::1",
    "IPv6 unclosed": "[::1",
    "IPv6 empty": "[]",
    "IPv6 broken": "[1:2:3]",
    "IPv6 with zone": "[fe80::1%25eth0]",
    "IPv6 with text after it": "[::1]x",
    "later address version": "[v1.fe80::a]",
    "name too long": "a" * 256,
}


@pytest.mark.parametrize(("value", "host"), TAKEN.values(), ids=TAKEN.keys())
def test_takes(value: str, host: str) -> None:
    """A host is returned in its one spelling, without port."""
    assert check_host(value) == host


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(value: str) -> None:
    """Anything else is a bad request, whose reason does not repeat it."""
    with pytest.raises(BadRequest) as caught:
        check_host(value)
    assert len(value) < 5 or value not in caught.value.reason


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("Example.org", ("example.org", 80), id="default"),
        pytest.param("example.org:80", ("example.org", 80), id="same as default"),
        pytest.param("[::1]:8000", ("[::1]", 8000), id="own"),
    ],
)
def test_splits_the_port(value: str, expected: tuple[str, int]) -> None:
    """A missing port is the default one."""
    assert split_authority(value, 80) == expected


@given(st.one_of(st.text(), st.from_regex(r"[a-zA-Z0-9.:\[\]-]{1,20}", fullmatch=True)))
def test_never_fails_otherwise(value: str) -> None:
    """Any text is taken or refused, and what is taken keeps its spelling when checked again."""
    try:
        host = check_host(value)
    except BadRequest:
        return
    assert check_host(host) == host == host.lower()
