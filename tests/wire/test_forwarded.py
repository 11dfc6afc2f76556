"""Who is believed to have sent a request."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.wire.forwarded import (
    REQUEST_ID_LIMIT,
    Origin,
    Peer,
    forwarded_element,
    is_trusted,
    trusted_origin,
    untrusted_lines,
)
from tentaculo.wire.headers import Field

NETWORKS = [ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("127.0.0.1/32")]
PEER = Peer("10.0.0.1", trusted=True)
HOST = b"gateway.example"


def origin(*said: Field, peer: Peer = PEER) -> Origin:
    """Decide for a trusted peer."""
    return trusted_origin(peer, HOST, said, NETWORKS)


def lines(found: Origin) -> list[bytes]:
    """Split what is sent on; every line must end as one."""
    assert found.lines.endswith(b"\r\n")
    return found.lines[:-2].split(b"\r\n")


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.0.0.1", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("9.255.255.255", False),
        ("::ffff:10.0.0.1", True),
        ("::ffff:a00:1", True),
        ("::ffff:11.0.0.1", False),
        ("::10.0.0.1", False),
        ("fd00::1", True),
        ("fd00::1%eth0", True),
        ("fc00::1", False),
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("", False),
        ("unix:", False),
        ("10.0.0.01", False),
        ("10.0.0.1:80", False),
        ("[fd00::1]", False),
        ("10.0.0.0/8", False),
        ("10.0.0.1 ", False),
        ("1", False),
        ("localhost", False),
    ],
)
def test_trust_is_a_matter_of_networks(address: str, *, trusted: bool) -> None:
    """An address is trusted by its network, mapped ones as IPv4; what is no address never is."""
    assert is_trusted(address, NETWORKS) is trusted


def test_nobody_is_trusted_by_default() -> None:
    """No network, no trust."""
    assert not is_trusted("127.0.0.1", [])


@given(st.text(max_size=40))
def test_no_text_upsets_the_decision(address: str) -> None:
    """Whatever stands there is judged without an error."""
    assert is_trusted(address, NETWORKS) in (True, False)


def test_untrusted_peer_is_named_from_its_socket() -> None:
    """The fields for an untrusted peer hold its own address and scheme, and nothing more."""
    peer = Peer("192.0.2.7", trusted=False, scheme="https")
    assert untrusted_lines(peer) == b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"


CHAINS = {
    "nothing said": ([], "10.0.0.1"),
    "one": ([b"203.0.113.9"], "203.0.113.9"),
    "client wrote one too": ([b"1.1.1.1, 203.0.113.9"], "203.0.113.9"),
    "trusted hops": ([b"1.1.1.1, 203.0.113.9, 10.1.1.1, fd00::2"], "203.0.113.9"),
    "trusted hops in lines of their own": ([b"1.1.1.1", b"203.0.113.9", b"10.1.1.1"], "203.0.113.9"),
    "mapped hop": ([b"203.0.113.9, ::ffff:10.1.1.1"], "203.0.113.9"),
    "mapped client": ([b"::ffff:203.0.113.9"], "::ffff:203.0.113.9"),
    "all trusted": ([b"10.1.1.1, 10.2.2.2"], "10.0.0.1"),
    "IPv6": ([b"2001:db8::1, 10.1.1.1"], "2001:db8::1"),
    "spaces and empty items": ([b" , 203.0.113.9 ,, \t10.1.1.1,"], "203.0.113.9"),
    "empty": ([b""], "10.0.0.1"),
    "garbage": ([b"nonsense"], "10.0.0.1"),
    "garbage hides what is before it": ([b"203.0.113.9, unknown, 10.1.1.1"], "10.0.0.1"),
    "garbage before the client": ([b"<script>, 203.0.113.9"], "203.0.113.9"),
    "port": ([b"203.0.113.9:4711"], "10.0.0.1"),
    "brackets": ([b"[2001:db8::1]"], "10.0.0.1"),
    "zone with any text": ([b"fe80::1%token=secret"], "10.0.0.1"),
    "zone of a trusted address": ([b"203.0.113.9, fd00::1%x"], "10.0.0.1"),
    "not ASCII": ([b"203.0.113.\xb9"], "10.0.0.1"),
    "leading zero": ([b"203.0.113.09"], "10.0.0.1"),
}


@pytest.mark.parametrize(("values", "client"), CHAINS.values(), ids=CHAINS)
def test_client_is_the_rightmost_untrusted_address(values: list[bytes], client: str) -> None:
    """Trusted hops are passed over from the right; what is no address ends the search at the peer."""
    assert origin(*((b"X-Forwarded-For", value) for value in values)).client == client


def test_chain_is_appended_to() -> None:
    """What was said stays in its order, and the peer's own address comes last, in one line."""
    found = origin((b"x-forwarded-for", b"1.1.1.1,2.2.2.2"), (b"X-FORWARDED-FOR", b"garbage"))
    assert lines(found)[0] == b"X-Forwarded-For: 1.1.1.1, 2.2.2.2, garbage, 10.0.0.1"
    assert found.lines.lower().count(b"x-forwarded-for") == 1


def test_silence_is_filled_from_the_connection() -> None:
    """A trusted peer that says nothing is described as any other."""
    assert lines(origin(peer=Peer("10.0.0.1", trusted=True, scheme="https"))) == [
        b"X-Forwarded-For: 10.0.0.1",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: gateway.example",
    ]


def test_scheme_and_host_are_believed() -> None:
    """Scheme and host that a trusted peer says go on as said; the last of two counts."""
    found = origin(
        (b"X-Forwarded-Proto", b"http"),
        (b"X-Forwarded-Host", b"public.example"),
        (b"X-Forwarded-Proto", b"https"),
    )
    assert lines(found)[1:] == [b"X-Forwarded-Proto: https", b"X-Forwarded-Host: public.example"]


