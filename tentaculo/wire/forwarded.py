"""Who is said to have sent a request: `X-Forwarded-*`, `Forwarded` (RFC 7239), `X-Request-Id`.

Pure.  Nothing a peer says is believed unless the peer is trusted; the peer's own address always
comes from its socket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from tentaculo.wire.headers import Field

Network = IPv4Network | IPv6Network
REQUEST_ID_LIMIT = 128
_REQUEST_ID_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:=/+@")


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a downstream connection; `address` is its IP address as text."""

    address: str
    trusted: bool
    scheme: str = "http"


@dataclass(frozen=True, slots=True)
class Origin:
    """What is believed of a request: `client` for the log, `lines` to send on, its id and scheme."""

    client: str
    lines: bytes
    request_id: str | None
    scheme: str


def is_trusted(address: str, networks: Sequence[Network]) -> bool:
    """Return whether an IP address lies in one of the networks; what is no address never does."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return any((mapped or ip) in network for network in networks if network.version == (mapped or ip).version)


def untrusted_lines(peer: Peer) -> bytes:
    """Write the forwarding fields of a peer that is not believed, all but the host's."""
    return f"X-Forwarded-For: {peer.address}\r\nX-Forwarded-Proto: {peer.scheme}\r\n".encode()


def trusted_origin(peer: Peer, host: bytes, said: Sequence[Field], networks: Sequence[Network]) -> Origin:
    """Combine what a trusted peer says with what its socket shows.

    Addresses are appended, never replaced.  The client is the rightmost address that is not
    itself trusted.
    """
    fields: dict[bytes, list[bytes]] = {}
    for name, value in said:
        fields.setdefault(name.lower(), []).append(value)
    chain = _list(fields.pop(b"x-forwarded-for", []))
    proto = _single(fields.pop(b"x-forwarded-proto", []), peer.scheme.encode())
    forwarded_host = _single(fields.pop(b"x-forwarded-host", []), host)
    request_id = _request_id(fields.pop(b"x-request-id", []))
    lines = [b"X-Forwarded-For: " + b", ".join([*chain, peer.address.encode()])]
    lines += [b"X-Forwarded-Proto: " + proto, b"X-Forwarded-Host: " + forwarded_host]
    if elements := [value for value in fields.pop(b"forwarded", []) if value.strip()]:
        lines.append(b"Forwarded: " + b", ".join([*elements, forwarded_element(peer, host)]))
    lines += [b"%b: %b" % (name, value) for name, values in fields.items() for value in values]
    client = _rightmost_untrusted(chain, networks) or peer.address
    schemes = {scheme.strip().lower() for scheme in proto.split(b",")}  # one of each proxy, in doubt
    scheme = "https" if schemes == {b"https"} else "http"
    return Origin(client, b"\r\n".join(lines) + b"\r\n", request_id, scheme)


def forwarded_element(peer: Peer, host: bytes) -> bytes:
    """Write one `Forwarded` element (RFC 7239 section 4) for a peer."""
    address = f'"[{peer.address}]"' if ":" in peer.address else peer.address
    return f'for={address};proto={peer.scheme};host="'.encode() + host + b'"'


def _list(values: Sequence[bytes]) -> list[bytes]:
    return [item.strip() for value in values for item in value.split(b",") if item.strip()]


def _single(values: Sequence[bytes], default: bytes) -> bytes:
    return values[-1] if values else default


def _request_id(values: Sequence[bytes]) -> str | None:
    if len(values) != 1 or not 0 < len(values[0]) <= REQUEST_ID_LIMIT:
        return None
    return values[0].decode("ascii") if _REQUEST_ID_BYTES.issuperset(values[0]) else None


def _rightmost_untrusted(chain: Sequence[bytes], networks: Sequence[Network]) -> str | None:
    for item in reversed(chain):
        address = item.decode("latin-1")
        if "%" in address:  # a zone may be any text, and means nothing on another machine
            return None
        try:
            ip_address(address)
        except ValueError:
            return None
        if not is_trusted(address, networks):
            return address
    return None