FORWARDED = {
    "one element": ([b"for=192.0.2.43"], b"for=192.0.2.43, "),
    "two lines": ([b"for=a", b"for=b;proto=http"], b"for=a, for=b;proto=http, "),
    "comma inside quotes": ([b'for="_a,b";host="x"'], b'for="_a,b";host="x", '),
    "empty line among them": ([b"", b"for=a", b" \t"], b"for=a, "),
}


@pytest.mark.parametrize(("values", "begin"), FORWARDED.values(), ids=FORWARDED)
def test_forwarded_gets_an_element(values: list[bytes], begin: bytes) -> None:
    """RFC 7239: what was said is left as it is, and an element for the peer is appended."""
    found = origin(*((b"Forwarded", value) for value in values))
    own = b'for=10.0.0.1;proto=http;host="gateway.example"'
    assert lines(found)[3:] == [b"Forwarded: " + begin + own]


@pytest.mark.parametrize("said", [[], [(b"Forwarded", b"")]], ids=["absent", "empty"])
def test_forwarded_is_not_invented(said: list[Field]) -> None:
    """Without a Forwarded field none is made: X-Forwarded-For says it already."""
    assert b"Forwarded:" not in origin(*said).lines.replace(b"X-Forwarded", b"")


@pytest.mark.parametrize(
    ("address", "node"),
    [("192.0.2.1", b"192.0.2.1"), ("2001:db8::1", b'"[2001:db8::1]"')],
    ids=["IPv4", "IPv6 in brackets and quotes"],
)
def test_element_spells_the_node(address: str, node: bytes) -> None:
    """RFC 7239 section 6: IPv6 stands in brackets, and therefore in quotes."""
    element = forwarded_element(Peer(address, trusted=True, scheme="https"), b"a.example:8080")
    assert element == b"for=" + node + b';proto=https;host="a.example:8080"'


def test_other_fields_pass_as_said() -> None:
    """What else a trusted peer says goes on, each repetition in its order."""
    found = origin(
        (b"X-Forwarded-Port", b"443"),
        (b"X-Real-IP", b"1.1.1.1"),
        (b"Remote-User", b"a"),
        (b"X-Real-IP", b"2.2.2.2"),
    )
    assert lines(found)[3:] == [
        b"x-forwarded-port: 443",
        b"x-real-ip: 1.1.1.1",
        b"x-real-ip: 2.2.2.2",
        b"remote-user: a",
    ]


REQUEST_IDS = {
    "none": ([], None),
    "one": ([b"req-1.2:3_4/5=6+7@8"], "req-1.2:3_4/5=6+7@8"),
    "longest": ([b"a" * REQUEST_ID_LIMIT], "a" * REQUEST_ID_LIMIT),
    "too long": ([b"a" * (REQUEST_ID_LIMIT + 1)], None),
    "empty": ([b""], None),
    "two": ([b"a", b"b"], None),
    "space": ([b"a b"], None),
    "quote": ([b'a"b'], None),
    "comma": ([b"a,b"], None),
    "control": ([b"a\x1b[31m"], None),
    "not ASCII": ([b"caf\xc3\xa9"], None),
}


@pytest.mark.parametrize(("values", "found"), REQUEST_IDS.values(), ids=REQUEST_IDS)
def test_request_id_is_kept_when_it_is_plain(values: list[bytes], found: str | None) -> None:
    """One short plain id is kept; any other is as none, and no line repeats it."""
    result = origin(*((b"X-Request-Id", value) for value in values))
    assert result.request_id == found
    assert b"x-request-id" not in result.lines.lower()


NAMES = st.sampled_from(
    [
        b"X-Forwarded-For",
        b"x-forwarded-proto",
        b"X-Forwarded-Host",
        b"Forwarded",
        b"X-Real-IP",
        b"X-Request-Id",
    ]
)
VALUES = st.binary(max_size=40).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b""))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_what_is_said_never_breaks_lines(said: list[Field]) -> None:
    """However odd the values, each line is one field, the peer is last, and the client is an address."""
    found = origin(*said)
    assert all(b": " in line and b"\n" not in line for line in lines(found))
    assert lines(found)[0].endswith(b"10.0.0.1")
    ip_address(found.client)


@pytest.mark.parametrize(
    ("said", "own", "scheme"),
    [
        ([(b"X-Forwarded-Proto", b"https")], "http", "https"),
        ([(b"x-forwarded-proto", b"HTTPS")], "http", "https"),
        ([(b"X-Forwarded-Proto", b"http")], "https", "http"),
        ([(b"X-Forwarded-Proto", b"https"), (b"X-Forwarded-Proto", b"http")], "http", "http"),
        ([(b"X-Forwarded-Proto", b"wss")], "http", "http"),
        ([(b"X-Forwarded-Proto", b"https, http")], "http", "http"),
        ([(b"X-Forwarded-Proto", b"https, HTTPS")], "http", "https"),
        ([], "https", "https"),
        ([], "http", "http"),
    ],
    ids=[
        "https",
        "capitals",
        "http",
        "last counts",
        "another",
        "list",
        "list of one kind",
        "own TLS",
        "silence",
    ],
)
def test_scheme_that_the_client_used(said: list[Field], own: str, scheme: str) -> None:
    """Whether the browser came by TLS is what the nearest peer says; only a plain word for it counts."""
    assert origin(*said, peer=Peer("10.0.0.1", trusted=True, scheme=own)).scheme == scheme
